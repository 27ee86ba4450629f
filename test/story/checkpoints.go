package story

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// turns is `turns JOB`: whether the replicas took turns with their checkpoints, from the third on, and whether two of one
// pod were ever in flight at the same time.
func (v viewer) turns() (string, error) {
	if len(v.c.Args) != 1 {
		return "", errors.New("name one job")
	}
	var turns []string
	inFlight := map[string]string{} // checkpoint by child
	for _, c := range v.Past() {
		made := c.Checkpoint
		switch {
		case made == nil || made.Owner != v.c.Args[0]:
		case c.Leaving || made.Phase == completed:
			if inFlight[made.Child] == made.Name {
				delete(inFlight, made.Child)
			}
		case inFlight[made.Child] == "":
			turns = append(turns, made.Replica)
			inFlight[made.Child] = made.Name
		case inFlight[made.Child] != made.Name:
			return "", fmt.Errorf("two checkpoints of %s at the same time: %s and %s", made.Child, inFlight[made.Child], made.Name)
		}
	}
	for i := 2; i < len(turns); i++ {
		if turns[i] != turns[i-2] {
			return "", fmt.Errorf("replicas do not take turns: %s", strings.Join(turns, " "))
		}
	}
	return "the replicas take turns, never two checkpoints of one pod at once", nil
}

// sameMoment is how much of a checkpoint's completion is too late for an attempt that is made meanwhile, and how much
// training two images may differ in to be as good as each other.
const sameMoment = time.Second

// restored is `restored JOB/N`: what the newest attempt of a replica started from, by what it could have started from.
func (v viewer) restored() (string, error) {
	if len(v.c.Args) != 1 {
		return "", errors.New("name one replica")
	}
	attempt, err := v.newest(v.c.Args[0])
	if err != nil || attempt.RestoredFrom == "" {
		return "from the template", err
	}
	progress, _, found := v.Content(attempt.RestoredFrom)
	if source := v.source(attempt.RestoredFrom); !found || source == unknownImage {
		return "", fmt.Errorf("image %s is %s, and exists: %v", attempt.RestoredFrom, source, found)
	}
	past := v.Past()
	at := slices.IndexFunc(past, func(c Change) bool { return c.Child != nil && c.Child.Name == attempt.Name })
	if at < 0 {
		return "", fmt.Errorf("job %s was never made", attempt.Name)
	}
	made := past[at]
	if runs := imageOf(made.Child); runs != attempt.RestoredFrom {
		return "", fmt.Errorf("job %s runs %s, and status says %s", attempt.Name, runs, attempt.RestoredFrom)
	}
	for _, c := range past {
		if c.Checkpoint == nil || c.Checkpoint.Owner != ownerOf(made.Child) || c.Checkpoint.Phase != completed || c.At.After(made.At.Add(-sameMoment)) {
			continue
		}
		if other, _, _ := v.Content(c.Checkpoint.Image); other > progress+sameMoment {
			return "", fmt.Errorf("checkpoint %s holds %s, which is more than the %s of %s", c.Checkpoint.Name, other, progress, attempt.RestoredFrom)
		}
	}
	return "from the best checkpoint of that moment", nil
}

// newest is what status tells of a replica.
func (v viewer) newest(replica string) (v1alpha1.JobReplicaStatus, error) {
	name, number, _ := strings.Cut(replica, "/")
	if job := v.Now().Job(name); job != nil {
		for _, r := range job.Status.JobStatuses {
			if fmt.Sprint(r.Replica) == number {
				return r, nil
			}
		}
	}
	return v1alpha1.JobReplicaStatus{}, fmt.Errorf("there is no replica %s", replica)
}

// imageOf is what the first container of a Job runs.
func imageOf(child *batchv1.Job) string { return child.Spec.Template.Spec.Containers[0].Image }

// kindOf is what kind of image a Job was made with: of a checkpoint that completed, one that is broken, or the template's.
func (v viewer) kindOf(image string) string {
	_, broken, _ := v.Content(image)
	isCheckpoint := slices.ContainsFunc(checkpointsOf(v.Past()), func(c Checkpoint) bool { return c.Image == image && c.Phase == completed })
	switch {
	case broken:
		return "broken-image"
	case isCheckpoint:
		return "checkpoint"
	}
	return "template"
}
