package spotinstancevm

import (
	"sort"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// keepEnded is how long a VM outlives the last pod on it. The job hook believes a pod's end 20 s later, when it knows that
// the VM had no part in it; if the VM goes before, the end looks like its doing.
const keepEnded = 30 * time.Second

// unreadGrace is how long a VM that cannot be read and whose Node is not Ready still counts.
const unreadGrace = time.Minute

// wanted is how many VMs the pool should have, besides the Nodes that the user gave it.
func wanted(o observed) int { return min(asked(o), o.settings.maximum) }

// asked is how many VMs wanted would be without maxReplicas.
func asked(o observed) int {
	n := len(demanding(o))
	if o.settings.fixed != nil {
		n = *o.settings.fixed
	}
	return max(n-len(o.lent), 0, o.settings.minimum)
}

// isSupply tells whether a VM serves the demand, or is about to.
func isSupply(o observed, m machine) bool {
	switch m.state {
	case v1alpha1.InstancePlanned, v1alpha1.InstanceCreating, v1alpha1.InstanceJoining:
		return !m.misplaced
	case v1alpha1.InstanceReady:
		return !m.misplaced && !servesNobody(o, m)
	case v1alpha1.InstanceNotReady:
		return !m.isAbandoned()
	case v1alpha1.InstanceUnknown:
		return m.presence != present && o.now.Sub(m.since) < unreadGrace
	default:
		return false
	}
}

func supply(o observed, machines []machine) int {
	n := 0
	for _, m := range machines {
		if isSupply(o, m) {
			n++
		}
	}
	return n
}

// shrink picks the VMs beyond what is wanted, notes since when they are idle, and lets those go that were idle for long
// enough. A VM with a training pod on it is never picked: a pool that is too large by it waits for the pod to end.
func shrink(o observed, d *decision) {
	spare := map[string]bool{}
	var kept tally
	for _, m := range d.machines {
		kept.add(o, m, 1)
	}
	for _, i := range idlest(o, d.machines) {
		m := d.machines[i]
		if kept.isBeyond(o, m, d.desired) {
			spare[m.name] = true
			kept.add(o, m, -1)
		}
	}
	for _, m := range d.machines {
		spare[m.name] = spare[m.name] || m.misplaced || servesNobody(o, m)
	}
	for i := range d.machines {
		m := &d.machines[i]
		if !spare[m.name] {
			m.idleSince = time.Time{}
			continue
		}
		if m.idleSince.IsZero() {
			m.idleSince = o.now
		}
		if isDue(o, *m) {
			m.leave(o)
		}
	}
}

// isDue tells whether an idle VM goes now. A pool of fixed size has no demand to wait for, and one that rejects pods keeps getting them.
func isDue(o observed, m machine) bool {
	return o.settings.fixed != nil || m.rejects != "" || m.state == v1alpha1.InstancePlanned || !o.now.Before(m.idleSince.Add(o.settings.idleTimeout))
}

// leave begins to remove a VM that nobody needs. One without a Node has nothing to drain.
func (m *machine) leave(o observed) {
	if m.presence != present || m.state == v1alpha1.InstancePlanned {
		return
	}
	m.leaving = true
	if m.rejects != "" {
		m.reason = v1alpha1.VMRejectsPods
	}
	if m.node == nil {
		m.state, m.since, m.reason = v1alpha1.InstanceDeleting, o.now, v1alpha1.VMNotNeeded
	}
}

// idlest is the indices of all VMs that could go, the least useful first: of no use by its zone, not started, on demand in place of spot, of an old spec, not Ready yet,
// idle the longest, youngest.
func idlest(o observed, machines []machine) []int {
	var indices []int
	for i, m := range machines {
		if isSupply(o, m) && m.pods == 0 && !o.now.Before(m.freeAt) && m.state != v1alpha1.InstanceUnknown {
			indices = append(indices, i)
		}
	}
	sort.SliceStable(indices, func(i, j int) bool {
		a, b := machines[indices[i]], machines[indices[j]]
		switch {
		case a.matched != b.matched:
			return b.matched
		case isPlanned(a) != isPlanned(b):
			return isPlanned(a)
		case isStandIn(o, a) != isStandIn(o, b):
			return isStandIn(o, a)
		case a.oldSpec != b.oldSpec:
			return a.oldSpec
		case isReady(a) != isReady(b):
			return !isReady(a)
		case !a.idleSince.Equal(b.idleSince):
			return !a.idleSince.IsZero() && (b.idleSince.IsZero() || a.idleSince.Before(b.idleSince))
		default:
			return a.ordinal > b.ordinal
		}
	})
	return indices
}

func isPlanned(m machine) bool { return m.state == v1alpha1.InstancePlanned }
func isReady(m machine) bool   { return m.state == v1alpha1.InstanceReady }
