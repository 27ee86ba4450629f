package e2e

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

type (
	jobEdit  func(*v1alpha1.SpotInstanceJob)
	poolEdit func(*v1alpha1.SpotInstanceVM)
)

// newPool is a demand-driven pool of VMs with one GPU, which go two seconds after nobody needs them. It leaves the rest to the
// API server's defaults, which stories set themselves.
func (s *scene) newPool(edits ...poolEdit) poolOf {
	s.Helper()
	p := &v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: pools.name},
		ObjectMeta: metav1.ObjectMeta{Name: "l4-pool"},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage:     "projects/lab/global/images/family/gpu",
			GPU:         &v1alpha1.GPUConfig{Type: "nvidia-l4", Count: 1},
			GCP:         v1alpha1.GCPConfig{Project: s.namespace, Zone: s.zones["a"], MachineType: "g2-standard-4"},
			IdleTimeout: seconds(2), JoinTimeout: seconds(60),
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	s.create(pools, p)
	return poolOf{s, p.Name}
}

func inZones(first string, others ...string) poolEdit {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.Zone, p.Spec.GCP.Zones = first, others }
}

func fixedAt(replicas int32) poolEdit {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.Replicas = &replicas }
}

func atMost(replicas int32) poolEdit {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.MaxReplicas = &replicas }
}

// newJob is a training job of two replicas that trains until it is told to end, and makes no checkpoint for an hour. It
// leaves the rest to the API server's defaults, too.
func (s *scene) newJob(edits ...jobEdit) jobOf {
	s.Helper()
	j := &v1alpha1.SpotInstanceJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: jobs.name},
		ObjectMeta: metav1.ObjectMeta{Name: "resnet"},
		Spec: v1alpha1.SpotInstanceJobSpec{
			SpotInstanceVMRef: corev1.LocalObjectReference{Name: "l4-pool"},
			CheckpointConfig: v1alpha1.CheckpointConfig{
				CheckpointImageRepo: "docker.io/" + s.namespace + "/checkpoints",
				CheckpointInterval:  v1alpha1.CheckpointInterval{Duration: time.Hour},
			},
		},
	}
	withTemplate(`{}`)(j)
	for _, edit := range edits {
		edit(j)
	}
	s.create(jobs, j)
	return jobOf{s, j.Name}
}

// withTemplate is a job template with the given further fields of its spec, as JSON.
func withTemplate(jobSpec string) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) {
		spec := map[string]any{}
		if err := json.Unmarshal([]byte(jobSpec), &spec); err != nil {
			panic(fmt.Errorf("job template of the story: %w", err))
		}
		spec["template"] = map[string]any{
			"spec": map[string]any{
				"restartPolicy": "Never",
				"containers": []any{map[string]any{
					"name": "trainer", "image": "docker.io/acme/resnet:v1",
					"resources": map[string]any{"limits": map[string]any{"nvidia.com/gpu": 1}},
				}},
			},
		}
		raw, err := json.Marshal(map[string]any{"spec": spec})
		if err != nil {
			panic(err) // it was JSON before
		}
		j.Spec.JobTemplate = runtime.RawExtension{Raw: raw}
	}
}

func withReplicas(n int32) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) { j.Spec.Replicas = &n }
}

func seconds(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Second}
}

func secretNamed(name string) *corev1.SecretReference { return &corev1.SecretReference{Name: name} }
