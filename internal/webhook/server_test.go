package webhook

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServeFinishesCallsInFlight(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	entered, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, time.Minute) }()

	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	close(release)
	assert.Equal(t, "done", <-answer)
	assert.NoError(t, <-served)
}

func TestServeSaysWhichAddressFailed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	err = Serve(t.Context(), listener, http.NotFoundHandler(), time.Second)
	assert.ErrorContains(t, err, listener.Addr().String())
}

// serverWith is the server with one of its time-outs so short that a test need not wait for it.
func serverWith(t *testing.T, handler http.Handler, timeout func(*http.Server) *time.Duration) net.Conn {
	t.Helper()
	server := newServer(handler)
	require.Positive(t, *timeout(server), "the server has this time-out")
	*timeout(server) = 50 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute))) // of a server that waits for ever
	return conn
}

func TestWhoReadsNoAnswerIsCut(t *testing.T) {
	failed := make(chan error, 1)
	conn := serverWith(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for part := make([]byte, 1<<20); ; {
			if _, err := w.Write(part); err != nil {
				failed <- err
				return
			}
		}
	}), func(s *http.Server) *time.Duration { return &s.WriteTimeout })
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: hooks\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-failed:
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(time.Minute):
		t.Error("the server writes for ever to a client that reads nothing")
	}
}

func TestWhoSendsNoWholeHeaderIsCut(t *testing.T) {
	conn := serverWith(t, http.NotFoundHandler(), func(s *http.Server) *time.Duration { return &s.ReadHeaderTimeout })
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: ho")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	assert.NoError(t, err, "the server has closed the connection")
}

func TestRecoveredAnswers500(t *testing.T) {
	handler := Recovered(slog.New(slog.DiscardHandler))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") }))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "secret", "the body ends in an Event; only the log has details")
}

func TestBoundedEndsBeforeMetacontrollerGivesUp(t *testing.T) {
	var deadline time.Time
	handler := Bounded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { deadline, _ = r.Context().Deadline() }))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	assert.False(t, deadline.IsZero())
	assert.Less(t, CallTimeout, 10*time.Second)
}

func TestMeasuredCountsByStatusCode(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	handler := metrics.Measured("/jobs/sync", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) }))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("")))

	w := httptest.NewRecorder()
	Exposition(registry).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Contains(t, w.Body.String(), `spot_training_hook_calls_total{code="418",hook="/jobs/sync"} 1`)
	assert.Contains(t, w.Body.String(), `spot_training_hook_duration_seconds_count{hook="/jobs/sync"} 1`)
	assert.Contains(t, w.Body.String(), `spot_training_hook_calls_in_flight 0`)
}
