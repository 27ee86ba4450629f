package jobrules

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// restartPolicy checks when an init container is started again in place. That of other containers is left out of attempts, and not
// looked at.
func restartPolicy(c corev1.Container, path *field.Path) field.ErrorList {
	const mostRules, mostCodes = 20, 255
	at := path.Child("restartPolicy")
	refused := oneOfPointer(c.RestartPolicy, at, corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)
	if len(c.RestartPolicyRules) > 0 && c.RestartPolicy == nil {
		return append(refused, field.Required(at, "must specify restartPolicy when restart rules are used"))
	}
	at = path.Child("restartPolicyRules")
	if n := len(c.RestartPolicyRules); n > mostRules {
		refused = append(refused, field.TooMany(at, n, mostRules))
	}
	for i, rule := range c.RestartPolicyRules {
		refused = append(refused, oneOf(rule.Action, at.Index(i).Child("action"), corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		on := at.Index(i).Child("exitCodes")
		if rule.ExitCodes == nil {
			refused = append(refused, field.Required(on, "must be specified"))
			continue
		}
		refused = append(refused, oneOf(rule.ExitCodes.Operator, on.Child("operator"), corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		if n := len(rule.ExitCodes.Values); n > mostCodes {
			refused = append(refused, field.TooMany(on.Child("values"), n, mostCodes))
		}
	}
	return refused
}

// resizePolicy checks how a container takes a change of its resources. RestartContainer needs a pod that restarts containers.
func resizePolicy(all []corev1.ContainerResizePolicy, ofPod corev1.RestartPolicy, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	resources := unique[corev1.ResourceName]{}
	for i, policy := range all {
		refused = append(refused, resources.add(policy.ResourceName, path.Index(i))...)
		refused = append(refused, oneOf(policy.ResourceName, path, corev1.ResourceCPU, corev1.ResourceMemory)...)
		refused = append(refused, oneOf(policy.RestartPolicy, path, corev1.NotRequired, corev1.RestartContainer)...)
		if policy.RestartPolicy == corev1.RestartContainer && ofPod == corev1.RestartPolicyNever {
			refused = append(refused, field.Invalid(path, policy.RestartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
		}
	}
	return refused
}
