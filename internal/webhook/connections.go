package webhook

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxConnections may be open. Metacontroller needs as many as it makes calls; kubelets and Prometheus need a few.
const maxConnections = 2048

// minSilence is how long a client may say nothing before its connection is closed for another one.
const minSilence = time.Second

// connections closes the one whose client has been silent longest when there are too many: a client that comes with a request,
// such as a probe, is served soon, however many others say nothing.
type connections struct {
	most    int
	silence time.Duration

	mu      sync.Mutex
	open    map[net.Conn]*connection
	waiting list.List // of net.Conn, the longest first
}

type connection struct {
	all   *connections
	conn  net.Conn
	place *list.Element // in waiting; nil while a call is worked on
	moved time.Time     // when its client last did something
}

func newConnections(most int) *connections {
	return &connections{most: most, silence: minSilence, open: map[net.Conn]*connection{}}
}

type connectionKey struct{}

// accept is the server's ConnContext. Nobody else is accepted before it returns.
func (a *connections) accept(ctx context.Context, conn net.Conn) context.Context {
	for wait := a.makeRoom(); wait > 0; wait = a.makeRoom() {
		time.Sleep(wait)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &connection{all: a, conn: conn, moved: time.Now()}
	a.open[conn] = c
	c.place = a.waiting.PushBack(conn)
	return context.WithValue(ctx, connectionKey{}, c)
}

// makeRoom returns how long nobody can be asked to go.
func (a *connections) makeRoom() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) < a.most {
		return 0
	}
	longest := a.waiting.Front()
	if longest == nil {
		return a.silence
	}
	conn := longest.Value.(net.Conn)
	if wait := a.silence - time.Since(a.open[conn].moved); wait > 0 {
		return wait
	}
	a.forget(conn)
	_ = conn.Close()
	return 0
}

// changed is the server's ConnState.
func (a *connections) changed(conn net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.open[conn]
	switch {
	case c == nil:
	case state == http.StateClosed || state == http.StateHijacked:
		a.forget(conn)
	case state != http.StateNew:
		c.move()
	}
}

// move is called with all locked.
func (c *connection) move() {
	c.moved = time.Now()
	if c.all.open[c.conn] == c && c.place != nil {
		c.all.waiting.MoveToBack(c.place)
	}
}

func (a *connections) forget(conn net.Conn) {
	if c := a.open[conn]; c.place != nil {
		a.waiting.Remove(c.place)
	}
	delete(a.open, conn)
}

// moved says that a part of the request's body has arrived.
func moved(ctx context.Context) {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		c.move()
	}
}

// holdConnection keeps the request's connection from being closed for others until release: the gate looks after it.
func holdConnection(ctx context.Context) (release func()) {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return func() {}
	}
	c.hold()
	return c.release
}

func (c *connection) hold() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.all.open[c.conn] == c && c.place != nil {
		c.all.waiting.Remove(c.place)
		c.place = nil
	}
}

func (c *connection) release() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.all.open[c.conn] == c && c.place == nil {
		c.place = c.all.waiting.PushBack(c.conn)
		c.moved = time.Now()
	}
}
