package spotinstancejob

import (
	"fmt"
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// comingTo is the VM on its way that an attempt may get: those of this job that ask for one take them in order, the oldest first. Nil:
// there are fewer VMs than attempts. Which pod it gets in the end the scheduler decides; that it comes is true.
func (s *survey) comingTo(a attempt) *comingVM {
	before := 0
	for _, of := range s.slots {
		if of.newest.name == a.name {
			break
		}
		if of.verdict == pending && s.asksForVM(of.newest) {
			before++
		}
	}
	if before >= len(s.pool.onTheirWay.vms) {
		return nil
	}
	return &s.pool.onTheirWay.vms[before]
}

// asksForVM is true of an attempt on no VM whose pod is the scheduler's affair.
func (s *survey) asksForVM(a attempt) bool {
	return !a.suspended && !s.isWithoutPod(a) && (a.pod == nil || !a.pod.gated)
}

// tellOf says which VM comes, since when, and how long that usually takes.
func (s *survey) tellOf(vm comingVM) string {
	told := fmt.Sprintf(": %s in %s was made at %s and is not Ready yet", vm.name, vm.zone, clock(vm.since))
	if usual := s.pool.onTheirWay.usual; usual > 0 {
		told += fmt.Sprintf("; VMs of SpotInstanceVM %s usually take %s", s.job.Spec.SpotInstanceVMRef.Name, usual)
	}
	return told
}

// reopens says when the first zone may be asked for a VM again; nothing if that is not known.
func (c comingVMs) reopens() string {
	if len(c.blocked) == 0 {
		return ""
	}
	first := slices.MinFunc(c.blocked, func(a, b v1alpha1.ZoneStatus) int { return a.BlockedUntil.Compare(b.BlockedUntil.Time) })
	return fmt.Sprintf(": the first zone to be asked again is %s (%s), at %s", first.Zone, first.Reason, clock(first.BlockedUntil.Time))
}

// shortage is why no zone can be asked for a VM: quotas, or whatever else it is, in one of them at least.
func (c comingVMs) shortage() string {
	isOther := func(zone v1alpha1.ZoneStatus) bool { return zone.Reason != v1alpha1.WaitQuota }
	if len(c.blocked) == 0 || slices.ContainsFunc(c.blocked, isOther) {
		return v1alpha1.WaitNoCapacity
	}
	return v1alpha1.WaitQuota
}

// isPulling tells whether the kubelet pulls an image, or fails to: what comes before that, such as volumes and the network, is done.
func (p *podFacts) isPulling() bool {
	return slices.ContainsFunc(p.waits, func(w containerWait) bool {
		switch w.reason {
		case "ErrImagePull", "ImagePullBackOff":
			return true
		case "ContainerCreating":
			return p.isPrepared
		}
		return false
	})
}
