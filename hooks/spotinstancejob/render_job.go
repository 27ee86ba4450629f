package spotinstancejob

import (
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applybatchv1 "k8s.io/client-go/applyconfigurations/batch/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// renderJob is the user's template as one attempt: one pod that is never restarted in place, on a VM of the pool that no
// other pod of the pool uses, from the checkpoint's images.
func renderJob(o observed, a newAttempt) *applybatchv1.JobApplyConfiguration {
	job := applybatchv1.Job(jobName(o.job, a.replica, a.attempt), o.job.Namespace)
	template := *o.template.apply
	if meta := template.ObjectMetaApplyConfiguration; meta != nil {
		job.WithLabels(meta.Labels).WithAnnotations(withoutOwn(meta.Annotations))
	}
	labels := attemptLabels(o, a.replica, a.attempt)
	job.WithLabels(labels).WithLabels(map[string]string{v1alpha1.LabelPool: poolID(o)}).WithAnnotations(jobAnnotations(o, a))

	spec := *template.Spec
	spec.Selector, spec.ManualSelector, spec.Suspend, spec.ManagedBy = nil, nil, nil, nil
	spec.PodFailurePolicy, spec.TTLSecondsAfterFinished, spec.ActiveDeadlineSeconds = nil, nil, nil
	spec.WithParallelism(1).WithCompletions(1).WithBackoffLimit(0).
		WithPodReplacementPolicy(batchv1.TerminatingOrFailed)
	spec.Template = renderPod(o, a, spec.Template, labels)
	return job.WithSpec(&spec)
}

func attemptLabels(o observed, replica, attempt int32) map[string]string {
	return map[string]string{
		v1alpha1.LabelJobUID:  string(o.job.UID),
		v1alpha1.LabelReplica: strconv.Itoa(int(replica)),
		v1alpha1.LabelAttempt: strconv.Itoa(int(attempt)),

		v1alpha1.LabelJobName:  v1alpha1.LabelValue(o.job.Name),
		v1alpha1.LabelPoolName: v1alpha1.LabelValue(o.job.Spec.SpotInstanceVMRef.Name),
	}
}

func poolID(o observed) string {
	return v1alpha1.PoolID(o.job.Namespace, o.job.Spec.SpotInstanceVMRef.Name)
}

func jobAnnotations(o observed, a newAttempt) map[string]string {
	annotations := map[string]string{
		annotationJobName:  o.job.Name,
		annotationPoolName: o.job.Spec.SpotInstanceVMRef.Name,
		annotationLedger:   a.ledger.String(),
	}
	if rejections := a.ledger.Replicas[a.replica].Rejections.String(); rejections != "" {
		annotations[v1alpha1.AnnotationRejections] = rejections
	}
	if a.final {
		annotations[v1alpha1.AnnotationFinalAttempt] = "true"
	}
	if a.from.images != nil {
		annotations[annotationRestoredFrom] = a.from.backup
		annotations[annotationInherited] = formatSeconds(a.from.progress)
		if o.pool != nil {
			annotations[annotationGPU] = o.pool.gpu
		}
	}
	if ref := o.job.Spec.GCPCredentialsSecretRef; ref != nil && ref.Name != "" {
		namespace := ref.Namespace
		if namespace == "" {
			namespace = o.job.Namespace
		}
		annotations[v1alpha1.AnnotationCredentials] = namespace + "/" + ref.Name
	}
	return annotations
}

// renderPod copies what it changes: the template is shared by all attempts of the response.
func renderPod(o observed, a newAttempt, template *applycorev1.PodTemplateSpecApplyConfiguration, labels map[string]string) *applycorev1.PodTemplateSpecApplyConfiguration {
	pod := applycorev1.PodTemplateSpec()
	if meta := template.ObjectMetaApplyConfiguration; meta != nil {
		pod.WithLabels(meta.Labels).WithAnnotations(meta.Annotations).WithFinalizers(meta.Finalizers...)
	}
	pod.WithLabels(labels).WithLabels(map[string]string{v1alpha1.LabelPool: poolID(o)})
	if o.savesItself() {
		pod.WithAnnotations(map[string]string{v1alpha1.AnnotationSavesItself: "true"})
	}

	spec := *template.Spec
	spec.NodeSelector = nil
	spec.WithNodeSelector(template.Spec.NodeSelector).
		WithNodeSelector(map[string]string{v1alpha1.LabelPool: poolID(o)}).
		WithRestartPolicy(corev1.RestartPolicyNever)
	spec.Affinity = renderAffinity(o, template.Spec.Affinity)
	spec.Tolerations = renderTolerations(o, template.Spec.Tolerations)
	spec.Containers = renderContainers(a.from, template.Spec.Containers)
	lastWordsFromLogs(spec.Containers)
	resizeInPlace(spec.Containers)
	spec.InitContainers = slices.Clone(template.Spec.InitContainers)
	lastWordsFromLogs(spec.InitContainers)
	resizeInPlace(spec.InitContainers)
	spec.Volumes = renderVolumes(o, a.from)
	if o.savesItself() {
		renderNotice(o, &spec)
	}
	return pod.WithSpec(&spec)
}

// lastWordsFromLogs lets the kubelet take the end of a failed container's log for its termination message, if it wrote none: pod and
// VM are gone soon.
func lastWordsFromLogs(containers []applycorev1.ContainerApplyConfiguration) {
	for i := range containers {
		if containers[i].TerminationMessagePolicy == nil {
			containers[i].WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError)
		}
	}
}

