package spotinstancejob

import (
	"cmp"
	"fmt"
	"slices"
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
//	a checkpoint that answers this loss has completed        go
//	nobody can be checkpointed, or would add nothing         go
//	a checkpoint of the best replica has failed to           go
//	the one in flight is overdue                             go
//	the last two failed, and none has ever completed         go
//	a VM is free, and the wait costs more than it saves      go
//	else                                                     wait
func (s *survey) awaitRescue(of slot) bool {
	if s.savesItself() || s.job.Spec.CheckpointConfig.OnPreemption == v1alpha1.PreemptionCheckpointNone {
		return false
	}
	from := s.rescuer()
	if from == nil || s.isSaved(of.newest) {
		return false
	}
	current := s.inFlight(from.pod.uid)
	if current == nil {
		name := s.rescueName(from.pod, of.newest)
		if s.exists(name) || s.answered(of.newest, from.pod.uid) || from.progress(s.now) <= s.best.progress {
			return false
		}
		s.plan(newBackup{name: name, of: *from, reason: reasonPreemption, failedBefore: s.failedInARow(from.replica)})
		current = s.inFlight(from.pod.uid)
	}
	if current.created.IsZero() {
		current.created = of.newest.end() // it may never be created: the API server can refuse it
	}
	if !s.worthWaiting(*current) {
		return false
	}
	s.waits[of.replica] = s.whyThisOne(of, *from, current.name)
	return true
}

// rescueName is the name of the checkpoint of a pod that answers a loss. An attempt that trained again after it had been doomed has
// a new one: what was made then answered another loss.
func (s *survey) rescueName(pod *podFacts, loss attempt) string {
	for nth := 1; ; nth++ {
		name := nthRescueName(s.job, pod.uid, loss, nth)
		if loss.previous != v1alpha1.ReplicaRunning || !s.exists(name) {
			return name
		}
	}
}

func nthRescueName(job *v1alpha1.SpotInstanceJob, podUID string, loss attempt, nth int) string {
	occasion := loss.name
	if nth > 1 {
		occasion = fmt.Sprintf("%s|%d", loss.name, nth)
	}
	return backupName(job, &podFacts{uid: podUID}, reasonPreemption, occasion)
}

// isRescueOf tells whether a backup was made because an attempt was doomed, which may be over.
func (s *survey) isRescueOf(b backup, a attempt) bool {
	for nth := 1; ; nth++ {
		name := nthRescueName(s.job, b.podUID, a, nth)
		if name == b.name || !s.exists(name) {
			return name == b.name
		}
	}
}

// whyThisOne tells which checkpoint a successor waits for, and the numbers behind the choice. None of them moves with time.
func (s *survey) whyThisOne(of slot, from attempt, name string) string {
	whose := "its own"
	if from.name != of.newest.name {
		whose = fmt.Sprintf("replica %d's", from.replica)
	}
	why := "how long one takes is not known yet"
	if measured := s.measured(); measured > 0 {
		why = fmt.Sprintf("one takes %s", measured)
	}
	if lost := of.newest; !lost.vm.stops.IsZero() && lost.pod != nil && !lost.pod.noticed.IsZero() {
		why += fmt.Sprintf("; GCE gave notice of %s", lost.vm.notice)
	}
	return fmt.Sprintf(", and waits for %s checkpoint %s (%s)", whose, name, why)
}

// rescuer is the attempt to checkpoint.
//
//	a doomed one has time left for it and more than the best checkpoint,
//	and no survivor has trained for much longer                                         the doomed one with most progress
//	replicas survive                                                                    the survivor with most progress
//	nobody survives                                                                     a doomed one whose VM still answers
//
// The first leaves survivors alone, which a checkpoint would freeze. Much longer is longer than a checkpoint takes.
func (s *survey) rescuer() *attempt {
	survivor := s.mostProgress(func(of slot) bool { return of.verdict == running && of.newest.vm.fine() })
	dying := s.mostProgress(func(of slot) bool {
		return of.verdict == doomed && s.hasTime(of.newest) && of.newest.progress(s.now) > s.best.progress
	})
	switch {
	case dying != nil && (survivor == nil || dying.progress(s.now)+s.measured() >= survivor.progress(s.now)):
		return dying
	case survivor != nil:
		return survivor
	}
	return s.mostProgress(func(of slot) bool {
		return of.verdict == doomed && of.newest.trains() && of.newest.vm.state == v1alpha1.InstanceStopping
	})
}

// hasTime tells whether a checkpoint of a doomed attempt, as long as they take (10 minutes, if none has completed) and a quarter
// more, would be complete before its VM stops. What one in flight has taken already counts. One that came to nothing is not tried again.
func (s *survey) hasTime(a attempt) bool {
	rest := cmp.Or(s.measured(), unmeasuredWait)
	if a.vm.stops.IsZero() || !a.trains() || s.isInVain(a, a.pod.uid) {
		return false
	}
	if current := s.inFlight(a.pod.uid); current != nil && !current.created.IsZero() {
		rest = max(0, rest-s.age(current.created))
		done := s.now.Add(rest)
		s.wakeAt(done.Add(-4*a.vm.stops.Sub(done) + time.Millisecond)) // the quarter shrinks with the rest, and fits then
	}
	s.wakeAt(a.vm.stops)
	return s.now.Add(rest + rest/4).Before(a.vm.stops)
}

// isSaved is true once a checkpoint has completed that was made because VMs are lost, at the time of this loss or later, or
// that the pod itself, which had its notice, completed after it. Times have whole seconds: in the same one is not after.
func (s *survey) isSaved(loss attempt) bool {
	end := loss.end()
	return slices.ContainsFunc(s.backups, func(b backup) bool {
		isRescue := b.reason == reasonPreemption && !b.created.Add(clockSlack).Before(end)
		isOwn := !loss.vm.stops.IsZero() && loss.pod != nil && b.podUID == loss.pod.uid && b.completed.After(end)
		return b.complete && (isRescue || isOwn)
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
	return s.isInVain(loss, podUID) || slices.ContainsFunc(s.backups, func(b backup) bool {
		return b.podUID == podUID && b.complete && !b.completed.Before(loss.end())
	})
}

// isInVain is true once a checkpoint of the pod that was asked for after the loss has come to nothing.
func (s *survey) isInVain(loss attempt, podUID string) bool {
	return slices.ContainsFunc(s.backups, func(b backup) bool {
		return b.podUID == podUID && !b.complete && !s.pending(b) && !b.created.Add(clockSlack).Before(loss.end())
	})
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
		limit = max(measured*3/2, measured+clockSlack)
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
