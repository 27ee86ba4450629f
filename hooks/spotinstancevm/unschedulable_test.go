package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// podOf is the pod of the Job with this index, as the Job controller has just made it.
func (w *world) podOf(i int, edit ...func(*corev1.Pod)) corev1.Pod {
	job := w.jobs[i]
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name + "-x", UID: "pod-" + job.UID, Labels: job.Labels, CreationTimestamp: *timestamp(w.clock.Now()),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: new(true)}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, e := range edit {
		e(&pod)
	}
	return pod
}

func (w *world) unscheduled(reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: *timestamp(w.clock.Now()),
		}}
	}
}

// A pod that fits no VM of the pool costs two VMs an hour at most, and the scheduler's words are in the pool's condition.
func TestReplicaThatNoVMSuits(t *testing.T) {
	w := newWorld(t, inZones(zoneA, zoneB))
	w.demand(1)
	w.pods = []corev1.Pod{w.podOf(0, w.unscheduled(corev1.PodReasonUnschedulable, "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."))}
	w.run(4 * time.Minute)
	require.Equal(t, "us-central1-a:1,us-central1-b:1", w.pool.Status.Placement, "one other VM is tried, in another zone")
	w.run(2 * time.Minute)
	w.pods[0].Status.Conditions[0].Message = "0/1 nodes are available: what it says of the Nodes that are left is another matter"
	w.run(10 * time.Minute)
	require.Empty(t, w.gce.Instances(), "VMs that nobody can use go")
	require.Equal(t, "resnet-0", w.pool.Status.UnschedulableReplicas[0].JobName)
	said := w.condition(v1alpha1.ConditionVMsUsable)
	require.Equal(t, v1alpha1.ReasonUnschedulable, said.Reason)
	require.Contains(t, said.Message, "3 node(s) didn't match Pod's node affinity/selector")
	w.settled()
	w.run(6 * time.Hour)
	require.LessOrEqual(t, w.inserts(), 2*7)
	require.Greater(t, w.inserts(), 2*5, "it is tried again")
}

// A pod that could not be bound and now can be is served like any other, and nothing is told of it any more.
func TestReplicaThatSuitsAnotherVM(t *testing.T) {
	w := newWorld(t, inZones(zoneA, zoneB))
	w.demand(1)
	w.pods = []corev1.Pod{w.podOf(0, w.unscheduled(corev1.PodReasonUnschedulable, "0/1 nodes are available: 1 node(s) had volume node affinity conflict."))}
	w.run(2*time.Minute + 40*time.Second)
	require.Len(t, w.gce.Instances(), 2)
	require.Contains(t, w.condition(v1alpha1.ConditionVMsUsable).Message, w.vm(0)+" is Ready and free, and the scheduler does not bind the pod of Job resnet-0 to it")
	w.pods[0].Spec.NodeName, w.pods[0].Status.Phase, w.pods[0].Status.Conditions[0].Status = w.vm(1), corev1.PodRunning, corev1.ConditionTrue
	w.kube.bind(w.pods[0])
	w.run(10 * time.Minute)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
	require.Empty(t, w.pool.Status.UnschedulableReplicas)
	for _, c := range w.pool.Status.Conditions {
		require.NotEqual(t, v1alpha1.ConditionVMsUsable, c.Type)
	}
}

// Who needs a VM: a replica whose pod waits for one, runs on one, or may still come.
func TestReplicaThatCanUseNoVM(t *testing.T) {
	long := func(w *world) { w.jobs[0].CreationTimestamp = *timestamp(w.clock.Now().Add(-time.Hour)) }
	for name, c := range map[string]struct {
		edit func(*world)
		want int32
	}{
		"its pod is on the way": {func(w *world) { w.jobs[0].CreationTimestamp, w.jobs[0].Status.Active = *timestamp(w.clock.Now()), 0 }, 1},
		"no pod for an hour":    {func(w *world) { long(w); w.jobs[0].Status.Active = 0 }, 0},
		"the Job was resumed a moment ago": {func(w *world) {
			long(w)
			w.jobs[0].Status.Active, w.jobs[0].Status.StartTime = 0, timestamp(w.clock.Now())
		}, 1},
		"the Job controller counts a pod that is not seen": {long, 1},
		"its pod was deleted, and no successor is there yet": {func(w *world) {
			long(w)
			w.jobs[0].Status = batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}}
		}, 1},
		"suspended by somebody else": {func(w *world) { w.jobs[0].Spec.Suspend, w.jobs[0].Status.Active = new(true), 0 }, 0},
		"suspended, its pod is being deleted": {func(w *world) {
			w.jobs[0].Spec.Suspend = new(true)
			w.pods = []corev1.Pod{w.podOf(0, func(p *corev1.Pod) { p.DeletionTimestamp = timestamp(w.clock.Now()) })}
		}, 0},
		"suspended, its pod runs still": {func(w *world) { w.jobs[0].Spec.Suspend = new(true); w.pods = []corev1.Pod{w.podOf(0)} }, 1},
		"its pod is gated": {func(w *world) {
			w.pods = []corev1.Pod{w.podOf(0, w.unscheduled(corev1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates"))}
		}, 0},
		"its pod waits for a Node": {func(w *world) { w.pods = []corev1.Pod{w.podOf(0, w.unscheduled(corev1.PodReasonUnschedulable, "no"))} }, 1},
		"a Job with copied labels": {func(w *world) { w.jobs[0].OwnerReferences = nil }, 0},
		"a CronJob's Job with copied labels": {func(w *world) {
			w.jobs[0].OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: "n", UID: "u", Controller: new(true)}}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.demand(1)
			c.edit(w)
			w.sync()
			require.Equal(t, c.want, w.pool.Status.DesiredReplicas)
		})
	}
}

// A VM on a Node that somebody cordoned serves nobody: another one is bought, and this one goes unless it is uncordoned.
func TestCordonedNodeIsNoSupply(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.run(time.Minute)
	w.train(w.vm(0))
	w.kube.nodes[w.vm(0)].Spec.Unschedulable = true
	w.run(time.Minute)
	require.Equal(t, []string{w.vm(0)}, w.vmNames(), "what trains there goes on")
	w.endTraining()
	w.run(time.Minute)
	require.Equal(t, []string{w.vm(0), w.vm(1)}, w.vmNames())
	require.Equal(t, v1alpha1.ReasonNodeCordoned, w.condition(v1alpha1.ConditionVMsUsable).Reason)
	w.train(w.vm(1))
	w.run(10 * time.Minute)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
}
