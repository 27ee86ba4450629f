package spotinstancejob

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// ending of a job: how, and what is kept to look at.
type jobEnd struct {
	phase           v1alpha1.JobPhase
	reason, message string
	keep            func(slot) bool
}

// end is how the job ended, or nil. What status or a child says is final: no attempt is ever created again.
func (s *survey) end() *jobEnd {
	winner := s.winner()
	isWinner := func(of slot) bool { return of.newest.name == winner }
	isFailed := func(of slot) bool { return of.verdict == failed && of.newest.final }
	recorded := func(kind string) (reason, message string) {
		for _, c := range s.job.Status.Conditions {
			if c.Type == kind {
				return c.Reason, c.Message
			}
		}
		return kind, ""
	}
	switch s.job.Status.Phase {
	case v1alpha1.JobSucceeded:
		reason, message := recorded(v1alpha1.ConditionComplete)
		return &jobEnd{v1alpha1.JobSucceeded, reason, message, isWinner}
	case v1alpha1.JobFailed:
		reason, message := recorded(v1alpha1.ConditionFailed)
		return &jobEnd{v1alpha1.JobFailed, reason, message, isFailed}
	}
	if winner != "" {
		return &jobEnd{
			v1alpha1.JobSucceeded, v1alpha1.ReasonTrainingCompleted, "Job " + winner + " completed the training", isWinner,
		}
	}
	if reason, message := s.failure(); reason != "" {
		return &jobEnd{v1alpha1.JobFailed, reason, message, isFailed}
	}
	return nil
}

// winner is the Job that completed the training first, or empty. Others may have succeeded by the next sync.
func (s *survey) winner() string {
	name, first := "", time.Time{}
	for _, of := range s.slots {
		if of.verdict == succeeded && (name == "" || of.newest.ended.Before(first)) {
			name, first = of.newest.name, of.newest.ended
		}
	}
	return name
}

// failure is why the job as a whole has failed, or empty.
func (s *survey) failure() (reason, message string) {
	if limit := s.template.spec.ActiveDeadlineSeconds; limit != nil && s.job.Status.StartTime != nil {
		deadline := s.job.Status.StartTime.Add(time.Duration(*limit) * time.Second)
		s.wakeAt(deadline)
		if !deadline.After(s.now) {
			return v1alpha1.ReasonDeadlineExceeded, "the job ran longer than jobTemplate.spec.activeDeadlineSeconds allows"
		}
	}
	exhausted := 0
	for _, of := range s.slots {
		if of.verdict == failed && s.failureAction(of.newest) == failJob {
			return v1alpha1.ReasonPodFailurePolicy, "a FailJob rule of jobTemplate.spec.podFailurePolicy matched Job " + of.newest.name + ": " + of.newest.pod.message
		}
		if s.exhausted(of) {
			exhausted++
			message = "every replica failed more often than jobTemplate.spec.backoffLimit allows; the last: Job " + of.newest.name
			if of.newest.pod != nil && of.newest.pod.message != "" {
				message += ": " + of.newest.pod.message
			}
		}
	}
	if exhausted > 0 && exhausted == len(s.slots) && exhausted >= int(s.replicas()) {
		return v1alpha1.ReasonBackoffLimitExceeded, message
	}
	return "", ""
}

// finish keeps what is worth looking at until ttlSecondsAfterFinished, if any, has passed. A failure that no child tells
// of is dropped from only when status is known to tell of it, or a sync on older facts would start all over.
func (s *survey) finish(end jobEnd) decision {
	if end.phase == v1alpha1.JobFailed && s.job.Status.Phase != v1alpha1.JobFailed {
		s.wakeAt(s.now.Add(time.Second))
		d := s.hold(end.phase)
		d.conditions = append(d.conditions, ended(end))
		return d
	}
	completed := s.now
	if t := s.job.Status.CompletionTime; t != nil {
		completed = t.Time
	}
	expired := false
	if ttl := s.template.spec.TTLSecondsAfterFinished; ttl != nil {
		expiry := completed.Add(time.Duration(*ttl) * time.Second)
		s.wakeAt(expiry)
		expired = !expiry.After(s.now)
	}
	var kept []slot
	for _, of := range s.slots {
		of.older = nil
		if end.keep(of) && !expired {
			kept = append(kept, of)
		}
	}
	reported := s.slots
	s.slots = kept
	d := s.conclude(end.phase)
	d.conditions = append(d.conditions, ended(end))
	d.replicas = nil
	for _, of := range reported {
		r := s.report(of)
		r.wait = wait{v1alpha1.WaitOver, "is over: " + cmp.Or(end.message, end.reason)}
		d.replicas = append(d.replicas, r)
	}
	if expired {
		d.keepBacks = nil
	}
	return d
}

func ended(end jobEnd) condition {
	kind := v1alpha1.ConditionFailed
	if end.phase == v1alpha1.JobSucceeded {
		kind = v1alpha1.ConditionComplete
	}
	return condition{kind: kind, reason: end.reason, message: end.message, isTrue: true}
}

// failureAction is what the template's podFailurePolicy says of a failed pod: its first rule that matches, as in batch/v1.
type failureAction int

const (
	countFailure failureAction = iota
	ignoreFailure
	failJob
)

func (s *survey) failureAction(a attempt) failureAction {
	policy := s.template.spec.PodFailurePolicy
	if policy == nil || a.pod == nil {
		return countFailure
	}
	for _, rule := range policy.Rules {
		if !matches(rule, *a.pod) {
			continue
		}
		switch rule.Action {
		case batchv1.PodFailurePolicyActionFailJob:
			return failJob
		case batchv1.PodFailurePolicyActionIgnore:
			return ignoreFailure
		}
		return countFailure
	}
	return countFailure
}

func matches(rule batchv1.PodFailurePolicyRule, pod podFacts) bool {
	if on := rule.OnExitCodes; on != nil {
		return slices.ContainsFunc(pod.exits, func(exit containerExit) bool {
			if on.ContainerName != nil && *on.ContainerName != exit.container || exit.code == 0 {
				return false
			}
			return slices.Contains(on.Values, exit.code) == (on.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn)
		})
	}
	return slices.ContainsFunc(rule.OnPodConditions, func(pattern batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
		if isDisruption(pattern) && rule.Action != batchv1.PodFailurePolicyActionIgnore {
			return false // of a pod that failed before it was disrupted, too
		}
		want := pattern.Status
		if want == "" {
			want = corev1.ConditionTrue
		}
		return slices.ContainsFunc(pod.conditions, func(c corev1.PodCondition) bool { return c.Type == pattern.Type && c.Status == want })
	})
}
