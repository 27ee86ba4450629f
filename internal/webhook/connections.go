package webhook

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections may be open. Metacontroller needs as many as it makes calls; kubelets and Prometheus need a few.
const maxConnections = 1024

// connections closes the one that has waited longest for its client when there are too many: a client that comes with a request,
// such as a probe, is always served, however many others say nothing.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]*connection
	waiting list.List // of net.Conn, the longest first
}

type connection struct {
	all   *connections
	conn  net.Conn
	place *list.Element // in waiting; nil while a call is under way
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*connection{}}
}

type connectionKey struct{}

// accept is the server's ConnContext.
func (a *connections) accept(ctx context.Context, conn net.Conn) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &connection{all: a, conn: conn}
	a.open[conn] = c
	c.place = a.waiting.PushBack(conn)
	if len(a.open) > a.most {
		longest := a.waiting.Front().Value.(net.Conn)
		a.forget(longest)
		_ = longest.Close()
	}
	return context.WithValue(ctx, connectionKey{}, c)
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
	case c.place != nil && state != http.StateNew:
		a.waiting.MoveToBack(c.place)
	}
}

func (a *connections) forget(conn net.Conn) {
	if c := a.open[conn]; c.place != nil {
		a.waiting.Remove(c.place)
	}
	delete(a.open, conn)
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
	}
}
