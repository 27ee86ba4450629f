package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// withProgram tells the training program of real nodes (test/realnode/training) what the template's annotations say, which the lab's
// stand-in reads by itself.
func withProgram(template runtime.RawExtension) (runtime.RawExtension, error) {
	var job struct {
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal(template.Raw, &job); err != nil {
		return template, err
	}
	var env []any
	for name, annotation := range map[string]string{
		"TRAIN_SECONDS": cluster.AnnotationTrainSeconds, "FAIL_AFTER": cluster.AnnotationFailAfter, "SIGTERM": cluster.AnnotationSIGTERM,
	} {
		field := map[string]string{"fieldPath": "metadata.annotations['" + annotation + "']"}
		env = append(env, map[string]any{"name": name, "valueFrom": map[string]any{"fieldRef": field}})
	}
	pod, _ := job.Spec["template"].(map[string]any)["spec"].(map[string]any)
	for _, container := range pod["containers"].([]any) {
		container.(map[string]any)["env"] = env
	}
	raw, err := json.Marshal(job)
	return runtime.RawExtension{Raw: raw}, err
}

// doCleaned is `cleaned`: on every VM, the runtime's store has the template's image, and soon none of a checkpoint, also if a restored
// program runs there.
func (s *scene) doCleaned(*story.Options) error {
	checkpoints := "docker.io/" + s.Place().Project + "/" // the repositories of the scene's jobs
	return s.Await(func() error {
		nodes := s.Now().Nodes
		if len(nodes) == 0 {
			return errors.New("cleaned: there is no VM")
		}
		for _, node := range nodes {
			images, err := lab.StoredImages(s.Context(), node.Name)
			if err != nil {
				return err
			}
			if !slices.Contains(images, cluster.ImageTraining) {
				return fmt.Errorf("VM %s has not the template's image: %v", node.Name, images)
			}
			if slices.ContainsFunc(images, func(image string) bool { return strings.HasPrefix(image, checkpoints) }) {
				return fmt.Errorf("VM %s has images of checkpoints: %v", node.Name, images)
			}
		}
		return nil
	})
}

// doCurve is `curve JOB steps=N`: everything that the job's programs printed is what one program prints that nobody disturbs, to the
// last digit, and all N steps are there.
func (s *scene) doCurve(o *story.Options) error {
	if !*realNodes {
		return errors.New("curve: only on real nodes do programs run")
	}
	logs, err := lab.PodLogs(s.namespace)
	if err != nil {
		return err
	}
	var printed []realnode.Step
	for pod, log := range logs {
		if strings.HasPrefix(pod, s.namespace+"_"+o.TheName()+"-") {
			printed = append(printed, realnode.Steps(log)...)
		}
	}
	seconds := time.Duration(*o.Number("steps", 0)) * realnode.StepTime
	undisturbed, err := lab.TrainUndisturbed(s.Context(), seconds)
	if err != nil {
		return err
	}
	return realnode.Same(printed, realnode.Steps(undisturbed))
}
