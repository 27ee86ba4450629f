package e2e

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
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
