package spotinstancejob

import (
	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

// observeVM is one entry of the pool's status.
func observeVM(pool *v1alpha1.SpotInstanceVM, instance v1alpha1.VMInstanceStatus) vm {
	entry := vm{
		state: stateOf(instance), since: timeOf(instance.Since), unneeded: instance.Reason == v1alpha1.VMNotNeeded,
		rejects: instance.Reason == v1alpha1.VMRejectsPods,
		priced:  cost.VMOf(pool.Spec, instance.Zone, instance.MachineType), spot: instance.ProvisioningModel != "STANDARD",
	}
	if instance.PreemptionNotice != nil {
		entry.notice = instance.PreemptionNotice.Duration
	}
	if instance.State == v1alpha1.InstanceStopping {
		entry.stops = leavesAt(instance.Reason, entry.since)
	}
	return entry
}
