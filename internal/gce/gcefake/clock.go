package gcefake

import (
	"slices"
	"sync"
	"time"
)

// Clock is the time of a Fake.
type Clock interface {
	// Now is the present moment.
	Now() time.Time
	// AfterFunc calls f once, d from now, on a goroutine of its choice and holding no lock of the clock.
	// stop prevents a call that has not begun.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// RealClock is the machine's time. In a testing/synctest bubble it is the bubble's.
type RealClock struct{}

// Now is time.Now.
func (RealClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (RealClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// ManualClock stands still until it is advanced.
type ManualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*manualTimer // in the order in which they were set
}

type manualTimer struct {
	at time.Time
	f  func()
}

// NewManualClock returns a clock that shows start.
func NewManualClock(start time.Time) *ManualClock {
	return &ManualClock{now: start}
}

// Now is the moment that the clock was last advanced to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f from within the Advance that reaches its time.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &manualTimer{at: c.now.Add(max(d, 0)), f: f}
	c.timers = append(c.timers, t)
	return func() { c.remove(t) }
}

// Advance moves the clock by d, calling what falls due in order of time, each at its own time. What these calls
// set in turn is called too if it falls due within d. When Advance returns, all of it has been done.
func (c *ManualClock) Advance(d time.Duration) {
	end := c.Now().Add(d)
	for {
		f := c.next(end)
		if f == nil {
			return
		}
		f()
	}
}

// next takes the first timer due by end and moves the clock there, or moves it to end and returns nil.
func (c *ManualClock) next(end time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := -1
	for i, t := range c.timers {
		if !t.at.After(end) && (first < 0 || t.at.Before(c.timers[first].at)) {
			first = i
		}
	}
	if first < 0 {
		c.now = end
		return nil
	}
	t := c.timers[first]
	c.timers = slices.Delete(c.timers, first, first+1)
	c.now = t.at
	return t.f
}

func (c *ManualClock) remove(t *manualTimer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers = slices.DeleteFunc(c.timers, func(o *manualTimer) bool { return o == t })
}
