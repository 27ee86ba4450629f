package spotinstancevm

import (
	"sort"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	keepGone   = 10 * time.Minute // a VM that is gone stays listed, so that its job learns of it
	keepRounds = 10               // of failed starts that are remembered: more do not lengthen the back-off
)

// prune drops the VMs that nobody has to know of any more, and puts the rest in order.
func prune(o observed, d decision) []machine {
	top := highest(o, d.machines)
	failed := map[string]bool{}
	for i, m := range d.starts.rounds {
		failed[m.name] = i >= len(d.starts.rounds)-keepRounds
	}
	kept := make([]machine, 0, len(d.machines))
	for _, m := range d.machines {
		if m.state != v1alpha1.InstanceGone || m.ordinal == top || failed[m.name] || isMissed(o, m) {
			kept = append(kept, m)
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].ordinal < kept[j].ordinal })
	return kept
}

// isMissed tells whether somebody may still look for a VM that is gone. Nobody looks for one that was only planned.
func isMissed(o observed, m machine) bool {
	if m.pods > 0 || m.node != nil {
		return true
	}
	never := m.seen.instanceID == "" && m.operation == "" && m.reason == v1alpha1.VMNotNeeded
	return !never && o.now.Sub(m.since) < keepGone
}
