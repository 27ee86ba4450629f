package spotinstancevm

import (
	"cmp"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	keepGone   = 10 * time.Minute // a VM that is gone stays listed, so that its job learns of it
	keepNewest = 20               // of those, or as many as there are VMs: each write costs the API server a look at every entry
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
	var missed []machine
	for _, m := range d.machines {
		switch {
		case m.state != v1alpha1.InstanceGone || m.ordinal == top || failed[m.name] || m.pods > 0 || m.node != nil:
			kept = append(kept, m)
		case isMissed(o, m):
			missed = append(missed, m)
		}
	}
	slices.SortFunc(missed, func(a, b machine) int { return cmp.Or(b.since.Compare(a.since), cmp.Compare(b.ordinal, a.ordinal)) })
	kept = append(kept, missed[:min(len(missed), max(keepNewest, len(kept)))]...)
	slices.SortFunc(kept, func(a, b machine) int { return cmp.Compare(a.ordinal, b.ordinal) })
	return kept
}

// isMissed tells whether somebody may still look for a VM that is gone. Nobody looks for one that was only planned.
func isMissed(o observed, m machine) bool {
	never := m.seen.instanceID == "" && m.operation == "" && m.reason == v1alpha1.VMNotNeeded
	return !never && o.now.Sub(m.since) < keepGone
}
