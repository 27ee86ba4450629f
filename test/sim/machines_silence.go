package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// silenceCommand is `silence every=N for=D`: of all Nodes of VMs every Nth is not heard for so long. Programs run on.
func (m *Machines) silenceCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	o := &options{Command: c}
	every := o.number("every", 2)
	if err != nil || o.err != nil {
		return "", cmp.Or(err, o.err)
	}
	if *every < 1 {
		return "", fmt.Errorf("line %d: silence every=%d: write 1 or more", c.Line, *every)
	}
	cut := 0
	for i, g := range m.heard() {
		if i%int(*every) == 0 {
			m.cutOff(g, d)
			cut++
		}
	}
	if cut > 0 {
		m.world.fault("silence", "%d Nodes for %s", cut, d)
	}
	return "", nil
}

// How an API server is overloaded: every lateEvery the heartbeats of two Nodes come late for each Node that is one too many.
const lateEvery = 10 * time.Second

// overloadCommand is `overload from=N for=D`: for so long the API server can take the heartbeats of N Nodes. With each Node
// more, others are not heard in time; and whoever buys VMs in their place makes it worse.
func (m *Machines) overloadCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	o := &options{Command: c}
	from := o.number("from", 2)
	if err != nil || o.err != nil {
		return "", cmp.Or(err, o.err)
	}
	m.world.fault("overload", "from %d Nodes for %s", *from, d)
	m.overload(int(*from), m.world.Clock.Now().Add(d))
	return "", nil
}

func (m *Machines) overload(from int, until time.Time) {
	if !m.world.Clock.Now().Before(until) {
		return
	}
	heard := m.heard()
	for range min(2*(len(m.nodes)-from), len(heard)) {
		i := m.world.Random.IntN(len(heard))
		late := m.world.Timing.NotReady + time.Duration(m.world.Random.Int64N(int64(time.Minute)))
		m.cutOff(heard[i], late)
		heard = slices.Delete(heard, i, i+1)
	}
	m.world.Clock.AfterFunc(lateEvery, func() { m.overload(from, until) })
}

// heard are the guests whose kubelets reach the API server, by name of their Node.
func (m *Machines) heard() []*guest {
	var heard []*guest
	for _, name := range slices.Sorted(maps.Keys(m.nodes)) {
		if m.nodes[name].reaches() {
			heard = append(heard, m.nodes[name])
		}
	}
	return heard
}
