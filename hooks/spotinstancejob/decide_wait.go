package spotinstancejob

import (
	"fmt"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// wait is why a replica does not train.
type wait struct {
	reason  string // one of v1alpha1.Wait...
	message string // follows "replica N", with the remedy if there is one
}

// waitOf tells why a replica that has an attempt does not train.
func (s *survey) waitOf(of slot) wait {
	if of.verdict == pending {
		told := s.waitForVM(of.newest)
		told.message += s.rejectedBefore(of.replica)
		return told
	}
	if blocked := s.blocked(); blocked != nil && s.needsSuccessor(of) {
		return *blocked
	}
	told := s.waitAfterVM(of)
	if of.verdict == rejected || of.verdict == ending && of.newest.isRejected() {
		told = s.waitAfterRejection(of)
	}
	if s.isRequested(of.replica) {
		if s.isRefused(of.replica) {
			return s.waitForNextJob(of)
		}
		if !isAskedAtOnce(told.reason) {
			told.reason = v1alpha1.WaitForJob
		}
	}
	if pod := of.newest.pod; pod != nil && pod.message != "" && (of.verdict == starting || of.verdict == failed || of.verdict == restoreFailed) {
		told.message += ": " + pod.message
		if of.newest.restoredFrom != "" {
			told.message += s.remedyOf(pod.message)
		}
	}
	if pod := s.heldBy(of.replica); pod != "" && s.needsSuccessor(of) {
		told = waitForEnd(told.message, pod)
	}
	if waits := s.waits[of.replica]; waits != "" {
		told = wait{v1alpha1.WaitForCheckpoint, told.message + waits}
	}
	if !s.needsSuccessor(of) || told.reason == v1alpha1.WaitRejected {
		return told
	}
	if at := restartAt(of, s.account(s.ledger, of).Replicas[of.replica]); at.After(s.now) {
		told = wait{v1alpha1.WaitBackingOff, told.message + "; the next attempt starts at " + clock(at)}
	}
	return told
}

// clock is a time in a message.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// blocked is why no replica gets another attempt; nil: it may.
func (s *survey) blocked() *wait {
	switch {
	case s.suspended():
		return &wait{v1alpha1.WaitSuspended, "is suspended: it goes on when spec.suspend is false"}
	case s.pool == nil:
		return &wait{v1alpha1.WaitPoolMissing, "waits for its SpotInstanceVM"}
	case s.pool.deleting:
		return &wait{v1alpha1.WaitPoolDeleting, "waits for its SpotInstanceVM, which is being deleted"}
	case s.invalid != nil || s.misfit() != nil:
		return &wait{v1alpha1.WaitSpecInvalid, "cannot run: see the condition SpecValid"}
	}
	return nil
}

// waitForJob is the wait of a replica without a Job.
func (s *survey) waitForJob(replica int32) wait {
	if blocked := s.blocked(); blocked != nil {
		return *blocked
	}
	if !s.isRefused(replica) {
		return wait{v1alpha1.WaitForJob, "waits for its Job, which was asked for"}
	}
	return wait{v1alpha1.WaitChildRefused, fmt.Sprintf("waits for its Job, which was asked for and is not there: kubectl describe spotinstancejob %s shows what the API server answered", s.job.Name)}
}

// isRequested is true of a replica whose next Job is asked for.
func (s *survey) isRequested(replica int32) bool {
	return slices.ContainsFunc(s.created, func(a newAttempt) bool { return a.replica == replica })
}

// isAskedAtOnce is true of the reasons that the next Job is asked for at: since when the replica waits for one is since when for the other.
func isAskedAtOnce(reason string) bool {
	return reason == v1alpha1.WaitForJob || reason == v1alpha1.WaitVMLost || reason == v1alpha1.WaitRestoreFailed
}

// isRefused is true of a replica whose next Job was asked for so long ago that the API server must refuse it.
func (s *survey) isRefused(replica int32) bool {
	for _, status := range s.job.Status.JobStatuses {
		if status.Replica == replica && status.Reason == v1alpha1.WaitChildRefused {
			return true
		}
		if status.Replica == replica && isAskedAtOnce(status.Reason) && status.WaitingSince != nil {
			late := status.WaitingSince.Add(v1alpha1.PodGrace)
			s.wakeAt(late)
			return !late.After(s.now)
		}
	}
	return false
}

// waitAfterVM is the wait of a replica whose pod has, or had, a VM.
func (s *survey) waitAfterVM(of slot) wait {
	switch {
	case s.exhausted(of):
		return wait{v1alpha1.WaitOver, "failed for good"}
	case of.verdict == starting && of.newest.pod.isPulling():
		return wait{v1alpha1.WaitPullingImage, "is starting on VM " + of.newest.node + ", and the kubelet pulls an image"}
	case of.verdict == starting:
		return wait{v1alpha1.WaitStarting, "is starting on VM " + of.newest.node}
	case of.verdict == doomed:
		return wait{v1alpha1.WaitVMLost, "is on a VM that is going away"}
	case of.verdict == lost:
		return wait{v1alpha1.WaitVMLost, "lost its VM"}
	case of.verdict == ending:
		return wait{v1alpha1.WaitEnding, "ended; whether its VM took it down is known in a moment"}
	case of.verdict == restoreFailed:
		return wait{v1alpha1.WaitRestoreFailed, "could not run from its checkpoint image"}
	case of.verdict == failed:
		return wait{v1alpha1.WaitBackingOff, "failed"}
	}
	return wait{v1alpha1.WaitOver, "succeeded"}
}

// waitForVM is the wait of an attempt whose pod is on no VM, or that has no pod. What is nearest to the pod comes first.
func (s *survey) waitForVM(a attempt) wait {
	describe := "kubectl describe job " + a.name
	switch {
	case a.suspended:
		return wait{v1alpha1.WaitSuspendedByOthers, "waits: somebody else suspended its Job, so it has no pod and asks for no VM: " + describe + "; it goes on when spec.suspend of the Job is false"}
	case s.isWithoutPod(a):
		told := wait{v1alpha1.WaitNoPod, "has no pod, so it asks for no VM: " + describe + " tells why"}
		if a.hasBase {
			told.message += "; if a policy refuses volumes of type image, set spec.checkpointConfig.pullBaseImages to false and delete that Job"
		}
		return told
	case a.pod != nil && a.pod.gated:
		return wait{v1alpha1.WaitSchedulingGated, "waits: its pod " + a.pod.name + " has scheduling gates, so it asks for no VM; it goes on when spec.schedulingGates of the pod is empty"}
	}
	if blocked := s.blocked(); blocked != nil {
		return *blocked
	}
	return s.waitForBinding(a)
}

// waitForBinding is the wait of an attempt whose pod the scheduler has not bound yet. What it says of the pod matters only while a VM
// is free: until then it says of every Node that it does not fit.
func (s *survey) waitForBinding(a attempt) wait {
	words := "the scheduler has said nothing of its pod"
	if a.pod != nil && a.pod.unbound != "" {
		words = "the scheduler says: " + a.pod.unbound
	}
	held := s.pool.held[a.name]
	s.wakeAt(held.until)
	switch {
	case held.until.After(s.now):
		return wait{v1alpha1.WaitUnschedulable, "fitted no VM of the pool that was Ready and free, so none is bought for it before " + clock(held.until) + ": the scheduler said: " + held.words}
	case s.pool.passesOver && a.pod != nil:
		return wait{v1alpha1.WaitUnschedulable, "waits beside a VM that is Ready and free: " + words}
	case s.pool.full != "":
		return wait{v1alpha1.WaitAtMaxReplicas, fmt.Sprintf("waits for a VM: SpotInstanceVM %s is at %s %d: raise its spec.%s, or wait until a VM is free",
			s.job.Spec.SpotInstanceVMRef.Name, s.pool.full, s.pool.most, s.pool.full)}
	}
	if vm := s.comingTo(a); vm != nil {
		return wait{v1alpha1.WaitBooting, "waits for a VM" + s.tellOf(*vm)}
	}
	if s.pool.noCapacity {
		return wait{s.pool.onTheirWay.shortage(), "waits for a VM" + s.pool.onTheirWay.reopens()}
	}
	return wait{v1alpha1.WaitForVM, "waits for a VM"}
}

// isWithoutPod is true of an attempt whose Job has had no pod for so long that something must refuse it: a quota, a policy, a missing
// ServiceAccount.
func (s *survey) isWithoutPod(a attempt) bool {
	if a.pod != nil || a.active {
		return false
	}
	late := a.podsSince.Add(v1alpha1.PodGrace)
	s.wakeAt(late)
	return !late.After(s.now)
}
