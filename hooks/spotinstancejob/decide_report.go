package spotinstancejob

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// report is what status tells of a slot.
func (s *survey) report(of slot) replica {
	r := replica{
		number: of.replica, newest: of.newest, phase: string(of.verdict),
		attempts: s.nextAttempt(of.replica) - 1, failures: s.failures(of.replica), waits: s.waits[of.replica],
		refused: s.refusalsOf(of),
	}
	if of.verdict == starting || of.verdict == running || of.verdict == restoreFailed {
		r.stuck = s.stuckSince(of.newest)
	}
	if of.verdict == failed && !s.exhausted(of) {
		r.phase = v1alpha1.ReplicaBackingOff
	}
	if of.verdict != running {
		r.wait = s.waitOf(of)
	}
	return r
}

// withRecalled adds the replicas that no Job tells of: those whose first Job is asked for now, and those that status tells of. Nothing
// else remembers their numbers then, and a sync that comes before their next attempt is seen would use one again.
func (s *survey) withRecalled(replicas []replica) []replica {
	add := func(number int32, name string) {
		known := slices.ContainsFunc(replicas, func(r replica) bool { return r.number == number })
		if !known && len(replicas) < int(s.replicas()) {
			replicas = append(replicas, s.recalled(number, name))
		}
	}
	for _, status := range s.job.Status.JobStatuses {
		add(status.Replica, status.Name)
	}
	for _, a := range s.created {
		add(a.replica, jobName(s.job, a.replica, a.attempt))
	}
	for _, number := range s.held {
		add(number, jobName(s.job, number, s.nextAttempt(number)))
	}
	slices.SortFunc(replicas, func(a, b replica) int { return cmp.Compare(a.number, b.number) })
	return replicas
}

// recalled is a replica that no Job tells of.
func (s *survey) recalled(number int32, name string) replica {
	told := s.waitForJob(number)
	if slices.Contains(s.held, number) {
		told = waitForEnd("has no Job", s.heldBy(number))
	}
	return replica{
		number: number, phase: v1alpha1.ReplicaPending, wait: told,
		newest: attempt{name: name}, attempts: s.nextAttempt(number) - 1,
		failures: s.failures(number),
	}
}

// conditions lists what holds: Ready and SpecValid always, troubles while they last.
func (s *survey) conditions(phase v1alpha1.JobPhase) []condition {
	holding := []condition{s.ready(phase), s.specValid()}
	troubles := []*condition{s.stalled(), s.restoreTrouble(), s.ignoredFields()}
	if phase != v1alpha1.JobSucceeded && phase != v1alpha1.JobFailed {
		troubles = append(troubles, s.mayNotRestore(), s.startedOver(), s.losingVMs(), s.tooOften(), s.graceExceedsNotice(), s.gpusIdle(), s.dearerThanOnDemand())
	}
	for _, trouble := range troubles {
		if trouble != nil {
			holding = append(holding, *trouble)
		}
	}
	return holding
}

func (s *survey) specValid() condition {
	if s.invalid != nil {
		return condition{v1alpha1.ConditionSpecValid, v1alpha1.ReasonInvalid, s.invalid.Error(), false}
	}
	if misfit := s.misfit(); misfit != nil {
		return condition{v1alpha1.ConditionSpecValid, v1alpha1.ReasonPodDoesNotFit, misfit.Error(), false}
	}
	return condition{v1alpha1.ConditionSpecValid, v1alpha1.ReasonValid, "the spec can be run", true}
}

// ready answers "how is my job?" in one sentence.
func (s *survey) ready(phase v1alpha1.JobPhase) condition {
	is := func(reason, message string) condition {
		return condition{v1alpha1.ConditionReady, reason, message, true}
	}
	not := func(reason, message string) condition {
		return condition{v1alpha1.ConditionReady, reason, message, false}
	}
	name := s.job.Spec.SpotInstanceVMRef.Name
	switch {
	case phase == v1alpha1.JobSucceeded:
		return is(v1alpha1.ReasonComplete, "the training is completed")
	case phase == v1alpha1.JobFailed:
		return not(v1alpha1.ReasonFailed, "the job has failed; the condition Failed tells why")
	case s.invalid != nil:
		return not(v1alpha1.ReasonSpecInvalid, s.invalid.Error())
	case phase == v1alpha1.JobSuspended && !s.job.Spec.Suspend:
		return is(v1alpha1.ReasonTemplateSuspended, "spec.jobTemplate.spec.suspend is true and cannot be changed: use spec.suspend"+again)
	case phase == v1alpha1.JobSuspended && s.savesItself():
		return is(v1alpha1.ReasonSuspended, "set spec.suspend to false to continue from what the training has saved")
	case phase == v1alpha1.JobSuspended:
		return is(v1alpha1.ReasonSuspended, "set spec.suspend to false to continue from the best checkpoint")
	case s.suspended():
		return not(v1alpha1.ReasonSuspending, "waiting for a last checkpoint before the replicas are stopped")
	case s.pool == nil:
		return not(v1alpha1.ReasonPoolNotFound, fmt.Sprintf("spec.spotInstanceVMRef: SpotInstanceVM %s does not exist in namespace %s: apply it", name, s.job.Namespace))
	case s.pool.deleting:
		return not(v1alpha1.ReasonPoolNotFound, fmt.Sprintf("spec.spotInstanceVMRef: SpotInstanceVM %s is being deleted: apply it again once it is gone", name))
	}
	ready := s.replicasReady()
	if misfit := s.misfit(); misfit != nil && !ready.isTrue { // what trains already has a VM of an earlier spec
		return not(v1alpha1.ReasonSpecInvalid, misfit.Error())
	}
	return ready
}

