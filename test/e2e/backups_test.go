package e2e

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
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

const completed = "Completed"

// reason is why the checkpoint was made.
func (c checkpoint) reason() string { return c.Annotations["training.dcnlab.com/checkpoint-reason"] }

// image is what a pod runs to go on from the checkpoint.
func (c checkpoint) image() string { return c.Spec.Registry.URL + "/" + c.Spec.Containers[0].Image }

// checkpoints are the job's CheckpointBackups that exist, oldest first.
func (j jobOf) checkpoints() []checkpoint {
	var own []checkpoint
	for _, c := range typedAll[checkpoint](j.story, backups) {
		if job := j.object(); job != nil && c.Labels[v1alpha1.LabelJobUID] == string(job.UID) {
			own = append(own, c)
		}
	}
	return own
}

// history is everything that ever happened to the job's CheckpointBackups.
func (j jobOf) checkpointHistory() []change { return recorded.past(backups, j.namespace) }

// madeFor is the first CheckpointBackup ever made for a reason, and what was seen of it when it was made.
func (j jobOf) madeFor(reason string) (checkpoint, change) {
	j.Helper()
	for _, c := range j.checkpointHistory() {
		if made := typed[checkpoint](c.object); made.reason() == reason {
			return made, c
		}
	}
	require.FailNow(j, "no CheckpointBackup was made", "for reason %s", reason)
	return checkpoint{}, change{}
}

// completes checks that so many checkpoints have ever completed.
func (j jobOf) completes(checkpoints int32) func() error {
	return func() error {
		if j.status().Checkpoints < checkpoints {
			return fmt.Errorf("%s", j.describe())
		}
		return nil
	}
}

// completedAt is when a CheckpointBackup was seen to be Completed.
func (j jobOf) completedAt(name string) time.Time {
	j.Helper()
	for _, c := range j.checkpointHistory() {
		if made := typed[checkpoint](c.object); made.Name == name && made.Status.Phase == completed {
			return c.seen
		}
	}
	require.FailNow(j, "the CheckpointBackup did not complete", name)
	return time.Time{}
}
