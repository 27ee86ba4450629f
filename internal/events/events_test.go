package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/events"
)

func told(n int) []corev1.Event {
	all := make([]corev1.Event, n)
	for i := range all {
		all[i] = corev1.Event{
			Reason: "NoCapacity", Message: fmt.Sprint(i),
			InvolvedObject: corev1.ObjectReference{Kind: "SpotInstanceJob", Namespace: "ml", Name: "train"},
		}
	}
	return all
}

// start runs a writer until the test ends, and returns its log: read it after stop.
func start(t *testing.T, write func(context.Context, corev1.Event) error) (w *events.Writer, log *bytes.Buffer, stop func()) {
	t.Helper()
	log = &bytes.Buffer{}
	w = events.New(slog.New(slog.NewTextHandler(log, nil)), write)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return w, log, stop
}

func TestEventsAreWrittenInOrder(t *testing.T) {
	written := make(chan string)
	w, log, stop := start(t, func(_ context.Context, e corev1.Event) error { written <- e.Message; return nil })
	w.Tell(told(3))
	for i := range 3 {
		require.Equal(t, fmt.Sprint(i), <-written)
	}
	stop()
	require.Empty(t, log.String())
}

func TestAnEventThatCannotBeWrittenIsLoggedAndTheNextFollows(t *testing.T) {
	written := make(chan string)
	w, log, stop := start(t, func(_ context.Context, e corev1.Event) error {
		if e.Message == "0" {
			return errors.New("events is forbidden")
		}
		written <- e.Message
		return nil
	})
	w.Tell(told(2))
	require.Equal(t, "1", <-written)
	stop()
	require.Contains(t, log.String(), `parent="SpotInstanceJob ml/train" reason=NoCapacity error="events is forbidden"`)
}

// Whoever tells never waits, not even while nothing is written at all.
func TestTooManyEventsAreDropped(t *testing.T) {
	var log bytes.Buffer
	w := events.New(slog.New(slog.NewTextHandler(&log, nil)), nil)
	w.Tell(told(900))
	require.Empty(t, log.String())
	w.Tell(told(900))
	require.Contains(t, log.String(), "dropped=800")
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
}

// An API server that does not answer holds up an Event for some seconds, not for ever.
func TestAnEventHasADeadline(t *testing.T) {
	deadlines := make(chan bool)
	w, _, _ := start(t, func(ctx context.Context, _ corev1.Event) error {
		_, bounded := ctx.Deadline()
		deadlines <- bounded
		return nil
	})
	w.Tell(told(1))
	require.True(t, <-deadlines)
}

// Events that wait are memory, and whoever reaches the hooks' port can have some told.
func TestEventsAreSmall(t *testing.T) {
	written := make(chan corev1.Event)
	w, _, _ := start(t, func(_ context.Context, e corev1.Event) error { written <- e; return nil })
	long, forged := told(1), told(1)
	long[0].Message = strings.Repeat("é", 1000)
	forged[0].InvolvedObject.Name = strings.Repeat("n", 254)
	w.Tell(append(forged, long...))
	e := <-written
	require.Equal(t, "train", e.InvolvedObject.Name)
	require.LessOrEqual(t, len(e.Message), 1024)
	require.True(t, strings.HasSuffix(e.Message, "é …"))
}
