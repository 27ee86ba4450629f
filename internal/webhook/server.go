package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// CallTimeout bounds one hook call. Metacontroller gives up after 10 s; an answer it no longer waits for would be
// work done twice.
const CallTimeout = 9 * time.Second

// Bounded ends a request's context after CallTimeout.
func Bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), CallTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Recovered answers a panicking hook with 500, so that Metacontroller changes nothing and tries again.
func Recovered(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if p := recover(); p != nil {
					log.ErrorContext(r.Context(), "hook panicked", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
					http.Error(w, "internal error: the hook panicked; its log has the stack", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// Serve answers requests on listener until ctx ends, then finishes the calls in flight for at most drain and returns. Of more than
// maxConnections it closes those that have waited longest for their client.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	server := newServer(handler)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve hooks on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return fmt.Errorf("hook calls were still running %s after the stop signal: %w", drain, err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newServer cuts clients that are slow to send a header or to read an answer; Gate cuts those that are slow to send a body.
func newServer(handler http.Handler) *http.Server {
	open := newConnections(maxConnections)
	return &http.Server{
		Handler:           handler,
		ConnContext:       open.accept,
		ConnState:         open.changed,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       CallTimeout,
		WriteTimeout:      2 * CallTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
