package jobrules

import (
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func podSpec(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := slices.Concat(
		volumes(pod.Volumes, path.Child("volumes")),
		containers(pod, path),
		podClaims(pod.ResourceClaims, path.Child("resourceClaims")),
		oneOfOrDefault(pod.RestartPolicy, path.Child("restartPolicy"), corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever),
		oneOfPointer(pod.PreemptionPolicy, path.Child("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever),
		metavalidation.ValidateLabels(pod.NodeSelector, path.Child("nodeSelector")),
		tolerations(pod.Tolerations, path.Child("tolerations")),
		affinity(pod.Affinity, path.Child("affinity")),
		spread(pod.TopologySpreadConstraints, path.Child("topologySpreadConstraints")),
		podSecurity(pod, path),
		hostProcesses(pod, path),
		network(pod, path),
		podResources(pod, path.Child("resources")),
		invalidIfSet(pod.ServiceAccountName, path.Child("serviceAccountName"), isObjectName),
		invalidIfSet(pod.PriorityClassName, path.Child("priorityClassName"), isObjectName),
		invalidPointer(pod.RuntimeClassName, path.Child("runtimeClassName"), isObjectName),
	)
	gates := unique[string]{}
	for i, gate := range pod.SchedulingGates {
		refused = append(refused, gates.add(gate.Name, path.Child("schedulingGates").Index(i))...)
		refused = append(refused, invalid(gate.Name, path.Child("schedulingGates").Index(i), validation.IsQualifiedName)...)
	}
	for i, gate := range pod.ReadinessGates {
		refused = append(refused, invalid(string(gate.ConditionType), path.Child("readinessGates").Index(i).Child("conditionType"), validation.IsQualifiedName)...)
	}
	if limit := pod.ActiveDeadlineSeconds; limit != nil && (*limit < 1 || *limit > math.MaxInt32) {
		refused = append(refused, field.Invalid(path.Child("activeDeadlineSeconds"), *limit, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	if len(pod.EphemeralContainers) > 0 {
		refused = append(refused, field.Forbidden(path.Child("ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return refused
}

func podClaims(claims []corev1.PodResourceClaim, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	names := unique[string]{}
	for i, claim := range claims {
		at := path.Index(i)
		refused = append(refused, required(claim.Name, at.Child("name"), validation.IsDNS1123Label)...)
		refused = append(refused, names.add(claim.Name, at.Child("name"))...)
		refused = append(refused, invalidPointer(claim.ResourceClaimName, at.Child("resourceClaimName"), isObjectName)...)
		refused = append(refused, invalidPointer(claim.ResourceClaimTemplateName, at.Child("resourceClaimTemplateName"), isObjectName)...)
		switch hasName, hasTemplate := claim.ResourceClaimName != nil, claim.ResourceClaimTemplateName != nil; {
		case hasName && hasTemplate:
			refused = append(refused, field.Invalid(at, field.OmitValueType{}, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case !hasName && !hasTemplate:
			refused = append(refused, field.Invalid(at, field.OmitValueType{}, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		}
	}
	return refused
}
