package sim

import (
	"container/heap"
	"time"
)

// Clock is virtual time. It stands still until the next timer is run. It is a gcefake.Clock, for one goroutine.
type Clock struct {
	now    time.Time
	timers timers
	set    uint64
}

type timer struct {
	at      time.Time
	order   uint64 // of setting: timers of the same moment run in this order
	f       func()
	stopped bool
}

// NewClock returns a Clock that shows start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now is the present moment.
func (c *Clock) Now() time.Time { return c.now }

// AfterFunc lets f run once, d from now. stop prevents a run that has not begun.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func()) {
	c.set++
	t := &timer{at: c.now.Add(max(d, 0)), order: c.set, f: f}
	heap.Push(&c.timers, t)
	return func() { t.stopped = true }
}

// Next is when the next timer is due, and false if there is none.
func (c *Clock) Next() (time.Time, bool) {
	for len(c.timers) > 0 && c.timers[0].stopped {
		heap.Pop(&c.timers)
	}
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.timers[0].at, true
}

// RunNext moves to the next timer's time and runs it. It reports false if there is none.
func (c *Clock) RunNext() bool {
	if _, exists := c.Next(); !exists {
		return false
	}
	next := heap.Pop(&c.timers).(*timer)
	c.now = next.at
	next.f()
	return true
}

// Jump moves on to a moment before which no timer is due.
func (c *Clock) Jump(to time.Time) {
	if to.After(c.now) {
		c.now = to
	}
}

// timers is a heap: the earliest first.
type timers []*timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at.Before(t[j].at) || t[i].at.Equal(t[j].at) && t[i].order < t[j].order
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(*timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	return x
}
