package jobrules

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	mostRules      = 20
	mostConditions = 20
	mostExitCodes  = 255
)

func job(spec batchv1.JobSpec, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	refused = append(refused, notNegative(spec.Parallelism, path.Child("parallelism"))...)
	refused = append(refused, notNegative(spec.Completions, path.Child("completions"))...)
	refused = append(refused, notNegative(spec.BackoffLimit, path.Child("backoffLimit"))...)
	refused = append(refused, notNegative(spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	refused = append(refused, notNegative(spec.TTLSecondsAfterFinished, path.Child("ttlSecondsAfterFinished"))...)
	refused = append(refused, oneOfPointer(spec.CompletionMode, path.Child("completionMode"), batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)...)
	if spec.CompletionMode != nil && *spec.CompletionMode == batchv1.IndexedCompletion && spec.Completions == nil {
		refused = append(refused, field.Required(path.Child("completions"), "when completion mode is Indexed"))
	}
	if spec.PodFailurePolicy == nil {
		return append(refused, oneOfPointer(spec.PodReplacementPolicy, path.Child("podReplacementPolicy"), batchv1.Failed, batchv1.TerminatingOrFailed)...)
	}
	refused = append(refused, oneOfPointer(spec.PodReplacementPolicy, path.Child("podReplacementPolicy"), batchv1.Failed)...)
	rules := path.Child("podFailurePolicy", "rules")
	if n := len(spec.PodFailurePolicy.Rules); n > mostRules {
		refused = append(refused, field.TooMany(rules, n, mostRules))
	}
	for i, rule := range spec.PodFailurePolicy.Rules {
		refused = append(refused, failureRule(rule, spec.Template.Spec, rules.Index(i))...)
	}
	return refused
}

func failureRule(rule batchv1.PodFailurePolicyRule, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := oneOf(rule.Action, path.Child("action"), batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)
	switch hasCodes, hasConditions := rule.OnExitCodes != nil, len(rule.OnPodConditions) > 0; {
	case hasCodes && hasConditions:
		refused = append(refused, field.Invalid(path, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
	case hasCodes:
		refused = append(refused, exitCodes(*rule.OnExitCodes, pod, path.Child("onExitCodes"))...)
	case hasConditions:
		refused = append(refused, podConditions(rule.OnPodConditions, path.Child("onPodConditions"))...)
	default:
		refused = append(refused, field.Invalid(path, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
	}
	return refused
}

func exitCodes(on batchv1.PodFailurePolicyOnExitCodesRequirement, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := oneOf(on.Operator, path.Child("operator"), batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	if name := on.ContainerName; name != nil && !hasContainer(pod.Containers, *name) && !hasContainer(pod.InitContainers, *name) {
		refused = append(refused, field.Invalid(path.Child("containerName"), *name, "must be one of the container or initContainer names in the pod template"))
	}
	values := path.Child("values")
	switch n := len(on.Values); {
	case n == 0:
		refused = append(refused, field.Invalid(values, on.Values, "at least one value is required"))
	case n > mostExitCodes:
		return append(refused, field.TooMany(values, n, mostExitCodes))
	}
	seen, isOrdered := unique[int32]{}, true
	for i, code := range on.Values {
		if code == 0 && on.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn {
			refused = append(refused, field.Invalid(values.Index(i), code, "must not be 0 for the In operator"))
		}
		refused = append(refused, seen.add(code, values.Index(i))...)
		isOrdered = isOrdered && (i == 0 || on.Values[i-1] <= code)
	}
	if !isOrdered {
		refused = append(refused, field.Invalid(values, on.Values, "must be ordered"))
	}
	return refused
}

func hasContainer(containers []corev1.Container, name string) bool {
	for _, c := range containers {
		if c.Name == name {
			return true
		}
	}
	return false
}

func podConditions(patterns []batchv1.PodFailurePolicyOnPodConditionsPattern, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	if n := len(patterns); n > mostConditions {
		refused = append(refused, field.TooMany(path, n, mostConditions))
	}
	for i, pattern := range patterns {
		at := path.Index(i)
		refused = append(refused, required(string(pattern.Type), at.Child("type"), validation.IsQualifiedName)...)
		if pattern.Status != "" {
			refused = append(refused, oneOf(pattern.Status, at.Child("status"), corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown)...)
		}
	}
	return refused
}