// resizeInPlace lets no change of resources restart a container: the API server refuses such a policy in a pod with restartPolicy Never.
func resizeInPlace(containers []applycorev1.ContainerApplyConfiguration) {
	for i := range containers {
		policies := slices.Clone(containers[i].ResizePolicy)
		for j := range policies {
			if restartsOnResize(policies[j].RestartPolicy) {
				policies[j].WithRestartPolicy(corev1.NotRequired)
			}
		}
		containers[i].ResizePolicy = policies
	}
}

func restartsOnResize(policy *corev1.ResourceResizeRestartPolicy) bool {
	return policy != nil && *policy == corev1.RestartContainer
}

// renderNotice gives a pod that saves itself the time to do so, and tells its containers how long that is.
func renderNotice(o observed, spec *applycorev1.PodSpecApplyConfiguration) {
	spec.WithTerminationGracePeriodSeconds(int64(graceOf(o) / time.Second))
	for i := range spec.Containers {
		c := &spec.Containers[i]
		isTaken := slices.ContainsFunc(c.Env, func(e applycorev1.EnvVarApplyConfiguration) bool {
			return e.Name != nil && *e.Name == v1alpha1.VariableNotice
		})
		if !isTaken { // it comes first, so that others can refer to it
			seconds := applycorev1.EnvVar().WithName(v1alpha1.VariableNotice).WithValue(formatSeconds(timeToSave(o)))
			c.Env = slices.Concat([]applycorev1.EnvVarApplyConfiguration{*seconds}, c.Env)
		}
	}
}

// renderAffinity adds to the user's: no two pods of the pool on one VM, and the job's replicas in different zones if
// possible, since preemptions come in bulk.
func renderAffinity(o observed, user *applycorev1.AffinityApplyConfiguration) *applycorev1.AffinityApplyConfiguration {
	affinity := applycorev1.Affinity()
	apart := applycorev1.PodAntiAffinity()
	if user != nil {
		*affinity = *user
		if user.PodAntiAffinity != nil {
			*apart = applycorev1.PodAntiAffinityApplyConfiguration{
				RequiredDuringSchedulingIgnoredDuringExecution:  append([]applycorev1.PodAffinityTermApplyConfiguration(nil), user.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution...),
				PreferredDuringSchedulingIgnoredDuringExecution: append([]applycorev1.WeightedPodAffinityTermApplyConfiguration(nil), user.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution...),
			}
		}
	}
	apart.WithRequiredDuringSchedulingIgnoredDuringExecution(awayFrom(v1alpha1.LabelPool, poolID(o), corev1.LabelHostname))
	apart.WithPreferredDuringSchedulingIgnoredDuringExecution(applycorev1.WeightedPodAffinityTerm().WithWeight(50).
		WithPodAffinityTerm(awayFrom(v1alpha1.LabelJobUID, string(o.job.UID), corev1.LabelTopologyZone)))
	return affinity.WithPodAntiAffinity(apart)
}

func awayFrom(label, value, topology string) *applycorev1.PodAffinityTermApplyConfiguration {
	return applycorev1.PodAffinityTerm().WithTopologyKey(topology).
		WithLabelSelector(applymetav1.LabelSelector().WithMatchLabels(map[string]string{label: value}))
}

// renderTolerations adds the pool's own taints to the user's tolerations.
func renderTolerations(o observed, user []applycorev1.TolerationApplyConfiguration) []applycorev1.TolerationApplyConfiguration {
	tolerations := append([]applycorev1.TolerationApplyConfiguration(nil), user...)
	if o.pool == nil {
		return tolerations
	}
	for _, taint := range o.pool.taints {
		tolerations = append(tolerations, *applycorev1.Toleration().
			WithKey(taint.Key).WithOperator(corev1.TolerationOpEqual).WithValue(taint.Value).WithEffect(taint.Effect))
	}
	return tolerations
}

// renderBackup asks the agent for one checkpoint of a pod. All that a later sync must know of the pod is written down here,
// because the pod will be gone.
func renderBackup(o observed, b newBackup) checkpointBackup {
	labels := attemptLabels(o, b.of.replica, b.of.attempt)
	annotations := map[string]string{
		annotationJobName:   o.job.Name,
		annotationReason:    string(b.reason),
		annotationPodUID:    b.of.pod.uid,
		annotationStartedAt: b.of.pod.started.UTC().Format("2006-01-02T15:04:05Z07:00"),
		annotationInherited: formatSeconds(b.of.inherited),
	}
	if b.failedBefore > 0 {
		annotations[annotationFailedBefore] = strconv.Itoa(int(b.failedBefore))
	}
	if o.pool != nil {
		annotations[annotationGPU] = o.pool.gpu
		annotations[annotationMachineType] = o.pool.machineType
		annotations[annotationVMImage] = o.pool.vmImage
	}
	backup := checkpointBackup{
		TypeMeta: metav1.TypeMeta{APIVersion: backupAPIVersion, Kind: backupKind},
		Metadata: metav1.ObjectMeta{Name: b.name, Namespace: o.job.Namespace, Labels: labels, Annotations: annotations},
		Spec: backupSpec{
			Schedule:    "immediately",
			PodRef:      podRef{b.of.pod.name, o.job.Namespace},
			ResourceRef: resourceRef{"batch/v1", "Job", b.of.name, o.job.Namespace},
			Registry: &backupRegistry{
				URL: o.template.registry, Repository: o.template.repo,
				SecretRef: pushSecret(o.job),
			},
		},
	}
	for _, c := range o.template.apply.Spec.Template.Spec.Containers {
		backup.Spec.Containers = append(backup.Spec.Containers, backupContainer{
			Name: *c.Name, Image: o.template.repo + ":" + b.name + "-" + *c.Name,
		})
	}
	return backup
}
