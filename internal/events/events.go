// Package events writes the Events that the hooks tell, in the background: a call of a hook neither waits for an Event nor fails with
// one. It is not a log: what cannot be written is dropped, and status has it too.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// room is how many Events may wait: what some hundred VMs that start in one moment tell.
	room = 1000
	// longest is how much of a message is written, in bytes: what the API server takes of one, and people read.
	longest = 1024
	// longestName is the API server's: a request that names something longer is forged.
	longestName = 253
	// patience is how long one Event may take.
	patience = 5 * time.Second
)

// Writer writes Events, one after the other.
type Writer struct {
	waiting chan corev1.Event
	write   func(context.Context, corev1.Event) error
	log     *slog.Logger
}

// New returns a Writer that writes nothing before Run.
func New(log *slog.Logger, write func(context.Context, corev1.Event) error) *Writer {
	return &Writer{make(chan corev1.Event, room), write, log}
}

// Tell takes Events to write and returns at once. Those that it has no room for are dropped, which it logs.
func (w *Writer) Tell(events []corev1.Event) {
	for i, event := range events {
		if !isSmall(event.InvolvedObject) {
			continue
		}
		event.Message = cut(event.Message)
		select {
		case w.waiting <- event:
		default:
			w.log.Warn("events dropped: too many wait to be written", "parent", parentOf(event), "dropped", len(events)-i)
			return
		}
	}
}

// isSmall keeps out what no object is called: Events that wait are memory.
func isSmall(about corev1.ObjectReference) bool {
	return max(len(about.Namespace), len(about.Name), len(about.UID), len(about.ResourceVersion)) <= longestName
}

func cut(message string) string {
	const more = " …"
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[:longest-len(more)], "") + more
}

// Run writes until ctx ends.
func (w *Writer) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.waiting:
			w.one(ctx, event)
		}
	}
}

func (w *Writer) one(ctx context.Context, event corev1.Event) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.write(ctx, event); err != nil {
		w.log.Warn("event not written", "parent", parentOf(event), "reason", event.Reason, "error", err.Error())
	}
}

func parentOf(event corev1.Event) string {
	about := event.InvolvedObject
	return fmt.Sprintf("%s %s/%s", about.Kind, about.Namespace, about.Name)
}
