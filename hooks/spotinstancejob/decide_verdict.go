package spotinstancejob

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// verdict is what became of an attempt; see the diagram in doc.go.
type verdict string

const (
	pending       verdict = v1alpha1.ReplicaPending
	starting      verdict = v1alpha1.ReplicaStarting
	running       verdict = v1alpha1.ReplicaRunning
	doomed        verdict = v1alpha1.ReplicaDoomed
	lost          verdict = v1alpha1.ReplicaLost
	ending        verdict = v1alpha1.ReplicaEnding
	restoreFailed verdict = v1alpha1.ReplicaRestoreFailed
	rejected      verdict = v1alpha1.ReplicaRejected
	failed        verdict = v1alpha1.ReplicaFailed
	succeeded     verdict = v1alpha1.ReplicaSucceeded
)

const (
	// settleTime passes before the end of a pod is believed to be its own: by then the pool has looked at the VM again.
	settleTime = 20 * time.Second
	// restoreWindow is how soon after its start a restored pod's failure is blamed on the image.
	restoreWindow = 2 * time.Minute
)

// alive attempts may still train.
func (v verdict) alive() bool {
	return v == pending || v == starting || v == running || v == doomed || v == ending
}

// judge says what became of an attempt. The order is the policy: what the VM did to a pod comes before what the pod did.
func (s *survey) judge(a attempt) verdict {
	if known := s.remember(a); known != "" {
		return known
	}
	switch {
	case a.complete:
		return s.judgeComplete(a)
	case a.failed:
		return s.judgeFailed(a)
	case a.pod == nil, a.suspended && (a.pod.deleted() || a.pod.over()):
		return pending // the Job controller makes another pod when the Job is resumed
	case a.pod.deleted() || a.vm.state == v1alpha1.InstanceGone:
		return lost
	case a.vm.leaving():
		return doomed
	case a.pod.over():
		return ending
	case s.isUnrestorable(a):
		return restoreFailed
	case a.pod.phase == corev1.PodRunning && a.started():
		return running
	case a.pod.scheduled.IsZero():
		return pending
	}
	return starting
}

// remember is what status said of an attempt whose Job has ended, or empty. It stands, whatever becomes of the pod and
// the VM later; a child must agree, since status alone proves nothing.
func (s *survey) remember(a attempt) verdict {
	switch past := a.previous; {
	case past == v1alpha1.ReplicaSucceeded && a.complete:
		return succeeded
	case past == v1alpha1.ReplicaRestoreFailed && a.failed:
		return restoreFailed
	case past == v1alpha1.ReplicaRejected && a.failed:
		return rejected
	case (past == v1alpha1.ReplicaFailed || past == v1alpha1.ReplicaBackingOff) && a.failed:
		return failed
	case past == v1alpha1.ReplicaLost && (a.complete || a.failed || a.pod == nil):
		return lost // its pod may be collected before its Job has noticed
	case (past == v1alpha1.ReplicaDoomed || s.isReplaced(a)) && a.complete && a.pod == nil:
		return lost // it exited 0 on a dying VM, and nothing is left to show it
	}
	return ""
}

// judgeComplete believes exit 0 only of a pod that nothing pushed: trainers trap SIGTERM and exit 0 on a dying VM.
func (s *survey) judgeComplete(a attempt) verdict {
	switch {
	case a.pushed() || a.pod == nil && s.isDoubtful(a):
		return lost
	case !s.hasSettled(a) || a.vm.state == v1alpha1.InstanceUnknown:
		return ending
	}
	return succeeded
}

// isDoubtful is true of exit 0 when its pod is gone, which would show what pushed it, and the VM it ran on, as far as status
// remembers, is not well; or when another attempt is there: a success would have ended it. Training its last part again
// costs less than to end it too early.
//
// A training that saves itself exits 0 whenever it is told to end. If nobody looked while its pod was there, it is asked once more.
func (s *survey) isDoubtful(a attempt) bool {
	isUnseen := s.savesItself() && a.previous != v1alpha1.ReplicaEnding
	return isUnseen || !a.vm.fine() && !a.vm.unneeded || slices.ContainsFunc(s.attempts, func(other attempt) bool {
		return other.name != a.name && !other.deleting
	})
}

// judgeFailed blames the training only if nothing pushed its pod, and its VM is still fine in facts newer than its end;
// and not if the kubelet rejected the pod, which is no loss of the VM either.
func (s *survey) judgeFailed(a attempt) verdict {
	switch {
	case a.pod == nil || a.pushed() || a.vm.state == v1alpha1.InstanceUnknown:
		return lost
	case !s.hasSettled(a):
		return ending
	case a.isRejected():
		return rejected
	case s.failureAction(a) == ignoreFailure:
		return lost
	case !a.started() && len(a.pod.exits) == 0:
		return lost
	case a.restoredFrom != "" && (!a.started() || a.end().Sub(a.pod.started) < restoreWindow):
		return restoreFailed
	}
	return failed
}

// hasSettled is true once the end of the attempt's Job is settleTime old. A pod that looks as if it had not ended is old
// news: what came before its end, such as an eviction, is not to be seen yet.
func (s *survey) hasSettled(a attempt) bool {
	s.wakeAt(a.ended.Add(settleTime))
	return s.age(a.ended) >= settleTime && (a.pod == nil || a.pod.over())
}

// pushed pods did not end by themselves: they were evicted, deleted, shut down with their Node, or their VM was leaving.
// What happens to a pod or a VM long after the end had no part in it. A VM that goes since it rejects pods is the effect, not the cause.
func (a attempt) pushed() bool {
	settled := a.ended.Add(settleTime)
	if a.pod != nil && (a.pod.disrupted || a.pod.deleted() && a.pod.deletedAt.Before(settled)) {
		return true
	}
	return (a.vm.leaving() || a.vm.state == v1alpha1.InstanceGone) && !a.vm.rejects && a.vm.since.Before(settled)
}

func (p *podFacts) over() bool {
	return p.phase == corev1.PodSucceeded || p.phase == corev1.PodFailed
}

func (p *podFacts) deleted() bool { return !p.deletedAt.IsZero() }

// leaving VMs doom the attempts on them.
func (v vm) leaving() bool {
	return v.state == v1alpha1.InstanceStopping || v.state == v1alpha1.InstanceNotReady || v.state == v1alpha1.InstanceDeleting
}

// fine VMs have attempts that may be checkpointed. A Node that the pool does not list is somebody's own.
func (v vm) fine() bool {
	return v.state == v1alpha1.InstanceReady || v.state == v1alpha1.InstanceJoining || v.state == ""
}
