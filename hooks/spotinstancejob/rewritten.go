package spotinstancejob

import (
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// rewritten are the fields of the template that an attempt has with another value, since the operator sets them. Those that it carries
// out itself, such as backoffLimit, are none, and those that it only adds to, such as tolerations.
func rewritten(o observed) []ignored {
	var all []ignored
	add := func(field, why string) {
		all = append(all, ignored{v1alpha1.ReasonFieldRewritten, field + " is not used: " + why})
	}
	if policy := o.template.spec.PodReplacementPolicy; policy != nil && *policy != batchv1.TerminatingOrFailed {
		add("spec.jobTemplate.spec.podReplacementPolicy "+string(*policy), "a Job has one pod, and a next attempt is another Job")
	}
	pod := o.template.spec.Template.Spec
	if value, has := pod.NodeSelector[v1alpha1.LabelPool]; has && value != poolID(o) {
		add(fmt.Sprintf("%s.nodeSelector[%s]", fieldOfPod, v1alpha1.LabelPool), "spec.spotInstanceVMRef says on whose VMs the replicas run")
	}
	if o.template.apply.ObjectMetaApplyConfiguration != nil {
		meta := o.template.apply.ObjectMetaApplyConfiguration
		all = append(all, ownKeys("spec.jobTemplate.metadata.labels", meta.Labels, ownLabels())...)
		all = append(all, ownKeys("spec.jobTemplate.metadata.annotations", meta.Annotations, ownAnnotations())...)
	}
	if template := o.template.apply.Spec; template != nil && template.Template != nil && template.Template.ObjectMetaApplyConfiguration != nil {
		all = append(all, ownKeys("spec.jobTemplate.spec.template.metadata.labels", template.Template.Labels, ownLabels())...)
	}
	if template := o.template.apply.Spec; template != nil && template.Template != nil && template.Template.Spec != nil {
		all = append(all, neverPulled(template.Template.Spec.Containers)...)
	}
	return all
}

// neverPulled are the containers whose checkpoint images are pulled all the same.
func neverPulled(containers []applycorev1.ContainerApplyConfiguration) []ignored {
	var all []ignored
	for i, c := range containers {
		if c.ImagePullPolicy != nil && *c.ImagePullPolicy == corev1.PullNever {
			all = append(all, ignored{
				v1alpha1.ReasonFieldRewritten,
				fmt.Sprintf("%s.containers[%d].imagePullPolicy Never is not used for checkpoint images, which no VM has before it pulls them", fieldOfPod, i),
			})
		}
	}
	return all
}

// ownKeys are the user's labels or annotations that have the keys of this operator's own.
func ownKeys(field string, user map[string]string, own []string) []ignored {
	var all []ignored
	for _, key := range slices.Sorted(maps.Keys(user)) {
		if slices.Contains(own, key) {
			all = append(all, ignored{v1alpha1.ReasonFieldRewritten, fmt.Sprintf("%s[%s] is not used: the operator sets it on each attempt", field, key)})
		}
	}
	return all
}

// withoutOwn are the user's annotations of a Job without those that only the operator writes.
func withoutOwn(user map[string]string) map[string]string {
	others := maps.Clone(user)
	maps.DeleteFunc(others, func(key, _ string) bool { return slices.Contains(ownAnnotations(), key) })
	return others
}

func ownLabels() []string {
	return []string{v1alpha1.LabelPool, v1alpha1.LabelJobUID, v1alpha1.LabelReplica, v1alpha1.LabelAttempt, v1alpha1.LabelJobName, v1alpha1.LabelPoolName}
}

// ownAnnotations are those that an attempt is read by. Some are set at times only, as for an attempt from a checkpoint.
func ownAnnotations() []string {
	return []string{
		annotationJobName, annotationPoolName, annotationLedger, annotationInherited, annotationRestoredFrom, annotationGPU,
		v1alpha1.AnnotationFinalAttempt, v1alpha1.AnnotationCredentials,
	}
}
