package sim

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
)

const (
	startTakes     = 2 * time.Second  // of Metacontroller, to its first sync
	flushInterval  = 30 * time.Minute // every parent is synced once in a while (--cache-flush-interval)
	customizeTTL   = 20 * time.Minute
	resyncsOfAll   = 15 // of all parents: one in so many
	relatedSyncing = 100 * time.Millisecond
	writeTakes     = 5 * time.Millisecond // from an answer to its writes
)

// Metacontroller is a model of Metacontroller 4.17 with dynamic apply and the child strategy OnDelete: stale caches, a
// queue per controller, the customize cache, deletes before creates, status replaced without a look at its version, and
// restarts that forget everything. Not modelled: adoption and release of children, label selectors on parents, child
// updates, its own rate limits and its limit of workers, Events.
type Metacontroller struct {
	world       *World
	controllers []*controller
	cache       *cache
	generation  int // of the process
	slowness    slowness
	sleeper     *sleeper // nil: pools are looked at as often as they want
}

// slowness is how late the process does things.
type slowness struct {
	writes    time.Duration // after an answer
	repeating bool          // every successful sync is done twice
}

func newMetacontroller(w *World) *Metacontroller {
	m := &Metacontroller{world: w}
	m.cache = newCache(w, m.see)
	all, err := composites()
	if err != nil {
		panic(err) // the manifests of this module
	}
	for i := range all {
		m.controllers = append(m.controllers, newController(m, &all[i]))
	}
	m.addCommands()
	m.start()
	return m
}

// start begins with empty caches of answers and syncs every parent.
func (m *Metacontroller) start() {
	generation := m.generation
	for _, c := range m.controllers {
		c.reset()
	}
	m.world.Clock.AfterFunc(startTakes, func() {
		if generation == m.generation {
			m.cache.relist()
			m.flush(generation)
			for _, c := range m.controllers {
				m.world.Clock.AfterFunc(c.resync, func() { c.resyncAll(generation, 1) })
			}
		}
	})
}

// restart is the end of the process and a new one after down. What was answered and not yet written is lost.
func (m *Metacontroller) restart(down time.Duration) {
	m.generation++
	generation := m.generation
	for _, c := range m.controllers {
		c.queue.close()
	}
	m.cache.stop()
	m.world.Clock.AfterFunc(down, func() {
		if generation == m.generation {
			m.start()
		}
	})
}

// flush syncs every parent now, and again after flushInterval.
func (m *Metacontroller) flush(generation int) {
	if generation != m.generation {
		return
	}
	m.wave()
	m.world.Clock.AfterFunc(flushInterval, func() { m.flush(generation) })
}

// wave syncs every parent.
func (m *Metacontroller) wave() {
	for _, c := range m.controllers {
		for _, parent := range m.cache.list(c.parentKind) {
			c.queue.add(parent.Key)
		}
	}
}

// resyncAll syncs the parents of a controller now, and again after its resyncPeriodSeconds: those whose last sync failed, without an
// end to their back-off, and every resyncsOfAll-th time the others. Metacontroller syncs all each time, which would cost worlds that
// last for weeks more than everything else. Where pools may sleep nothing fails, and parents are left alone.
func (c *controller) resyncAll(generation, time int) {
	if generation != c.meta.generation {
		return
	}
	for _, parent := range c.meta.cache.list(c.parentKind) {
		if c.meta.sleeper == nil && (c.queue.failures[parent.Key] > 0 || time%resyncsOfAll == 0) {
			c.queue.add(parent.Key)
		}
	}
	c.meta.world.Clock.AfterFunc(c.resync, func() { c.resyncAll(generation, time+1) })
}

// see is a change that the caches learn of.
func (m *Metacontroller) see(change Change) {
	for _, c := range m.controllers {
		c.see(change)
	}
}

// see asks for syncs of the parents that a change concerns.
func (c *controller) see(change Change) {
	r := change.Record()
	switch {
	case r.Kind == c.parentKind:
		if !isQuiet(change) {
			c.queue.add(r.Key)
		}
	case c.isChild(r.Kind):
		if owner := r.owner(); owner != nil && owner.Kind == c.parentKind {
			parent := c.meta.cache.get(Key{c.parentKind, r.Namespace, owner.Name})
			if parent != nil && parent.Object.GetUID() == owner.UID {
				c.queue.add(parent.Key)
			}
		}
	}
	for _, parent := range c.meta.cache.list(c.parentKind) {
		if c.concerns(parent, change) {
			c.queue.add(parent.Key)
		}
	}
}

// isQuiet is true for an update of a parent that ignoreStatusChanges drops.
func isQuiet(change Change) bool {
	if change.Old == nil || change.New == nil {
		return false
	}
	old, parent := change.Old.Object, change.New.Object
	return old.GetGeneration() == parent.GetGeneration() && parent.GetDeletionTimestamp() == nil &&
		equality.Semantic.DeepEqual(old.GetLabels(), parent.GetLabels()) &&
		equality.Semantic.DeepEqual(old.GetAnnotations(), parent.GetAnnotations())
}
