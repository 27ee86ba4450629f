package e2e

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// checkpoint is a CheckpointBackup as far as the stories look at it.
type checkpoint struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ResourceRef struct {
			Name string `json:"name"` // of the child Job
		} `json:"resourceRef"`
		Registry struct {
			URL string `json:"url"`
		} `json:"registry"`
		Containers []struct {
			Image string `json:"image"`
		} `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// seen is the CheckpointBackup as stories look at it.
func (c checkpoint) seen(gone bool) *story.Checkpoint {
	seen := &story.Checkpoint{
		Name: c.Name, Reason: c.Annotations[story.AnnotationReason], Replica: c.Labels[v1alpha1.LabelReplica], Child: c.Spec.ResourceRef.Name,
		Image: c.Spec.Registry.URL + "/" + c.Spec.Containers[0].Image, Phase: c.Status.Phase, Leaving: gone || c.DeletionTimestamp != nil,
	}
	if owner := metav1.GetControllerOf(&c); owner != nil {
		seen.Owner = owner.Name
	}
	return seen
}
