package sim

import "time"

// queue is Metacontroller's work queue of parents: it dedupes, never runs one key twice at a time, keeps the earliest of
// several later times, and backs off from 5 ms to 1000 s.
type queue struct {
	clock    *Clock
	run      func(Key)
	dirty    map[Key]bool
	running  map[Key]bool
	later    map[Key]time.Time
	failures map[Key]int
	closed   bool
}

const maxBackoff = 1000 * time.Second

func newQueue(clock *Clock, run func(Key)) *queue {
	return &queue{clock: clock, run: run, dirty: map[Key]bool{}, running: map[Key]bool{}, later: map[Key]time.Time{}, failures: map[Key]int{}}
}

// add asks for a run as soon as possible.
func (q *queue) add(k Key) {
	if q.dirty[k] || q.closed {
		return
	}
	q.dirty[k] = true
	if !q.running[k] {
		q.clock.AfterFunc(time.Millisecond, func() { q.start(k) })
	}
}

func (q *queue) start(k Key) {
	if q.closed || q.running[k] || !q.dirty[k] {
		return
	}
	delete(q.dirty, k)
	q.running[k] = true
	q.run(k)
}

// done ends a run.
func (q *queue) done(k Key) {
	delete(q.running, k)
	if q.dirty[k] {
		q.clock.AfterFunc(time.Millisecond, func() { q.start(k) })
	}
}

// addAfter asks for a run once d has passed, unless an earlier one is waiting. A run in between does not cancel it.
func (q *queue) addAfter(k Key, d time.Duration) {
	at := q.clock.Now().Add(d)
	if waiting, is := q.later[k]; is && !at.Before(waiting) {
		return
	}
	q.later[k] = at
	q.clock.AfterFunc(d, func() {
		if waiting, is := q.later[k]; is && waiting.Equal(at) {
			delete(q.later, k)
			q.add(k)
		}
	})
}

// retry asks for a run after a failure.
func (q *queue) retry(k Key) {
	d := maxBackoff
	if n := q.failures[k]; n < 20 {
		d = min(5*time.Millisecond<<n, maxBackoff)
	}
	q.failures[k]++
	q.addAfter(k, d)
}

// forget ends a row of failures.
func (q *queue) forget(k Key) { delete(q.failures, k) }

// close drops all that waits.
func (q *queue) close() { q.closed = true }
