package webhook

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// client is a connection that tells whether the server has closed it.
type client struct {
	net.Conn
	ctx    context.Context
	closed bool
}

func (c *client) Close() error {
	c.closed = true
	return nil
}

func TestWhoWaitsLongestMakesRoom(t *testing.T) {
	all := newConnections(3)
	all.silence = 0
	connect := func() *client {
		c := &client{}
		c.ctx = all.accept(t.Context(), c)
		return c
	}
	first, second, third := connect(), connect(), connect()
	release := holdConnection(second.ctx) // a call is under way
	all.changed(first, http.StateActive)  // it has come with a request
	fourth := connect()
	assert.Equal(t, []bool{false, false, true, false}, []bool{first.closed, second.closed, third.closed, fourth.closed})

	all.changed(third, http.StateClosed) // as the server says later
	fifth := connect()
	assert.Equal(t, []bool{true, false, false}, []bool{first.closed, second.closed, fourth.closed})

	release()
	all.changed(fourth, http.StateClosed)
	connect()
	assert.False(t, second.closed || fifth.closed, "one has left by itself")
	connect()
	connect()
	assert.True(t, second.closed, "its call is over")
}
