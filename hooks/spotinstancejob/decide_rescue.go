package spotinstancejob

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// unmeasuredWait is how long a rescue checkpoint is waited for while none of this job has completed yet.
const unmeasuredWait = 10 * time.Minute

// hopeless is how many checkpoints of a replica in a row have failed when, as long as none has ever completed, nobody waits
// for the next.
const hopeless = 2

// clockSlack is allowed between the clocks of kubelets, the pool hook and the API server where a checkpoint is matched
// with the loss that it answers.
const clockSlack = 5 * time.Second

// awaitRescue makes sure that a checkpoint of the best replica answers the slot's loss, and tells whether its successor
// should wait for it. VM and checkpoint are under way at the same time: the pool replaces a doomed VM by itself.
//
//	nobody can be checkpointed, or would add nothing         go
//	a checkpoint has answered this loss, or failed to        go
//	the one in flight is overdue                             go
//	the last two failed, and none has ever completed         go
//	a VM is free, and the wait costs more than it saves      go
//	else                                                     wait
func (s *survey) awaitRescue(of slot) bool {
	if s.job.Spec.CheckpointConfig.OnPreemption == v1alpha1.PreemptionCheckpointNone {
		return false
	}
	from := s.rescuer()
	if from == nil {
		return false
	}
	current := s.inFlight(from.pod.uid)
	if current == nil {
		name := backupName(s.job, from.pod, reasonPreemption, of.newest.name)
		if s.exists(name) || s.answered(of.newest, from.pod.uid) || from.progress(s.now) <= s.best.progress {
			return false
		}
		s.plan(newBackup{name: name, of: *from, reason: reasonPreemption, failedBefore: s.failedInARow(from.replica)})
		current = s.inFlight(from.pod.uid)
	}
	if current.created.IsZero() {
		current.created = of.newest.end() // it may never be created: the API server can refuse it
	}
	return s.worthWaiting(*current)
}

// rescuer is the attempt to checkpoint: of the survivors the one with most progress; if nobody survives, a doomed one
// whose VM still answers.
func (s *survey) rescuer() *attempt {
	if survivor := s.mostProgress(func(other slot) bool { return other.verdict == running && other.newest.vm.fine() }); survivor != nil {
		return survivor
	}
	return s.mostProgress(func(other slot) bool {
		return other.verdict == doomed && other.newest.started() && other.newest.vm.state == v1alpha1.InstanceStopping
	})
}

func (s *survey) mostProgress(eligible func(slot) bool) *attempt {
	var most *attempt
	for i := range s.slots {
		if !eligible(s.slots[i]) {
			continue
		}
		if a := &s.slots[i].newest; most == nil || a.progress(s.now) > most.progress(s.now) {
			most = a
		}
	}
	return most
}

// answered is true once a checkpoint of the pod has completed after the loss, or one asked for after it has come to
// nothing.
func (s *survey) answered(loss attempt, podUID string) bool {
	end := loss.end()
	for _, b := range s.backups {
		if b.podUID != podUID {
			continue
		}
		if b.complete && !b.completed.Before(end) {
			return true
		}
		if !s.pending(b) && !b.created.Add(clockSlack).Before(end) {
			return true
		}
	}
	return false
}

// worthWaiting weighs the rest of the checkpoint's expected time against the training it saves. While no VM is free,
// waiting costs nothing.
func (s *survey) worthWaiting(current backup) bool {
	measured := s.measured()
	// Somebody should look at the agent; until then waiting for it only loses time.
	if measured == 0 && s.failedInARow(current.replica) >= hopeless {
		return false
	}
	limit := unmeasuredWait
	if measured > 0 {
		limit = measured * 3 / 2
	}
	overdue := current.created.Add(limit)
	if !overdue.After(s.now) {
		return false
	}
	rest := measured - s.age(current.created)
	if measured > 0 && s.vmFree() && rest > current.progress-s.best.progress {
		return false
	}
	s.wakeAt(overdue)
	return true
}

// vmFree is true when a Ready VM of the pool runs none of this job's attempts.
func (s *survey) vmFree() bool {
	if s.pool == nil {
		return false
	}
	busy := map[string]bool{}
	for _, a := range s.attempts {
		if a.pod != nil && s.verdicts[a.name].alive() {
			busy[a.pod.node] = true
		}
	}
	for name, vm := range s.pool.vms {
		if vm.state == v1alpha1.InstanceReady && !busy[name] {
			return true
		}
	}
	return false
}
