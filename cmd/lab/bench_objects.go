package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// setup is what a scenario's job and pool are made of.
type setup struct {
	replicas int32
	interval time.Duration // of scheduled checkpoints; 0: an hour, so that there is none
	idle     time.Duration // how long the pool keeps VMs that nobody needs

	megabytes int // of memory that each replica holds; only real programs do
}

const (
	benchPool  = "l4-pool"
	benchImage = "docker.io/acme/resnet:v1" // of the template
)

// apply creates pool and job.
func (t *trial) apply(ctx context.Context, s setup) error {
	if s.interval == 0 {
		s.interval = time.Hour
	}
	job, err := t.newJob(s)
	if err != nil {
		return err
	}
	if err := t.create(ctx, pools, t.newPool(s)); err != nil {
		return err
	}
	return t.create(ctx, jobs, job)
}

func (t *trial) newPool(s setup) *v1alpha1.SpotInstanceVM {
	return &v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM"},
		ObjectMeta: metav1.ObjectMeta{Name: benchPool},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage:     "projects/lab/global/images/family/gpu",
			GPU:         &v1alpha1.GPUConfig{Type: "nvidia-l4", Count: 1},
			GCP:         v1alpha1.GCPConfig{Project: t.namespace, Zone: benchZone, MachineType: "g2-standard-4"},
			MaxReplicas: &s.replicas, IdleTimeout: &metav1.Duration{Duration: s.idle},
		},
	}
}

func (t *trial) newJob(s setup) (*v1alpha1.SpotInstanceJob, error) {
	template, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"restartPolicy": "Never",
		"containers": []any{map[string]any{
			"name": "trainer", "image": benchImage, "resources": map[string]any{"limits": map[string]any{"nvidia.com/gpu": 1}},
			"env": []any{map[string]any{"name": "MEGABYTES", "value": fmt.Sprint(s.megabytes)}},
		}},
	}}}})
	if err != nil {
		return nil, fmt.Errorf("encode the job template: %w", err)
	}
	return &v1alpha1.SpotInstanceJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceJob"},
		ObjectMeta: metav1.ObjectMeta{Name: "resnet"},
		Spec: v1alpha1.SpotInstanceJobSpec{
			Replicas: &s.replicas, SpotInstanceVMRef: corev1.LocalObjectReference{Name: benchPool},
			CheckpointConfig: v1alpha1.CheckpointConfig{
				CheckpointImageRepo: "docker.io/" + t.namespace + "/checkpoints",
				CheckpointInterval:  v1alpha1.CheckpointInterval{Duration: s.interval},
			},
			JobTemplate: runtime.RawExtension{Raw: template},
		},
	}, nil
}

// create creates an object of ours in the trial's namespace.
func (t *trial) create(ctx context.Context, resource schema.GroupVersionResource, object any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("encode an object of %s: %w", resource.Resource, err)
	}
	delete(content, "status")
	_, err = t.bench.lab.Dynamic().Resource(resource).Namespace(t.namespace).
		Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create an object of %s: %w", resource.Resource, err)
	}
	return nil
}
