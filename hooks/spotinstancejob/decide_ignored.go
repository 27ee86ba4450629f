package spotinstancejob

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// ignored is a field that is accepted and not used.
type ignored struct{ reason, message string }

// ignoredFields tells of what the user wrote and the operator does not follow.
func (s *survey) ignoredFields() *condition {
	all := s.ignoredMethod()
	if s.job.Spec.CheckpointConfig.CheckpointStorage != nil {
		all = append(all, ignored{
			v1alpha1.ReasonCheckpointStorage,
			"spec.checkpointConfig.checkpointStorage is not used: the checkpoint agent stores checkpoints as images in checkpointImageRepo only",
		})
	}
	if s.invalid == nil {
		all = append(all, ignoredRestarts(s.template.spec.Template.Spec)...)
		all = append(all, ignoredRules(s.template.spec.PodFailurePolicy)...)
		all = append(all, rewritten(s.observed)...)
	}
	if len(all) == 0 {
		return nil
	}
	var told []string
	for _, field := range all {
		told = append(told, field.message)
	}
	return &condition{v1alpha1.ConditionIgnoredFields, all[0].reason, firstOf(told), true}
}

// ignoredRestarts are the rules by which a kubelet would restart the training in place: from zero, beside a checkpoint. Init
// containers keep theirs, and sidecars are told by it.
func ignoredRestarts(pod corev1.PodSpec) []ignored {
	var all []ignored
	add := func(field string) {
		all = append(all, ignored{
			v1alpha1.ReasonRestartPolicy,
			field + " is not used: what ends is started again by a next attempt, from the best checkpoint; spec.jobTemplate.spec.backoffLimit says how often",
		})
	}
	if pod.RestartPolicy == corev1.RestartPolicyAlways || pod.RestartPolicy == corev1.RestartPolicyOnFailure {
		add(fieldOfPod + ".restartPolicy " + string(pod.RestartPolicy))
	}
	for i, c := range pod.InitContainers {
		all = append(all, ignoredResizes(c, fmt.Sprintf("%s.initContainers[%d]", fieldOfPod, i))...)
	}
	for i, c := range pod.Containers {
		at := fmt.Sprintf("%s.containers[%d]", fieldOfPod, i)
		all = append(all, ignoredResizes(c, at)...)
		if c.RestartPolicy != nil {
			add(at + ".restartPolicy")
		}
		if len(c.RestartPolicyRules) > 0 {
			add(at + ".restartPolicyRules")
		}
	}
	return all
}

// ignoredResizes are the changes of a container's resources that would start it again in place.
func ignoredResizes(c corev1.Container, at string) []ignored {
	var all []ignored
	for i, policy := range c.ResizePolicy {
		if restartsOnResize(&policy.RestartPolicy) {
			all = append(all, ignored{
				v1alpha1.ReasonRestartPolicy,
				fmt.Sprintf("%s.resizePolicy[%d].restartPolicy RestartContainer is not used: no container is started again in place, so %s is resized without a restart", at, i, policy.ResourceName),
			})
		}
	}
	return all
}

// ignoredRules are those by which a disruption would fail the job, or count as a failure of the training. A preemption is one, and
// what this operator is for: no attempt that was disrupted is ever judged by them.
func ignoredRules(policy *batchv1.PodFailurePolicy) []ignored {
	if policy == nil {
		return nil
	}
	var all []ignored
	for i, rule := range policy.Rules {
		if rule.Action != batchv1.PodFailurePolicyActionIgnore && slices.ContainsFunc(rule.OnPodConditions, isDisruption) {
			all = append(all, ignored{
				v1alpha1.ReasonPodFailurePolicy,
				fmt.Sprintf("spec.jobTemplate.spec.podFailurePolicy.rules[%d]: %s on condition %s is not used: a pod that is disrupted, as by a preemption, is no failure, and its replica continues from the best checkpoint", i, rule.Action, corev1.DisruptionTarget),
			})
		}
	}
	return all
}

func isDisruption(pattern batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
	return pattern.Type == corev1.DisruptionTarget && (pattern.Status == "" || pattern.Status == corev1.ConditionTrue)
}
