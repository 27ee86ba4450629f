package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// What a pod gets of a template is what Kubernetes makes of it as a plain Job, but for what differences lists. Each of
// testdata/shapes is a training as people publish it. No VM is bought: the pods are compared while they wait for a Node.
func TestPodIsThatOfAPlainJob(t *testing.T) {
	s := begin(t)
	s.takes(5 * time.Minute)
	pool := s.newPool(forShapes)
	cluster, err := os.ReadFile("testdata/shapes-cluster.yaml")
	require.NoError(t, err)
	require.NoError(t, lab.Apply(t.Context(), "", string(cluster)))

	shapes := readShapes(t)
	require.GreaterOrEqual(t, len(shapes), 25)
	var documents []string
	for _, shape := range shapes {
		documents = append(documents, shape.manifest, shape.plain)
	}
	require.NoError(t, lab.Apply(t.Context(), s.namespace, strings.Join(documents, "\n---\n")))
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			of := *s
			of.T = t
			shape.compare(&of, pool)
		})
	}
	require.NoError(t, noVM(s))
	for _, shape := range shapes {
		require.NoError(t, s.doRemove(childJobs, shape.plainName()))
	}
	s.end()
	s.letGo()
}

// letGo removes the finalizers that shapes have for their pods.
func (s *scene) letGo() {
	s.Helper()
	left, err := lab.Client().CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	for _, pod := range left.Items {
		if slices.ContainsFunc(pod.Finalizers, func(name string) bool { return name != batchv1.JobTrackingFinalizer }) {
			s.patch(pods, pod.Name, `{"metadata": {"finalizers": null}}`)
		}
	}
}

// forShapes makes a pool that every shape fits, and that buys nothing.
func forShapes(p *v1alpha1.SpotInstanceVM) {
	fixedAt(0)(p)
	p.Name = "h100-pool"
	p.Spec.GCP.MachineType, p.Spec.GPU = "a3-highgpu-8g", &v1alpha1.GPUConfig{Type: "nvidia-h100-80gb", Count: 8}
	p.Spec.NodeLabels = map[string]string{"cloud.google.com/gke-accelerator": "nvidia-h100-80gb", "acme.io/disk": "nvme"}
	p.Spec.Taints = []corev1.Taint{
		{Key: "acme.io/spot", Value: "yes", Effect: corev1.TaintEffectNoSchedule},
		{Key: "acme.io/slow", Effect: corev1.TaintEffectNoExecute},
	}
}

// shape is a training as people publish it: a file of testdata/shapes.
type shape struct {
	name     string // of the file and of its SpotInstanceJob
	manifest string // the file
	template batchv1.JobTemplateSpec
	plain    string // the manifest of a plain Job with that template
}

func (s shape) plainName() string { return "plain-" + s.name }

func readShapes(t *testing.T) []shape {
	t.Helper()
	files, err := filepath.Glob("testdata/shapes/*.yaml")
	require.NoError(t, err)
	var shapes []shape
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		shapes = append(shapes, newShape(t, strings.TrimSuffix(filepath.Base(file), ".yaml"), string(data)))
	}
	return shapes
}

func newShape(t *testing.T, name, manifest string) shape {
	t.Helper()
	s := shape{name: name, manifest: manifest}
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		var job v1alpha1.SpotInstanceJob
		require.NoError(t, yaml.Unmarshal([]byte(document), &job), name)
		if job.Kind != jobs.name {
			continue
		}
		require.Equal(t, name, job.Name, "the name of a shape is that of its file")
		require.NoError(t, json.Unmarshal(job.Spec.JobTemplate.Raw, &s.template), name)
		s.plain = s.plainJob(t, job.Spec.JobTemplate.Raw)
	}
	require.NotEmpty(t, s.plain, "%s has no SpotInstanceJob", name)
	return s
}

// gate keeps the pod of a plain Job from the VMs of other stories.
const gate = "acme.io/only-to-be-compared"

// plainJob is the template as the user wrote it, with a name, the gate, and the restartPolicy that a Job must say and a template need not.
func (s shape) plainJob(t *testing.T, template []byte) string {
	t.Helper()
	var job struct {
		Metadata map[string]any `json:"metadata"`
		Spec     map[string]any `json:"spec"`
	}
	require.NoError(t, json.Unmarshal(template, &job))
	if job.Metadata == nil {
		job.Metadata = map[string]any{}
	}
	job.Metadata["name"] = s.plainName()
	pod := job.Spec["template"].(map[string]any)["spec"].(map[string]any)
	gates, _ := pod["schedulingGates"].([]any)
	pod["schedulingGates"] = append(gates, map[string]any{"name": gate})
	if pod["restartPolicy"] == nil {
		pod["restartPolicy"] = corev1.RestartPolicyNever
	}
	manifest, err := yaml.Marshal(map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": job.Metadata, "spec": job.Spec})
	require.NoError(t, err)
	return string(manifest)
}

// compare waits for both pods and compares them, and looks that labels and annotations of the Job are there.
func (s shape) compare(of *scene, pool poolOf) {
	of.Helper()
	job := jobOf{of, s.name}
	var ours, plain *corev1.Pod
	of.eventually("both Jobs have a pod", func() error {
		status := job.status()
		if valid := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionSpecValid); valid != nil {
			require.Equal(of, metav1.ConditionTrue, valid.Status, valid.Message)
		}
		if len(status.JobStatuses) > 0 {
			ours = job.pod(status.JobStatuses[0].Name)
		}
		plain = job.pod(s.plainName())
		if ours == nil || plain == nil {
			return fmt.Errorf("SpotInstanceJob has one: %t, plain Job has one: %t; %s", ours != nil, plain != nil, job.describe())
		}
		return nil
	})
	want := expected{pod: withoutGate(plain), template: s.template.Spec.Template.Spec, job: job.object(), pool: pool.object()}
	for _, d := range differences {
		d.expect(want)
	}
	assert.Equal(of, described(want.pod), described(ours))

	child := job.child(metav1.GetControllerOf(ours).Name)
	require.NotNil(of, child)
	assert.Subset(of, child.Labels, s.template.Labels)
	assert.Subset(of, child.Annotations, s.template.Annotations)
}

func withoutGate(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.SchedulingGates = slices.DeleteFunc(pod.Spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == gate })
	if len(pod.Spec.SchedulingGates) == 0 {
		pod.Spec.SchedulingGates = nil
	}
	return pod
}

// The list of differences is that of the documentation.
func TestDifferencesAreDocumented(t *testing.T) {
	design, err := os.ReadFile("../../docs/design.md")
	require.NoError(t, err)
	for _, d := range differences {
		assert.Contains(t, string(design), "\n| `"+d.field+"` |", d.why)
	}
}

// child is a Job of the story, or nil.
func (s *scene) child(name string) *batchv1.Job {
	for _, child := range typedAll[batchv1.Job](s, childJobs) {
		if child.Name == name {
			return &child
		}
	}
	return nil
}
