package gcefake

import (
	"slices"
	"strings"
	"time"
)

// zoneInstances are the VMs of one project and zone, by name, as GCE lists them.
func (f *Fake) zoneInstances(project, zone string) []VM {
	var found []VM
	for _, v := range f.vms {
		if v.Project == project && v.Zone == zone {
			found = append(found, v.view())
		}
	}
	slices.SortFunc(found, func(a, b VM) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// zoneOperations are the operations of one project and zone, the last inserted first.
func (f *Fake) zoneOperations(project, zone string, since time.Time) []*operation {
	var found []*operation
	since = since.Truncate(time.Millisecond)
	for _, op := range slices.Backward(f.operations) {
		if op.project == project && op.Zone == zone && !op.InsertTime.Before(since) {
			found = append(found, op)
		}
	}
	return found
}

func hasLabels(v VM, labels map[string]string) bool {
	for k, want := range labels {
		if got, ok := v.Labels[k]; !ok || got != want {
			return false
		}
	}
	return true
}
