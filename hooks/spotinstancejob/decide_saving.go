package spotinstancejob

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A training that saves itself (spec.checkpointConfig.method Application, or no checkpointConfig) has no CheckpointBackups. Each of its
// attempts starts from the template and finds what the one before has saved. Two that save to the same place at the same time would
// spoil it, so a replica's next attempt starts only when no pod of it can run any more:
//
//	the pod has ended, or is gone while its VM is known    the next attempt starts
//	its VM is gone                                         the next attempt starts
//	else                                                   the next attempt waits
//
// The pool's hook tells the pod, by an eviction, that its VM goes; whoever else evicts or deletes it tells it, too.

// savesItself is true of a training that no checkpoint agent saves.
func (o observed) savesItself() bool { return o.job.Spec.SavesItself() }

// holder is a pod that may run, whatever became of its Job.
type holder struct {
	replica int32
	pod     string
}

// observeHolders lists the pods that have not ended and whose VM is not known to be gone.
func observeHolders(pods []corev1.Pod, pool *poolFacts) []holder {
	var holders []holder
	for i := range pods {
		pod := &pods[i]
		isOver := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if !isOver && pool.vm(pod.Spec.NodeName).state != v1alpha1.InstanceGone {
			holders = append(holders, holder{parseCount(pod.Labels[v1alpha1.LabelReplica]), pod.Name})
		}
	}
	slices.SortFunc(holders, func(a, b holder) int { return strings.Compare(a.pod, b.pod) })
	return holders
}

// heldBy is what keeps the next attempt of a replica that saves itself from starting: a pod that may run. Empty: nothing does.
func (s *survey) heldBy(replica int32) string {
	if !s.savesItself() {
		return ""
	}
	for _, h := range s.holders {
		if h.replica == replica {
			return "pod " + h.pod
		}
	}
	for _, a := range s.attempts {
		if a.replica == replica && a.mayHavePod() {
			return "the pod of Job " + a.name
		}
	}
	return ""
}

// mayHavePod is true of an attempt whose pod is not seen and may run all the same: its Job counts one, or the pod was taken from a Node
// that its kubelet does not speak for.
func (a attempt) mayHavePod() bool {
	isUnheard := a.vm.state == v1alpha1.InstanceNotReady || a.vm.state == v1alpha1.InstanceUnknown
	return a.pod == nil && (a.active || a.terminating || isUnheard)
}

// waitForEnd is the wait of a replica whose next attempt starts when a pod has ended.
func waitForEnd(told, pod string) wait {
	return wait{v1alpha1.WaitSaving, fmt.Sprintf("%s, and saves itself: its next attempt starts when %s has ended, or its VM is gone", told, pod)}
}

const (
	// defaultGrace is Kubernetes' terminationGracePeriodSeconds.
	defaultGrace = 30 * time.Second
	// stopGrace is how long a VM that is stopped without a notice runs on, by Google's word.
	stopGrace = 30 * time.Second
	// noticeMargin is what is left of a notice for telling the pod, and for its end to be seen.
	noticeMargin = 20 * time.Second
)

// noticeIn is the notice that a pool asks GCE for; 120 s is the schema's default.
func noticeIn(spec v1alpha1.SpotInstanceVMSpec) time.Duration {
	if spec.PreemptionNotice == nil {
		return 2 * time.Minute
	}
	return spec.PreemptionNotice.Duration
}

// noticeOf is how long a pod has from being told until its VM is off at the earliest. Zero: nobody knows, or VMs are not taken back.
func (p *poolFacts) noticeOf() time.Duration {
	if p == nil || !p.spot {
		return 0
	}
	return max(p.notice, stopGrace)
}

// graceOf is the time that the pod of a training that saves itself gets from SIGTERM until it is killed. Unless the user says how long,
// it is the whole notice: what saves itself is quicker, or would be killed in the middle.
func graceOf(o observed) time.Duration {
	if seconds := o.template.spec.Template.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return max(defaultGrace, o.pool.noticeOf()-noticeMargin)
}

// timeToSave is how long such a pod has after SIGTERM, whatever tells it.
func timeToSave(o observed) time.Duration {
	if notice := o.pool.noticeOf(); notice > 0 {
		return min(graceOf(o), notice)
	}
	return graceOf(o)
}

// graceExceedsNotice warns of a training that counts on more time than it has.
func (s *survey) graceExceedsNotice() *condition {
	if !s.savesItself() || s.invalid != nil || s.pool == nil {
		return nil
	}
	grace, notice := graceOf(s.observed), s.pool.noticeOf()
	if notice == 0 || grace <= notice {
		return nil
	}
	const field = fieldOfPod + ".terminationGracePeriodSeconds"
	return &condition{
		v1alpha1.ConditionGraceExceedsNotice, v1alpha1.ReasonNoticeTooShort,
		fmt.Sprintf("%s is %d, and a spot VM may be off %d s after its notice (spec.preemptionNotice of SpotInstanceVM %s): the training goes on, and has to save itself within that time",
			field, int64(grace/time.Second), int64(notice/time.Second), s.job.Spec.SpotInstanceVMRef.Name), true,
	}
}

// ignoredMethod are the fields that only the checkpoint agent follows.
func (s *survey) ignoredMethod() []ignored {
	if !s.savesItself() {
		return nil
	}
	c := s.job.Spec.CheckpointConfig
	var fields []string
	for _, field := range []struct {
		name  string
		isSet bool // to something that is not the schema's default
	}{
		{"checkpointImageRepo", c.CheckpointImageRepo != ""},
		{"checkpointInterval", c.CheckpointInterval != v1alpha1.CheckpointInterval{}},
		{"checkpointRepoCredentialRef", c.CheckpointRepoCredentialRef != nil},
		{"retain", c.Retain != nil && *c.Retain != 3},
		{"timeout", c.Timeout != nil && c.Timeout.Duration != 15*time.Minute},
		{"onPreemption", c.OnPreemption != "" && c.OnPreemption != v1alpha1.PreemptionCheckpointAuto},
		{"pullBaseImages", c.PullBaseImages != nil},
	} {
		if field.isSet {
			fields = append(fields, "spec.checkpointConfig."+field.name)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return []ignored{{
		v1alpha1.ReasonCheckpointMethod,
		"with method Application the training saves itself, and these fields are not used: remove " + strings.Join(fields, ", "),
	}}
}
