package spotinstancevm

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// What the hook reads of the objects that are sent along with each call. A kubelet's Node has a hundred times as much, and
// decoding all of it took more time than everything else that a call does.
type (
	relatedMeta struct {
		Name              string                  `json:"name"`
		Namespace         string                  `json:"namespace"`
		UID               types.UID               `json:"uid"`
		Labels            map[string]string       `json:"labels"`
		Annotations       map[string]string       `json:"annotations"`
		CreationTimestamp metav1.Time             `json:"creationTimestamp"`
		DeletionTimestamp *metav1.Time            `json:"deletionTimestamp"`
		OwnerReferences   []metav1.OwnerReference `json:"ownerReferences"`
	}
	relatedCondition struct {
		Type               string      `json:"type"`
		Status             string      `json:"status"`
		Reason             string      `json:"reason"`
		Message            string      `json:"message"`
		LastTransitionTime metav1.Time `json:"lastTransitionTime"`
	}
	relatedJob struct {
		Metadata relatedMeta `json:"metadata"`
		Spec     struct {
			Suspend  *bool `json:"suspend"`
			Template struct {
				Spec relatedPodSpec `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
		Status struct {
			Conditions []relatedCondition `json:"conditions"`
			StartTime  *metav1.Time       `json:"startTime"`
			Active     int32              `json:"active"`
		} `json:"status"`
	}
	// relatedPodSpec is what a pod asks of its Node.
	relatedPodSpec struct {
		NodeSelector map[string]string `json:"nodeSelector"`
		Affinity     *struct {
			NodeAffinity *corev1.NodeAffinity `json:"nodeAffinity"`
		} `json:"affinity"`
		InitContainers []relatedContainer           `json:"initContainers"`
		Containers     []relatedContainer           `json:"containers"`
		Overhead       corev1.ResourceList          `json:"overhead"`
		Resources      *corev1.ResourceRequirements `json:"resources"`
	}
	relatedContainer struct {
		Resources     corev1.ResourceRequirements    `json:"resources"`
		RestartPolicy *corev1.ContainerRestartPolicy `json:"restartPolicy"`
	}
	relatedPod struct {
		Metadata relatedMeta `json:"metadata"`
		Spec     struct {
			NodeName string `json:"nodeName"`
		} `json:"spec"`
		Status struct {
			Phase             corev1.PodPhase    `json:"phase"`
			Reason            string             `json:"reason"`
			Message           string             `json:"message"`
			Conditions        []relatedCondition `json:"conditions"`
			ContainerStatuses []struct {
				State corev1.ContainerState `json:"state"`
			} `json:"containerStatuses"`
		} `json:"status"`
	}
	relatedNode struct {
		Metadata relatedMeta `json:"metadata"`
		Spec     struct {
			ProviderID    string         `json:"providerID"`
			Unschedulable bool           `json:"unschedulable"`
			Taints        []corev1.Taint `json:"taints"`
		} `json:"spec"`
		Status struct {
			Conditions  []relatedCondition  `json:"conditions"`
			Allocatable corev1.ResourceList `json:"allocatable"`
		} `json:"status"`
	}
)

// related decodes one group of related objects.
func related[Sent, Object any](groups webhook.Groups, group string, read func(Sent) Object) ([]Object, error) {
	sent, err := webhook.Objects[Sent](groups, group)
	if err != nil {
		return nil, err
	}
	objects := make([]Object, 0, len(sent))
	for _, s := range sent {
		objects = append(objects, read(s))
	}
	return objects, nil
}

func (m relatedMeta) object() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, Labels: m.Labels, Annotations: m.Annotations,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp, OwnerReferences: m.OwnerReferences,
	}
}

func (j relatedJob) object() batchv1.Job {
	job := batchv1.Job{ObjectMeta: j.Metadata.object()}
	job.Spec.Template.Spec = j.Spec.Template.Spec.object()
	job.Spec.Suspend, job.Status.StartTime, job.Status.Active = j.Spec.Suspend, j.Status.StartTime, j.Status.Active
	for _, c := range j.Status.Conditions {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: batchv1.JobConditionType(c.Type), Status: corev1.ConditionStatus(c.Status), LastTransitionTime: c.LastTransitionTime,
		})
	}
	return job
}

func (s relatedPodSpec) object() corev1.PodSpec {
	spec := corev1.PodSpec{NodeSelector: s.NodeSelector, Overhead: s.Overhead, Resources: s.Resources}
	if s.Affinity != nil && s.Affinity.NodeAffinity != nil {
		spec.Affinity = &corev1.Affinity{NodeAffinity: s.Affinity.NodeAffinity}
	}
	for _, c := range s.InitContainers {
		spec.InitContainers = append(spec.InitContainers, corev1.Container{Resources: c.Resources, RestartPolicy: c.RestartPolicy})
	}
	for _, c := range s.Containers {
		spec.Containers = append(spec.Containers, corev1.Container{Resources: c.Resources})
	}
	return spec
}

func (p relatedPod) object() corev1.Pod {
	pod := corev1.Pod{ObjectMeta: p.Metadata.object()}
	pod.Spec.NodeName, pod.Status.Phase = p.Spec.NodeName, p.Status.Phase
	pod.Status.Reason, pod.Status.Message = p.Status.Reason, p.Status.Message
	for _, c := range p.Status.Conditions {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodConditionType(c.Type), Status: corev1.ConditionStatus(c.Status),
			Reason: c.Reason, Message: c.Message, LastTransitionTime: c.LastTransitionTime,
		})
	}
	for _, c := range p.Status.ContainerStatuses {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{State: c.State})
	}
	return pod
}

func (n relatedNode) object() corev1.Node {
	node := corev1.Node{ObjectMeta: n.Metadata.object()}
	node.Spec.ProviderID, node.Spec.Unschedulable, node.Spec.Taints = n.Spec.ProviderID, n.Spec.Unschedulable, n.Spec.Taints
	for _, c := range n.Status.Conditions {
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(c.Type), Status: corev1.ConditionStatus(c.Status), Message: c.Message,
		})
	}
	node.Status.Allocatable = n.Status.Allocatable
	return node
}
