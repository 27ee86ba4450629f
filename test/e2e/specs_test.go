package e2e

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// Zones of the lab. Stories that run a zone out of capacity have zones of their own.
const (
	zone       = "us-central1-a"
	secondZone = "us-central1-b"
	emptyZone  = "us-east1-b" // no story but one uses these
	fullZone   = "us-east4-a"
	heldZone   = "us-west1-a"
	lossyZone  = "us-west1-b"
)

type (
	jobEdit  func(*v1alpha1.SpotInstanceJob)
	poolEdit func(*v1alpha1.SpotInstanceVM)
)

// newPool is a demand-driven pool of VMs with one GPU, which go two seconds after nobody needs them.
func (s *story) newPool(edits ...poolEdit) poolOf {
	s.Helper()
	p := &v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: pools.name},
		ObjectMeta: metav1.ObjectMeta{Name: "l4-pool"},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage:     "projects/lab/global/images/family/gpu",
			GPU:         &v1alpha1.GPUConfig{Type: "nvidia-l4", Count: 1},
			GCP:         v1alpha1.GCPConfig{Project: s.namespace, Zone: zone, MachineType: "g2-standard-4"},
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

func joinsWithin(d time.Duration) poolEdit {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.JoinTimeout = &metav1.Duration{Duration: d} }
}

// newJob is a training job of two replicas that trains until it is told to end, and makes no checkpoint for an hour.
func (s *story) newJob(edits ...jobEdit) jobOf {
	s.Helper()
	j := &v1alpha1.SpotInstanceJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: jobs.name},
		ObjectMeta: metav1.ObjectMeta{Name: "resnet"},
		Spec: v1alpha1.SpotInstanceJobSpec{
			SpotInstanceVMRef: corev1.LocalObjectReference{Name: "l4-pool"},
			CheckpointConfig: v1alpha1.CheckpointConfig{
				CheckpointImageRepo: "docker.io/" + s.namespace + "/checkpoints",
				CheckpointInterval:  metav1.Duration{Duration: time.Hour},
			},
		},
	}
	withTemplate(`{}`, nil)(j)
	for _, edit := range edits {
		edit(j)
	}
	s.create(jobs, j)
	return jobOf{s, j.Name}
}

// withTemplate is a job template with the given further fields of its spec, as JSON, and annotations of its pods.
func withTemplate(jobSpec string, annotations map[string]string) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) {
		spec := map[string]any{}
		if err := json.Unmarshal([]byte(jobSpec), &spec); err != nil {
			panic(fmt.Errorf("job template of the story: %w", err))
		}
		spec["template"] = map[string]any{
			"metadata": map[string]any{"annotations": annotations},
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

// program is what the training program of a job does, in annotations that the lab's Trainer reads.
func program(annotations map[string]string) jobEdit { return withTemplate(`{}`, annotations) }

// training needs this much training to complete.
func training(d time.Duration) jobEdit {
	return program(map[string]string{cluster.AnnotationTrainSeconds: fmt.Sprint(d.Seconds())})
}

func withReplicas(n int32) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) { j.Spec.Replicas = &n }
}

func checkpointEvery(d time.Duration) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) { j.Spec.CheckpointConfig.CheckpointInterval.Duration = d }
}

func checkpointTimeout(d time.Duration) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) { j.Spec.CheckpointConfig.Timeout = &metav1.Duration{Duration: d} }
}

func retain(n int32) jobEdit {
	return func(j *v1alpha1.SpotInstanceJob) { j.Spec.CheckpointConfig.Retain = &n }
}

func named(name string) jobEdit { return func(j *v1alpha1.SpotInstanceJob) { j.Name = name } }

func seconds(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Second}
}

func secretNamed(name string) *corev1.SecretReference { return &corev1.SecretReference{Name: name} }
