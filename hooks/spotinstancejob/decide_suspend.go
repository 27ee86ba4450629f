package spotinstancejob

import (
	"strconv"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// suspended is true while the user wants no training.
func (s *survey) suspended() bool {
	return s.job.Spec.Suspend || s.template.spec.Suspend != nil && *s.template.spec.Suspend
}

// suspend makes one checkpoint of the best live replica, then lets all attempts go.
func (s *survey) suspend() decision {
	if s.awaitSuspendCheckpoint() {
		return s.conclude(s.trainingPhase())
	}
	var stopped []replica
	for _, of := range s.slots {
		r := s.report(of)
		if !of.ended() { // one that has ended says so as long as its Job is seen, or its end would be counted again
			r.phase, r.newest, r.wait = string(pending), attempt{name: of.newest.name}, *s.blocked()
		}
		stopped = append(stopped, r)
	}
	s.slots = nil
	d := s.conclude(v1alpha1.JobSuspended)
	d.replicas = s.withRecalled(stopped)
	return d
}

// awaitSuspendCheckpoint plans the last checkpoint, unless it would add nothing, and tells whether it is still to come.
// It is asked for once per pod and generation of the spec, and its time-out bounds the wait.
func (s *survey) awaitSuspendCheckpoint() bool {
	from := s.mostProgress(func(of slot) bool { return of.verdict == running && of.newest.vm.fine() })
	if from == nil || s.savesItself() {
		return false
	}
	if s.inFlight(from.pod.uid) != nil {
		return true
	}
	name := backupName(s.job, from.pod, reasonSuspend, strconv.FormatInt(s.job.Generation, 10))
	if s.exists(name) || from.progress(s.now) <= s.best.progress {
		return false
	}
	s.plan(newBackup{name: name, of: *from, reason: reasonSuspend, failedBefore: s.failedInARow(from.replica)})
	return true
}
