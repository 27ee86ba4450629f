package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func (w told) plainJob() *batchv1.Job {
	return As[*batchv1.Job](w.API.Get(Key{"Job", Namespace, "plain"}))
}

// A Job that somebody suspends has no pod and has not failed. Resumed, it starts anew with another pod.
func TestASuspendedJob(t *testing.T) {
	w := tell(t)
	w.create(plainJob())
	w.Advance(10 * time.Second)
	first, uid := w.plainPod(), w.plainJob().UID
	require.NoError(t, w.setChildSuspended(Key{"Job", Namespace, "plain"}, uid, true))
	w.Advance(10 * time.Second)
	assert.Empty(t, w.API.List("Pod"))
	assert.Equal(t, []batchv1.JobConditionType{batchv1.JobSuspended}, w.conditions())
	require.NoError(t, w.setChildSuspended(Key{"Job", Namespace, "plain"}, uid, false))
	w.Advance(10 * time.Second)
	assert.NotEqual(t, first.Name, w.plainPod().Name)
	assert.Equal(t, corev1.ConditionFalse, w.plainJob().Status.Conditions[0].Status)
	assert.True(t, w.plainJob().Status.StartTime.After(first.CreationTimestamp.Time))
}

// While a quota allows no pod the Job has none, and tries again.
func TestAQuotaOnPods(t *testing.T) {
	w := tell(t, "quota pods 0 for=10m")
	w.create(plainJob())
	w.Advance(9 * time.Minute)
	assert.Empty(t, w.API.List("Pod"))
	assert.NotNil(t, w.plainJob().Status.StartTime)
	assert.Equal(t, 1, w.Counts.Faults["quota"])
	w.Advance(2*time.Minute + time.Second)
	w.plainPod()
}

// A quota on Jobs counts those that are there.
func TestAQuotaOnJobs(t *testing.T) {
	w := tell(t, "quota jobs 1")
	w.create(plainJob())
	second := plainJob()
	second.Name = "second"
	_, err := w.API.Create(second)
	require.ErrorContains(t, err, `exceeded quota: team, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1`)
	require.NoError(t, w.API.Delete(Key{"Job", Namespace, "plain"}, ""))
	w.Advance(quotaSees)
	_, err = w.API.Create(second)
	require.NoError(t, err)
}

// What befalls a Node keeps pods off it, and passes. The program that is there runs on.
func TestNodesThatTakeNoPod(t *testing.T) {
	for command, takes := range map[string]func(*corev1.Node) bool{
		"cordon":    func(n *corev1.Node) bool { return !n.Spec.Unschedulable && len(n.Spec.Taints) == 0 },
		"lose-gpus": func(n *corev1.Node) bool { return n.Status.Allocatable.Name(resourceGPU, "").Value() == 1 },
	} {
		t.Run(command, func(t *testing.T) {
			w := training(t, "")
			pod := w.podOf(0)
			require.True(t, takes(w.node(pod.Spec.NodeName)))
			w.do(command + " resnet/0 for=10m")
			assert.False(t, takes(w.node(pod.Spec.NodeName)))
			assert.True(t, isBroken(w.node(pod.Spec.NodeName)))
			other := pod.DeepCopy()
			other.UID, other.Spec.NodeName = "other", ""
			assert.False(t, w.scheduler.fits(other, w.node(pod.Spec.NodeName)))
			w.Advance(9 * time.Minute)
			assert.Equal(t, pod.UID, w.podOf(0).UID)
			w.Advance(2 * time.Minute)
			assert.True(t, takes(w.node(pod.Spec.NodeName)))
		})
	}
}

// A drained replica goes on elsewhere.
func TestADrainedNode(t *testing.T) {
	w := training(t, "")
	was := w.podOf(0).Spec.NodeName
	w.do("cordon resnet/0 drain=yes for=1h")
	w.until("it trains elsewhere", func() bool { return w.job().Status.Preemptions == 1 && w.job().Status.ActiveReplicas == 2 })
	assert.NotEqual(t, was, w.podOf(0).Spec.NodeName)
}

// A kubelet that rejects pods does so with each new one, and with none that runs.
func TestAKubeletThatRejects(t *testing.T) {
	w := training(t, "")
	pod := w.podOf(0)
	w.do("reject resnet/0 for=15m")
	w.Advance(30 * time.Second)
	require.Equal(t, pod.UID, w.podOf(0).UID)
	w.do("evict resnet/0")
	w.until("a pod is rejected", func() bool { return w.podOf(0) != nil && w.podOf(0).Status.Reason == reasonRejected })
	assert.Equal(t, corev1.PodFailed, w.podOf(0).Status.Phase)
	w.until("they train again", func() bool { return w.job().Status.ActiveReplicas == 2 })
}

// A stranger's pod takes the GPU of a replica that was evicted, and leaves it in the end.
func TestAStrangerOnAGPU(t *testing.T) {
	w := training(t, "")
	node := w.podOf(0).Spec.NodeName
	w.do("stranger for=10m", "evict resnet/0")
	w.Advance(time.Minute)
	strange := As[*corev1.Pod](w.API.Get(Key{"Pod", strangers, "notebook-1"}))
	assert.Equal(t, node, strange.Spec.NodeName)
	assert.Equal(t, corev1.PodRunning, strange.Status.Phase)
	assert.Equal(t, 1, w.Counts.Faults["stranger"])
	w.Advance(10 * time.Minute)
	assert.Nil(t, w.API.Get(Key{"Pod", strangers, "notebook-1"}))
	assert.Equal(t, v1alpha1.JobRunning, w.job().Status.Phase)
}
