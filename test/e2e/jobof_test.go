package e2e

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// jobOf is a SpotInstanceJob of a story.
type jobOf struct {
	*scene
	name string
}

// typed reads an object as its own type.
func typed[T any](object *unstructured.Unstructured) T {
	var t T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &t); err != nil {
		panic(fmt.Errorf("%s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err))
	}
	return t
}

// typedAll are all objects of a kind in the story's namespace, by name.
func typedAll[T any](s *scene, k kind) []T {
	var all []T
	for _, object := range recorded.present(k, s.namespace) {
		all = append(all, typed[T](object))
	}
	return all
}

// object is the job as it is now, or nil.
func (j jobOf) object() *v1alpha1.SpotInstanceJob {
	for _, job := range typedAll[v1alpha1.SpotInstanceJob](j.scene, jobs) {
		if job.Name == j.name {
			return &job
		}
	}
	return nil
}

func (j jobOf) status() v1alpha1.SpotInstanceJobStatus {
	if job := j.object(); job != nil {
		return job.Status
	}
	return v1alpha1.SpotInstanceJobStatus{}
}

// replica is what status tells of a replica.
func (j jobOf) replica(n int32) v1alpha1.JobReplicaStatus {
	j.Helper()
	for _, replica := range j.status().JobStatuses {
		if replica.Replica == n {
			return replica
		}
	}
	require.FailNow(j, "status tells of no such replica", "replica %d of %+v", n, j.status().JobStatuses)
	return v1alpha1.JobReplicaStatus{}
}

// pod is the pod of a child Job, or nil.
func (j jobOf) pod(attempt string) *corev1.Pod {
	for _, pod := range typedAll[corev1.Pod](j.scene, pods) {
		if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Name == attempt {
			return &pod
		}
	}
	return nil
}

// trains checks that so many replicas train and no others are wanted.
func (j jobOf) trains(replicas int32) func() error {
	return func() error {
		status := j.status()
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		if status.ActiveReplicas != replicas || status.Phase != v1alpha1.JobRunning || ready == nil || ready.Status != metav1.ConditionTrue {
			return fmt.Errorf("%s", j.describe())
		}
		return nil
	}
}

// says checks that a condition has a status and reason, and that its message has all these parts.
func (j jobOf) says(condition string, status metav1.ConditionStatus, reason string, parts ...string) func() error {
	return func() error { return says(j.status().Conditions, condition, status, reason, parts) }
}

func says(conditions []metav1.Condition, kind string, status metav1.ConditionStatus, reason string, parts []string) error {
	c := meta.FindStatusCondition(conditions, kind)
	if c == nil || c.Status != status || c.Reason != reason {
		return fmt.Errorf("want %s=%s (%s), have %+v", kind, status, reason, conditions)
	}
	for _, part := range parts {
		if !strings.Contains(c.Message, part) {
			return fmt.Errorf("the message of %s lacks %q: %s", kind, part, c.Message)
		}
	}
	return nil
}

// describe is the status in a line.
func (j jobOf) describe() string {
	status := j.status()
	line := fmt.Sprintf("job %s is %s, %d active, %d preemptions, %d checkpoints", j.name, status.Phase, status.ActiveReplicas, status.Preemptions, status.Checkpoints)
	for _, r := range status.JobStatuses {
		line += fmt.Sprintf("; %s %s on %s", r.Name, r.Phase, r.NodeName)
	}
	if ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready != nil {
		line += "; " + ready.Message
	}
	return line
}
