package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"k8s.io/apimachinery/pkg/types"
)

// controller is one CompositeController in a running Metacontroller.
type controller struct {
	*composite
	meta     *Metacontroller
	queue    *queue
	answers  map[customizeKey]customizeAnswer
	informed map[string]bool // kinds of related objects that are cached
	written  map[Key]writtenStatus
}

func newController(m *Metacontroller, c *composite) *controller {
	made := &controller{composite: c, meta: m, written: map[Key]writtenStatus{}}
	made.reset()
	return made
}

func (c *controller) reset() {
	c.queue = newQueue(c.meta.world.Clock, c.sync)
	c.answers, c.informed = map[customizeKey]customizeAnswer{}, map[string]bool{}
}

func (c *controller) isChild(kind string) bool { return slices.Contains(c.childKinds, kind) }

// sync begins one sync. It ends when the answer has been written, or with an error, which backs off.
func (c *controller) sync(k Key) {
	generation := c.meta.generation
	parent := c.meta.cache.get(k)
	if parent == nil {
		c.end(k, nil)
		return
	}
	parent, err := c.ensureFinalizer(parent)
	if err != nil {
		c.end(k, err)
		return
	}
	observed := c.claim(parent)
	related, err := c.related(parent)
	if err != nil {
		c.end(k, err)
		return
	}
	answer, took, err := c.call(parent, observed, related)
	if err != nil {
		c.meta.world.Clock.AfterFunc(took, func() { c.meta.resume(generation, func() { c.end(k, err) }) })
		return
	}
	if after := c.meta.sleeper.resync(k, answer); after > 0 {
		c.queue.addAfter(k, after)
	}
	c.meta.world.Clock.AfterFunc(took+writeTakes+c.meta.slowness.writes, func() {
		c.meta.resume(generation, func() { c.end(k, c.write(parent, observed, answer)) })
	})
}

// resume goes on unless the process has ended meanwhile.
func (m *Metacontroller) resume(generation int, f func()) {
	if generation == m.generation {
		f()
	}
}

// end ends a sync.
func (c *controller) end(k Key, err error) {
	switch {
	case err != nil:
		c.meta.world.Tracef("sync %s failed: %v", k, err)
		c.queue.retry(k)
	default:
		c.queue.forget(k)
		if c.meta.slowness.repeating && c.meta.cache.get(k) != nil {
			c.queue.addAfter(k, 500*time.Millisecond)
		}
	}
	c.queue.done(k)
}

// answer is the response of a sync or finalize hook.
type answer struct {
	Status             json.RawMessage   `json:"status"`
	Children           []json.RawMessage `json:"children"`
	ResyncAfterSeconds float64           `json:"resyncAfterSeconds"`
	Finalized          bool              `json:"finalized"`
}

// call asks the finalize hook about a parent that is being deleted, else the sync hook.
func (c *controller) call(parent *Record, observed, related groups) (answer, time.Duration, error) {
	finalizing := c.finalizer != "" && parent.Object.GetDeletionTimestamp() != nil
	path := c.paths.sync
	if finalizing {
		path = c.paths.finalize
	}
	body := requestBody(c.encoded, parent, observed, related, finalizing)
	r, err := c.meta.world.Servers.post(Call{Path: path, Parent: parent.Key, UID: parent.Object.GetUID(), Request: body})
	if err != nil {
		return answer{}, r.took, err
	}
	if r.code != 200 {
		return answer{}, r.took, fmt.Errorf("%s answered %d: %s", path, r.code, r.body)
	}
	var a answer
	if err := strictly(r.body, &a); err != nil {
		return answer{}, r.took, fmt.Errorf("%s: %w", path, err)
	}
	return a, r.took, nil
}

// ensureFinalizer adds the finalizer before the first hook call.
func (c *controller) ensureFinalizer(parent *Record) (*Record, error) {
	if c.finalizer == "" || parent.Object.GetDeletionTimestamp() != nil || slices.Contains(parent.Object.GetFinalizers(), c.finalizer) {
		return parent, nil
	}
	return c.setFinalizer(parent, true)
}

func (c *controller) setFinalizer(parent *Record, wanted bool) (*Record, error) {
	if c.meta.isCutOff() {
		return nil, errAPIDown
	}
	err := c.meta.world.API.Update(parent.Key, parent.Object.GetUID(), func(o Object) {
		rest := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == c.finalizer })
		if wanted && o.GetDeletionTimestamp() == nil {
			rest = append(rest, c.finalizer)
		}
		o.SetFinalizers(rest)
	})
	if err != nil {
		return nil, err
	}
	if live := c.meta.world.API.Get(parent.Key); live != nil {
		return live, nil
	}
	return parent, nil
}

// claim are the children of a parent that the cache knows, those that are being deleted included.
func (c *controller) claim(parent *Record) groups {
	observed := groups{}
	for _, kind := range c.childKinds {
		observed[kind] = []*Record{}
		for _, r := range c.meta.cache.list(kind) {
			if owner := r.owner(); owner != nil && owner.UID == parent.Object.GetUID() {
				observed[kind] = append(observed[kind], r)
			}
		}
	}
	return observed
}

var errAPIDown = errors.New("the API server is not there")

// customizeKey is what an answer of the customize hook is kept under.
type customizeKey struct {
	uid        types.UID
	generation int64
}
