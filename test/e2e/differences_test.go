package e2e

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// expected is the pod of a plain Job, on its way to what the first attempt of a SpotInstanceJob with the same template must have.
type expected struct {
	pod      *corev1.Pod
	template corev1.PodSpec
	job      *v1alpha1.SpotInstanceJob
	pool     *v1alpha1.SpotInstanceVM
}

// difference is one thing in which the two pods differ: a field, by the name that docs/design.md has for it.
type difference struct {
	field, why string
	expect     func(expected)
}

// differences is all in which the pod of a first attempt may differ from that of a plain Job with the same template, and must: each
// makes the plain pod what the other one has to be, in full.
var differences = []difference{
	{"labels", "the pool counts pods by them, and people find them by name", func(e expected) {
		if e.pod.Labels == nil {
			e.pod.Labels = map[string]string{}
		}
		maps.Copy(e.pod.Labels, map[string]string{
			v1alpha1.LabelPool: e.poolID(), v1alpha1.LabelPoolName: e.pool.Name,
			v1alpha1.LabelJobUID: string(e.job.UID), v1alpha1.LabelJobName: e.job.Name,
			v1alpha1.LabelReplica: "0", v1alpha1.LabelAttempt: "1",
		})
	}},
	{"nodeSelector", "it runs on VMs of the pool", func(e expected) {
		if e.pod.Spec.NodeSelector == nil {
			e.pod.Spec.NodeSelector = map[string]string{}
		}
		e.pod.Spec.NodeSelector[v1alpha1.LabelPool] = e.poolID()
	}},
	{"podAntiAffinity", "one pod per VM, and the replicas of a job in different zones if possible", func(e expected) {
		if e.pod.Spec.Affinity == nil {
			e.pod.Spec.Affinity = &corev1.Affinity{}
		}
		if e.pod.Spec.Affinity.PodAntiAffinity == nil {
			e.pod.Spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
		}
		apart := e.pod.Spec.Affinity.PodAntiAffinity
		apart.RequiredDuringSchedulingIgnoredDuringExecution = append(apart.RequiredDuringSchedulingIgnoredDuringExecution,
			podsWith(v1alpha1.LabelPool, e.poolID(), corev1.LabelHostname))
		apart.PreferredDuringSchedulingIgnoredDuringExecution = append(apart.PreferredDuringSchedulingIgnoredDuringExecution,
			corev1.WeightedPodAffinityTerm{Weight: 50, PodAffinityTerm: podsWith(v1alpha1.LabelJobUID, string(e.job.UID), corev1.LabelTopologyZone)})
	}},
	{"tolerations", "it tolerates the taints of the pool; they follow the template's own", func(e expected) {
		var ours []corev1.Toleration
		for _, taint := range e.pool.Spec.Taints {
			ours = append(ours, corev1.Toleration{Key: taint.Key, Operator: corev1.TolerationOpEqual, Value: taint.Value, Effect: taint.Effect})
		}
		e.pod.Spec.Tolerations = slices.Insert(e.pod.Spec.Tolerations, len(e.template.Tolerations), ours...)
	}},
	{"restartPolicy", "what ends is started again by a next attempt, from the best checkpoint", func(e expected) {
		e.pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	}},
	{"containers[].restartPolicy", "the same; its rules, too", func(e expected) {
		for i := range e.pod.Spec.Containers {
			e.pod.Spec.Containers[i].RestartPolicy, e.pod.Spec.Containers[i].RestartPolicyRules = nil, nil
		}
	}},
	{"resizePolicy", "the same, for what is resized", func(e expected) {
		inPlace(e.pod.Spec.InitContainers)
		inPlace(e.pod.Spec.Containers)
	}},
	{"terminationMessagePolicy", "the last words of an attempt are kept, unless the template says how", func(e expected) {
		lastWords(e.pod.Spec.InitContainers, e.template.InitContainers)
		lastWords(e.pod.Spec.Containers, e.template.Containers)
	}},
}

func (e expected) poolID() string { return v1alpha1.PoolID(e.pool.Namespace, e.pool.Name) }

func podsWith(label, value, topology string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{TopologyKey: topology, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: value}}}
}

func inPlace(containers []corev1.Container) {
	for i := range containers {
		for j := range containers[i].ResizePolicy {
			containers[i].ResizePolicy[j].RestartPolicy = corev1.NotRequired
		}
	}
}

func lastWords(containers, template []corev1.Container) {
	for i := range containers {
		if template[i].TerminationMessagePolicy == "" {
			containers[i].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		}
	}
}

// tokenVolume begins the name of the volume with the ServiceAccount's token. Its end is random.
const tokenVolume = "kube-api-access-"

// described is what a pod was made of, as YAML, without what makes it this pod and no other: the name and the UID of its Job, and the
// random end of a volume's name.
func described(pod *corev1.Pod) string {
	text, err := yaml.Marshal(map[string]any{
		"labels": pod.Labels, "annotations": pod.Annotations, "finalizers": pod.Finalizers, "spec": pod.Spec, "qosClass": pod.Status.QOSClass,
	})
	if err != nil {
		panic(err) // a pod can be written
	}
	owner := metav1.GetControllerOf(pod)
	names := []string{owner.Name, "JOB", string(owner.UID), "UID-OF-JOB"}
	for _, v := range pod.Spec.Volumes {
		if strings.HasPrefix(v.Name, tokenVolume) {
			names = append(names, v.Name, tokenVolume)
		}
	}
	return strings.NewReplacer(names...).Replace(string(text))
}