func (s *survey) replicasReady() condition {
	active, backingOff := int32(0), false
	var stories []string
	for _, of := range s.slots {
		if of.verdict == running {
			active++
			continue
		}
		backingOff = backingOff || of.verdict == failed && !s.exhausted(of)
		stories = append(stories, fmt.Sprintf("replica %d %s", of.replica, s.waitOf(of).message))
	}
	for _, a := range s.created {
		if !slices.ContainsFunc(s.slots, func(of slot) bool { return of.replica == a.replica }) && s.isRefused(a.replica) {
			stories = append(stories, fmt.Sprintf("replica %d %s", a.replica, s.waitForJob(a.replica).message))
		}
	}
	for _, number := range s.held {
		stories = append(stories, fmt.Sprintf("replica %d %s", number, waitForEnd("has no Job", s.heldBy(number)).message))
	}
	if active >= s.replicas() {
		return condition{v1alpha1.ConditionReady, v1alpha1.ReasonAllReplicasTraining, "all replicas are training", true}
	}
	reason := v1alpha1.ReasonReplicasPending
	switch {
	case backingOff:
		reason = v1alpha1.ReasonBackingOff
	case s.trainingPhase() == v1alpha1.JobRecovering:
		reason = v1alpha1.ReasonRecovering
	}
	message := fmt.Sprintf("%d of %d replicas are training", active, s.replicas())
	if len(stories) > 0 {
		message += "; " + strings.Join(stories, "; ")
	}
	if s.pool.trouble != "" {
		message += "; SpotInstanceVM " + s.job.Spec.SpotInstanceVMRef.Name + ": " + s.pool.trouble
	}
	return condition{v1alpha1.ConditionReady, reason, message, false}
}

// stalled reports checkpoints that fail, that no agent looks at, or whose deletion hangs.
func (s *survey) stalled() *condition {
	trouble := func(reason, message string) *condition {
		return &condition{v1alpha1.ConditionCheckpointingStalled, reason, message, true}
	}
	for _, b := range s.backups {
		if b.deletedAt.IsZero() {
			continue
		}
		if hangs := b.deletedAt.Add(s.timeout()); hangs.After(s.now) {
			s.wakeAt(hangs)
			continue
		}
		return trouble(v1alpha1.ReasonAgentKeepsFinalizer, "CheckpointBackup "+b.name+" is being deleted and no checkpoint agent removes its finalizer: is the agent's DaemonSet running?")
	}
	for _, of := range s.slots {
		if s.failedInARow(of.replica) == 0 {
			continue
		}
		last := s.lastFailure(of.replica)
		if last.phase == "" && s.podAlive(last.podUID) {
			return trouble(v1alpha1.ReasonAgentSilent, "no checkpoint agent has looked at CheckpointBackup "+last.name+": does the agent's DaemonSet run on the VMs of the pool?")
		}
		if last.failed {
			return trouble(v1alpha1.ReasonCheckpointsFail, "CheckpointBackup "+last.name+" failed"+s.whyItFailed(last)+"; the next one is made later")
		}
		if s.podAlive(last.podUID) {
			return trouble(v1alpha1.ReasonCheckpointsFail, "CheckpointBackup "+last.name+" stood in phase "+last.phase+" longer than spec.checkpointConfig.timeout; the next one is made later")
		}
	}
	return nil
}

func (s *survey) lastFailure(replica int32) backup {
	var last backup
	for _, b := range s.backups {
		if b.replica == replica && !b.complete && !s.pending(b) {
			last = b
		}
	}
	return last
}

// startedOver holds while a replica that once trained runs from the template and no checkpoint is usable.
func (s *survey) startedOver() *condition {
	if s.best.images != nil || s.savesItself() {
		return nil
	}
	for _, of := range s.slots {
		if s.ledger.Replicas[of.replica].Through > 0 && of.newest.restoredFrom == "" {
			return &condition{
				v1alpha1.ConditionNoUsableCheckpoint, v1alpha1.ReasonStartedOver,
				fmt.Sprintf("replica %d starts over from the template's image: no usable checkpoint exists", of.replica), true,
			}
		}
	}
	return nil
}

func (s *survey) losingVMs() *condition {
	for _, of := range s.slots {
		if s.ledger.Replicas[of.replica].QuickLosses >= quickLossLimit && of.verdict != running {
			return &condition{
				v1alpha1.ConditionLosingVMs, v1alpha1.ReasonQuickLosses,
				fmt.Sprintf("replica %d lost its VM %d times or more in a row before it trained for %s: its next attempts wait longer; other zones in the SpotInstanceVM's spec.gcp.zones may help", of.replica, quickLossLimit, quickLoss), true,
			}
		}
	}
	return nil
}
