package gce

import (
	"container/list"
	"sync"
)

// Clients are the Clients of a process, one for each project and credentials, so that connections and tokens are
// shared. The least recently used one is dropped when there are too many; calls of it that are under way end as
// if nothing had happened.
type Clients struct {
	opts Options
	most int

	mu     sync.Mutex
	byKey  map[clientKey]*list.Element
	recent *list.List // of *clientEntry, the last used first
}

type clientKey struct{ project, credentials string }

type clientEntry struct {
	key    clientKey
	client *Client
}

// NewClients returns a cache of at most that many Clients, all of the same Options.
func NewClients(opts Options, most int) *Clients {
	return &Clients{opts: opts, most: max(most, 1), byKey: map[clientKey]*list.Element{}, recent: list.New()}
}

// Client is the one of this project and these credentials, as Dial returns it. A failure is not kept: the next
// call tries again.
func (c *Clients) Client(project string, creds Credentials) (*Client, error) {
	key := clientKey{project, creds.fingerprint()}
	if found := c.lookup(key); found != nil {
		return found, nil
	}
	// Outside of the lock: default credentials may have to be looked for.
	dialed, err := Dial(project, creds, c.opts)
	if err != nil {
		return nil, err
	}
	return c.keep(key, dialed), nil
}

func (c *Clients) lookup(key clientKey) *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*clientEntry).client
}

// keep stores the client unless another call was faster, and returns the one that is stored.
func (c *Clients) keep(key clientKey, dialed *Client) *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		return e.Value.(*clientEntry).client
	}
	c.byKey[key] = c.recent.PushFront(&clientEntry{key, dialed})
	if c.recent.Len() > c.most {
		oldest := c.recent.Back()
		c.recent.Remove(oldest)
		delete(c.byKey, oldest.Value.(*clientEntry).key)
	}
	return dialed
}
