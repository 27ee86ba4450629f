package sim

import (
	"slices"
	"time"
)

// cached are the kinds that Metacontroller watches.
var cached = []string{"SpotInstanceJob", "SpotInstanceVM", "Job", "CheckpointBackup", "Pod", "Node"}

// cache is Metacontroller's informers: what it knows of the API, which is some time behind. Changes of one kind arrive in
// order; those of different kinds overtake each other.
type cache struct {
	world    *World
	learned  func(Change)
	records  map[Key]*Record
	byKind   map[string][]*Record // sorted
	latency  map[string]time.Duration
	arrives  map[string]time.Time // the last change on its way, by kind
	epoch    int
	watching bool
}

// normalLatency is the most that a watch event takes when nothing is wrong.
const normalLatency = 20 * time.Millisecond

func newCache(w *World, learned func(Change)) *cache {
	c := &cache{world: w, learned: learned, latency: map[string]time.Duration{}, arrives: map[string]time.Time{}}
	c.clear()
	w.API.Watch(c.changed)
	return c
}

func (c *cache) clear() {
	c.records, c.byKind = map[Key]*Record{}, map[string][]*Record{}
}

// stop forgets everything and learns no more.
func (c *cache) stop() {
	c.epoch++
	c.watching = false
	c.clear()
}

// relist begins with what the API holds now.
func (c *cache) relist() {
	c.stop()
	c.watching = true
	for _, kind := range cached {
		for _, r := range c.world.API.List(kind) {
			c.records[r.Key] = r
		}
		c.byKind[kind] = c.world.API.List(kind)
	}
}

// changed lets a change be known later.
func (c *cache) changed(change Change) {
	kind := change.Record().Kind
	if !c.watching || !slices.Contains(cached, kind) {
		return
	}
	delay := time.Duration(c.world.Random.Int64N(int64(normalLatency))) + c.latency[kind]
	at := c.world.Clock.Now().Add(delay)
	if last := c.arrives[kind]; at.Before(last) {
		at = last
	}
	c.arrives[kind] = at
	epoch := c.epoch
	c.world.Clock.AfterFunc(at.Sub(c.world.Clock.Now()), func() {
		if epoch == c.epoch {
			c.learn(change)
		}
	})
}

func (c *cache) learn(change Change) {
	k := change.Record().Key
	if change.New == nil {
		delete(c.records, k)
	} else {
		c.records[k] = change.New
	}
	delete(c.byKind, k.Kind)
	c.learned(change)
}

func (c *cache) get(k Key) *Record { return c.records[k] }

// list is what is known of a kind, by namespace and name.
func (c *cache) list(kind string) []*Record {
	if list, done := c.byKind[kind]; done {
		return list
	}
	list := []*Record{}
	for k, r := range c.records {
		if k.Kind == kind {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(x, y *Record) int {
		if x.Key.less(y.Key) {
			return -1
		}
		return 1
	})
	c.byKind[kind] = list
	return list
}
