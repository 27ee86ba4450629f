package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// market lets zones have the capacity that a trace says. At each row it preempts the VMs that have no room any more, which
// ones by chance. VMs that go already, noticed or STOPPING, count against nothing; those in PROVISIONING may find no room
// by themselves.
type market struct {
	world       *World
	trace       Trace
	chance      *rand.Rand // its own, so that the world's is the same whatever the trace
	preemptions int
}

// open begins with the first row, now.
func (m *market) open() { m.show(0, 0) }

// show lets a row be, which is the one with this number in the trace's repetition that began at a time since the start.
func (m *market) show(number int, began time.Duration) {
	for i, zone := range m.trace.Zones {
		capacity := m.trace.Rows[number].Capacity[i]
		m.world.GCE.SetCapacity(zone, capacity)
		m.preempt(zone, capacity)
	}
	next, lasts := number+1, m.trace.Lasts()
	if next == len(m.trace.Rows) {
		next, began = 0, began+lasts
	}
	at := m.world.start.Add(began + m.trace.Rows[next].At)
	m.world.Clock.AfterFunc(at.Sub(m.world.Clock.Now()), func() { m.show(next, began) })
}

// preempt takes VMs of a zone until no more than capacity are left.
func (m *market) preempt(zone string, capacity int) {
	var here []string
	for _, vm := range m.world.GCE.Instances() {
		if vm.Zone == zone && !vm.Noticed && slices.Contains([]string{"STAGING", "RUNNING"}, vm.Status) {
			here = append(here, vm.Name)
		}
	}
	m.chance.Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
	for len(here) > capacity {
		if m.world.GCE.Preempt(here[0]) == nil {
			m.preemptions++
			m.world.fault("preempt", "%s: %s has room for %d", here[0], zone, capacity)
		}
		here = here[1:]
	}
}
