package realnode

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// door is a Unix socket that leads out of a VM.
type door struct {
	listener net.Listener
	close    func()
}

// serve answers HTTP there.
func serve(listener net.Listener, handler http.Handler) *door {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	return &door{listener: listener, close: func() {
		_ = server.Close()
		<-done
	}}
}

// forwardTo carries connections to a TCP address.
func forwardTo(listener net.Listener, address string) *door {
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	keep := func(c net.Conn, is bool) {
		mu.Lock()
		defer mu.Unlock()
		if is {
			open[c] = true
			return
		}
		delete(open, c)
		_ = c.Close()
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				keep(near, true)
				defer keep(near, false)
				far, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				keep(far, true)
				defer keep(far, false)
				both(near, far)
			}()
		}
	}()
	return &door{listener: listener, close: func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			_ = c.Close()
		}
	}}
}

// both copies in both directions until one of them ends.
func both(a, b net.Conn) {
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
