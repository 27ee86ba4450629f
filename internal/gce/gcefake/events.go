package gcefake

import (
	"maps"
	"slices"
	"time"
)

// EventKind is what happened to a VM.
type EventKind string

// What a hypervisor would know of a VM.
const (
	Created  EventKind = "CREATED"  // PROVISIONING
	Running  EventKind = "RUNNING"  // it boots now: its startup script runs
	Notice   EventKind = "NOTICE"   // its metadata says preempted; it is still RUNNING
	Stopping EventKind = "STOPPING" // the guest is asked to shut down
	Stopped  EventKind = "STOPPED"  // TERMINATED: the guest is off, the name is still taken
	Gone     EventKind = "GONE"     // the guest is off, the name is free
)

// Event is one change of one VM.
type Event struct {
	Kind EventKind
	Time time.Time
	VM   VM // as it was right after the change, metadata and spec included
}

// Subscribe calls observe for each event from now on, one at a time and in order, holding no lock: observe may
// call the Fake. An event may be delivered on another goroutine than the one that caused it, and shortly after
// the causing call has returned.
func (f *Fake) Subscribe(observe func(Event)) (cancel func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastSub++
	id := f.lastSub
	f.subscribers[id] = observe
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, id)
	}
}

func (f *Fake) emit(kind EventKind, v *vm) {
	f.pending = append(f.pending, Event{Kind: kind, Time: f.now(), VM: v.view()})
}

// deliver empties the queue of events. One goroutine at a time does it, so that events stay in order; a call of
// the Fake from within a subscriber leaves its events to that goroutine.
func (f *Fake) deliver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.delivering {
		return
	}
	f.delivering = true
	for len(f.pending) > 0 {
		event := f.pending[0]
		f.pending = f.pending[1:]
		for _, id := range slices.Sorted(maps.Keys(f.subscribers)) {
			observe := f.subscribers[id]
			if observe == nil {
				continue // cancelled while another one was told
			}
			f.mu.Unlock()
			observe(event)
			f.mu.Lock()
		}
	}
	f.delivering = false
}
