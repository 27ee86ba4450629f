package jobrules_test

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/batch"
	batchdefaults "k8s.io/kubernetes/pkg/apis/batch/v1"
	"k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/capabilities"
	"sigs.k8s.io/yaml"
)

// TestJobRulesAreKubernetesOwn asks the API server's own rules about each template by which internal/jobrules is tested.
func TestJobRulesAreKubernetesOwn(t *testing.T) {
	capabilities.Initialize(capabilities.Capabilities{AllowPrivileged: true})
	for file, isRefused := range map[string]bool{"refused": true, "accepted": false} {
		data, err := os.ReadFile("../../../internal/jobrules/testdata/" + file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var cases []jobCase
		if err := yaml.UnmarshalStrict(data, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			t.Run(file+"/"+c.Name, func(t *testing.T) {
				refused := refusals(t, c)
				if isRefused != (len(refused) > 0) {
					t.Fatalf("Kubernetes refuses: %v", refused)
				}
				t.Log(refused, "\nours:", c.Want)
			})
		}
	}
}

// jobCase is what a case changes in the plainest template.
type jobCase struct {
	Name, Want                                 string
	Metadata, PodMetadata, Job, Pod, Container map[string]any
}

func refusals(t *testing.T, c jobCase) field.ErrorList {
	t.Helper()
	container := map[string]any{"name": "trainer", "image": "acme/train:1"}
	maps.Copy(container, c.Container)
	pod := map[string]any{"containers": []any{container}, "restartPolicy": "Never"}
	maps.Copy(pod, c.Pod)
	job := map[string]any{"template": map[string]any{"metadata": c.PodMetadata, "spec": pod}}
	maps.Copy(job, c.Job)
	data, err := json.Marshal(map[string]any{"metadata": c.Metadata, "spec": job})
	if err != nil {
		t.Fatal(err)
	}
	var versioned batchv1.Job
	if err := yaml.UnmarshalStrict(data, &versioned); err != nil {
		t.Fatal(err)
	}
	versioned.Name, versioned.Namespace, versioned.UID = "train", "ml", "uid"
	generated(&versioned)
	batchdefaults.SetObjectDefaults_Job(&versioned)
	var internal batch.Job
	if err := batchdefaults.Convert_v1_Job_To_batch_Job(&versioned, &internal, nil); err != nil {
		t.Fatal(err)
	}
	return validation.ValidateJob(&internal, validation.JobValidationOptions{
		RequirePrefixedLabels: true,
		PodValidationOptions:  podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil),
	})
}

// generated sets what the API server does before it validates.
func generated(job *batchv1.Job) {
	labels := map[string]string{
		"controller-uid": "uid", batchv1.ControllerUidLabel: "uid", "job-name": "train", batchv1.JobNameLabel: "train",
	}
	maps.Copy(labels, job.Spec.Template.Labels)
	job.Spec.Template.Labels = labels
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: "uid"}}
	if job.Spec.Template.Spec.RestartPolicy == "" {
		job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
}
