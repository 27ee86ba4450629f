package spotinstancejob

import (
	"cmp"
	"slices"
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
	stopped := s.remembered()
	s.slots = nil
	d := s.conclude(v1alpha1.JobSuspended)
	d.replicas = stopped
	return d
}

// remembered is what status keeps of the replicas: no child is left to do so. One that has ended says so as long as its
// Job is seen, or its end would be counted again.
func (s *survey) remembered() []replica {
	var all []replica
	for _, of := range s.slots {
		if of.ended() {
			all = append(all, s.report(of))
		}
	}
	for _, status := range s.job.Status.JobStatuses {
		if slices.ContainsFunc(all, func(r replica) bool { return r.number == status.Replica }) {
			continue
		}
		all = append(all, replica{
			number: status.Replica, phase: v1alpha1.ReplicaPending,
			newest: attempt{name: status.Name}, attempts: s.nextAttempt(status.Replica) - 1,
			failures: s.failures(status.Replica),
		})
	}
	slices.SortFunc(all, func(a, b replica) int { return cmp.Compare(a.number, b.number) })
	return all
}

// awaitSuspendCheckpoint plans the last checkpoint, unless it would add nothing, and tells whether it is still to come.
// It is asked for once per pod and generation of the spec, and its time-out bounds the wait.
func (s *survey) awaitSuspendCheckpoint() bool {
	from := s.mostProgress(func(of slot) bool { return of.verdict == running && of.newest.vm.fine() })
	if from == nil {
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
