package cluster

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// loopbackServer is an HTTP server of this process on a free port of 127.0.0.1.
type loopbackServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

func newLoopbackServer(handler http.Handler) (*loopbackServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	s := &loopbackServer{
		listener: listener,
		server:   &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		done:     make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // ends with ErrServerClosed
	}()
	return s, nil
}

func (s *loopbackServer) url() string { return "http://" + s.listener.Addr().String() }

// stop ends the server and its connections.
func (s *loopbackServer) stop() {
	if s == nil {
		return
	}
	_ = s.server.Close()
	<-s.done
}
