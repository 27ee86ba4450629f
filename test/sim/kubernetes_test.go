package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plainJob is a Job as the operator renders them, without anything of the operator's.
func plainJob() *batchv1.Job {
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "plain"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"pool": "a"}},
			Spec: corev1.PodSpec{
				NodeSelector: map[string]string{"pool": "a"},
				Containers: []corev1.Container{{Name: "c", Image: "i", Resources: corev1.ResourceRequirements{
					Limits: corev1.ResourceList{resourceGPU: resource.MustParse("1")},
				}}},
			},
		}},
	}
}

// deadNode is a ready Node whose kubelet nobody has started.
func deadNode(name string, change func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pool": "a", corev1.LabelTopologyZone: "z"}},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{resourceGPU: resource.MustParse("1")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	change(node)
	return node
}

func (w told) create(o Object) {
	w.Helper()
	_, err := w.API.Create(o)
	require.NoError(w, err)
}

func (w told) plainPod() *corev1.Pod {
	w.Helper()
	pods := w.API.List("Pod")
	require.Len(w, pods, 1)
	return As[*corev1.Pod](pods[0])
}

func (w told) conditions() []batchv1.JobConditionType {
	var kinds []batchv1.JobConditionType
	for _, c := range As[*batchv1.Job](w.API.Get(Key{"Job", Namespace, "plain"})).Status.Conditions {
		kinds = append(kinds, c.Type)
	}
	return kinds
}

func TestScheduling(t *testing.T) {
	for name, change := range map[string]func(*corev1.Node){
		"another pool": func(n *corev1.Node) { n.Labels["pool"] = "b" },
		"a taint": func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "leaving", Effect: corev1.TaintEffectNoSchedule}}
		},
		"no GPU": func(n *corev1.Node) { n.Status.Allocatable = nil },
	} {
		w := tell(t)
		w.create(deadNode("vm-0", change))
		w.create(plainJob())
		w.Advance(10 * time.Second)
		pod := w.plainPod()
		assert.Empty(t, pod.Spec.NodeName, name)
		require.Len(t, pod.Status.Conditions, 1, name)
		assert.Equal(t, corev1.PodReasonUnschedulable, pod.Status.Conditions[0].Reason, name)
		w.create(deadNode("vm-1", func(*corev1.Node) {}))
		w.Advance(time.Second)
		pod = w.plainPod()
		assert.Equal(t, "vm-1", pod.Spec.NodeName, name)
		assert.Equal(t, corev1.ConditionTrue, pod.Status.Conditions[0].Status, name)
	}
}

func TestAPodThatEnds(t *testing.T) {
	for phase, want := range map[corev1.PodPhase][]batchv1.JobConditionType{
		corev1.PodSucceeded: {batchv1.JobSuccessCriteriaMet, batchv1.JobComplete},
		corev1.PodFailed:    {batchv1.JobFailureTarget, batchv1.JobFailed},
	} {
		w := tell(t)
		w.create(plainJob())
		w.Advance(2 * time.Second)
		pod := w.plainPod()
		assert.Equal(t, []string{batchv1.JobTrackingFinalizer}, pod.Finalizers)
		require.NoError(t, w.API.Update(keyOf(pod), "", func(o Object) { o.(*corev1.Pod).Status.Phase = phase }))
		w.Advance(5 * time.Second)
		assert.Equal(t, want, w.conditions())
		assert.Empty(t, w.plainPod().Finalizers)
	}
}

// A pod on a dead Node that is deleted fails its Job only when it is gone.
func TestAPodThatCannotEnd(t *testing.T) {
	w := tell(t)
	w.create(deadNode("vm-0", func(*corev1.Node) {}))
	w.create(plainJob())
	w.Advance(5 * time.Second)
	pod := w.plainPod()
	require.Equal(t, "vm-0", pod.Spec.NodeName)
	w.Machines.setReady("vm-0", corev1.ConditionUnknown, "NodeStatusUnknown", "")
	w.Advance(w.Timing.Evict + 3*time.Second)
	assert.Equal(t, "DeletionByTaintManager", disruption(w.plainPod()))
	assert.Equal(t, []batchv1.JobConditionType{batchv1.JobFailureTarget}, w.conditions())
	w.Advance(time.Hour)
	require.NotNil(t, w.plainPod().DeletionTimestamp, "nobody else ends it")
	require.NoError(t, w.API.Delete(Key{Kind: "Node", Name: "vm-0"}, ""))
	w.Advance(w.Timing.PodGC + 3*time.Second)
	assert.Empty(t, w.API.List("Pod"))
	assert.Equal(t, []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}, w.conditions())
}

// A Job that is deleted takes its pod along.
func TestAPodWhoseJobIsDeleted(t *testing.T) {
	w := tell(t)
	w.create(plainJob())
	w.Advance(2 * time.Second)
	require.NotNil(t, w.plainPod())
	require.NoError(t, w.API.Delete(Key{"Job", Namespace, "plain"}, ""))
	w.Advance(5 * time.Second)
	assert.Empty(t, w.API.List("Pod"))
}
