package e2e

import (
	"fmt"
	"slices"
)

// everHad reports whether the story's project ever had a VM of this name.
func (s *story) everHad(vm string) bool {
	for _, event := range s.requested() {
		if event.VM.Name == vm {
			return true
		}
	}
	return false
}

// matches checks that VMs, Nodes, child Jobs and CheckpointBackups are those that the status of the story's objects lists,
// and that nothing is under way.
func (s *story) matches(vms int, attempts ...string) func() error {
	return func() error {
		var have []string
		for _, object := range recorded.present(childJobs, s.namespace) {
			have = append(have, object.GetName())
		}
		slices.Sort(attempts)
		if len(s.vms()) != vms || len(s.nodes()) != vms || !slices.Equal(have, attempts) {
			return fmt.Errorf("%d VMs, %d Nodes, Jobs %v; want %d VMs, Jobs %v", len(s.vms()), len(s.nodes()), have, vms, attempts)
		}
		for _, op := range lab.GCE().OperationsInFlight() {
			if s.everHad(op.Target) {
				return fmt.Errorf("operation %s of VM %s is in flight", op.Type, op.Target)
			}
		}
		return nil
	}
}
