package spotinstancejob

import (
	"cmp"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// comingVMs is what a pool says of VMs that it has not got yet.
type comingVMs struct {
	vms     []comingVM            // made and not Ready yet, the oldest first
	usual   time.Duration         // how long they take from their creation until they are Ready; 0: not known
	blocked []v1alpha1.ZoneStatus // zones that are not asked for one before some time
}

type comingVM struct {
	name, zone string
	since      time.Time // when GCE created it
}

func observeComing(status v1alpha1.SpotInstanceVMStatus) comingVMs {
	var coming comingVMs
	if status.UsualStartTime != nil {
		coming.usual = status.UsualStartTime.Duration
	}
	for _, entry := range status.ProvisionedInstances {
		isComing := entry.State == v1alpha1.InstanceCreating || entry.State == v1alpha1.InstanceJoining
		if since := timeOf(cmp.Or(entry.CreationTime, entry.Since)); isComing && !since.IsZero() {
			coming.vms = append(coming.vms, comingVM{entry.Name, entry.Zone, since})
		}
	}
	slices.SortFunc(coming.vms, func(a, b comingVM) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name)) })
	for _, zone := range status.Zones {
		if zone.BlockedUntil != nil {
			coming.blocked = append(coming.blocked, zone)
		}
	}
	return coming
}
