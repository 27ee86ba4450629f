package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// ready is a world whose pool follows demand and has n Ready VMs.
func ready(t *testing.T, n int, edit ...func(*v1alpha1.SpotInstanceVM)) *world {
	t.Helper()
	w := newWorld(t, edit...)
	w.demand(n)
	w.run(20 * time.Second)
	require.EqualValues(t, n, w.pool.Status.ReadyReplicas)
	return w
}

func (w *world) tainted(vm string) bool {
	n := w.kube.nodes[vm]
	return n != nil && len(n.Spec.Taints) > 0
}

func TestVoluntaryDeleteTakesThreeSyncs(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	w.sync()
	require.NotNil(t, w.entry(w.vm(0)).IdleSince)
	w.clock.Advance(5 * time.Minute)

	w.sync()
	require.True(t, w.tainted(w.vm(0)), "first the taint")
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
	w.sync()
	require.Equal(t, v1alpha1.InstanceDeleting, w.entry(w.vm(0)).State, "then a live look")
	require.Zero(t, w.gce.Calls()[gcefake.Delete])
	w.sync()
	require.Equal(t, 1, w.gce.Calls()[gcefake.Delete], "then the delete")
	w.sync()
	require.Equal(t, 1, w.gce.Calls()[gcefake.Delete], "once")
	w.run(10 * time.Second)
	require.Equal(t, v1alpha1.VMNotNeeded, w.entry(w.vm(0)).Reason)
	require.Zero(t, w.pool.Status.Preemptions)
}

func TestAPodThatCameMeanwhileKeepsItsVM(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	w.sync()
	w.clock.Advance(5 * time.Minute)
	w.sync()
	w.train(w.vm(0))
	pods := w.pods
	w.pods = nil // Metacontroller's cache does not show it yet
	w.sync()
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State, "the live look saw it")
	w.pods = pods
	w.run(time.Minute)
	require.Zero(t, w.gce.Calls()[gcefake.Delete])
	require.False(t, w.tainted(w.vm(0)), "it stays, so it takes pods again")
}

func TestDemandReturnsBeforeAnIdleVMIsGone(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	w.sync()
	w.clock.Advance(5 * time.Minute)
	w.sync()
	require.True(t, w.tainted(w.vm(0)))
	w.demand(1)
	w.sync()
	w.sync()
	require.False(t, w.tainted(w.vm(0)))
	require.Nil(t, w.entry(w.vm(0)).IdleSince)
	require.Equal(t, 1, w.inserts())
	w.settled()
}

func TestIdleSinceSurvivesARestart(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	w.run(3 * time.Minute)
	w.restart()
	w.run(2*time.Minute + 30*time.Second)
	require.Empty(t, w.gce.Instances())
}

func TestDrainEvictsStrangersAndLeavesDaemonSets(t *testing.T) {
	w := ready(t, 1)
	yes := true
	w.kube.bind(corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy", UID: "1", OwnerReferences: []metav1.OwnerReference{{Kind: "DaemonSet", Name: "proxy", Controller: &yes}}},
		Spec:       corev1.PodSpec{NodeName: w.vm(0)},
	})
	w.kube.bind(corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns", UID: "2"}, Spec: corev1.PodSpec{NodeName: w.vm(0)}})
	w.demand(0)
	w.run(6 * time.Minute)
	require.Equal(t, []string{"kube-system/coredns"}, w.kube.evicted)
	require.Empty(t, w.gce.Instances())
}

func TestFixedPoolShrinksAtOnceButNotUnderATrainingPod(t *testing.T) {
	w := newWorld(t, fixed(3))
	w.run(20 * time.Second)
	w.train(w.vm(0))
	w.train(w.vm(2))
	one := int32(1)
	w.pool.Spec.Replicas = &one
	w.pool.Generation++
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(0), w.vm(2)}, w.vmNames())
	require.False(t, w.tainted(w.vm(2)))
	w.endTraining()
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(0)}, w.vmNames(), "the youngest goes first")
}

func TestScaleDownTakesVMsOfOldSpecsFirst(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.run(20 * time.Second)
	w.pool.Spec.VMImage = "projects/acme/global/images/newer"
	two := int32(2)
	w.pool.Spec.Replicas = &two
	w.pool.Generation++
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(0), w.vm(1)}, w.vmNames())
	one := int32(1)
	w.pool.Spec.Replicas = &one
	w.pool.Generation++
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
}

func TestStoppedBySomebodyElse(t *testing.T) {
	for name, stop := range map[string]func(*gcefake.Fake, string) error{
		"stopped": (*gcefake.Fake).Stop, "deleted": (*gcefake.Fake).Delete, "run limit": (*gcefake.Fake).EndRun,
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t, 1)
			require.NoError(t, stop(w.gce, w.vm(0)))
			w.clock.Advance(3 * time.Second)
			w.sync()
			require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
			w.run(time.Minute)
			require.Equal(t, v1alpha1.VMStopped, w.entry(w.vm(0)).Reason)
			require.Zero(t, w.pool.Status.Preemptions, "that is no preemption")
			require.Equal(t, []string{w.vm(1)}, w.vmNames(), "a stopped VM is not left behind")
		})
	}
}

func TestVanishedVM(t *testing.T) {
	w := ready(t, 1)
	require.NoError(t, w.gce.Crash(w.vm(0)))
	w.run(30 * time.Second)
	require.Equal(t, v1alpha1.VMLost, w.entry(w.vm(0)).Reason)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State)
	require.Zero(t, w.pool.Status.Preemptions)
}

func TestLeavesBeforeTheRunLimit(t *testing.T) {
	w := ready(t, 1, func(p *v1alpha1.SpotInstanceVM) { p.Spec.MaxRunDuration = &metav1.Duration{Duration: 2 * time.Hour} })
	w.train(w.vm(0))
	w.run(99 * time.Minute)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
	w.run(time.Minute)
	require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
	require.Equal(t, v1alpha1.VMRunLimit, w.entry(w.vm(0)).Reason)
	require.True(t, w.tainted(w.vm(0)))
	w.run(20 * time.Second)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State, "its successor is there 20 minutes before it ends")
	require.Contains(t, w.vmNames(), w.vm(0), "its replica moves first")
	w.endTraining()
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
}

func TestNodeNotReady(t *testing.T) {
	w := ready(t, 1)
	w.train(w.vm(0))
	w.kube.setReady(w.vm(0), false)
	w.sync()
	require.Equal(t, v1alpha1.InstanceNotReady, w.entry(w.vm(0)).State)
	w.run(15 * time.Second)
	require.Equal(t, []string{w.vm(0)}, w.vmNames(), "it is waited for")
	w.kube.setReady(w.vm(0), true)
	w.sync()
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
	w.kube.setReady(w.vm(0), false)
	w.run(time.Minute)
	require.Equal(t, v1alpha1.VMNodeNotReady, w.entry(w.vm(0)).Reason)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State)
	require.Equal(t, []string{w.vm(0), w.vm(1)}, w.vmNames(), "its pod may train on")
	w.run(16 * time.Minute)
	require.Equal(t, []string{w.vm(1)}, w.vmNames(), "one that does not come back is not paid for")
}

func TestTombstones(t *testing.T) {
	w := ready(t, 2)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.train(w.vm(0))
	w.run(9 * time.Minute)
	require.Equal(t, v1alpha1.InstanceGone, w.entry(w.vm(0)).State)
	w.run(20 * time.Minute)
	require.Equal(t, v1alpha1.InstanceGone, w.entry(w.vm(0)).State, "a pod is still bound to it")
	w.endTraining()
	w.sync()
	require.NotContains(t, w.states(), w.vm(0))

	w.demand(0)
	w.run(2 * time.Hour)
	require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(2): v1alpha1.InstanceGone}, w.states(), "the highest ordinal is never forgotten")
	w.demand(1)
	w.sync()
	require.Contains(t, w.states(), w.vm(3))
}

func TestOnlyAProvenNodeIsDeleted(t *testing.T) {
	w := ready(t, 1)
	for name, forge := range map[string]func(*corev1.Node){
		"another project": func(n *corev1.Node) { n.Spec.ProviderID = "gce://else/" + zoneA + "/" + n.Name },
		"another name":    func(n *corev1.Node) { n.Spec.ProviderID = "gce://acme/" + zoneA + "/other" },
		"another pool":    func(n *corev1.Node) { n.Labels[v1alpha1.LabelPoolUID] = "dddddddd" },
		"no provider":     func(n *corev1.Node) { n.Spec.ProviderID = "" },
	} {
		n := w.kube.nodes[w.vm(0)].DeepCopy()
		n.Name = "forged-" + name
		n.Spec.ProviderID = "gce://acme/" + zoneA + "/" + n.Name
		forge(n)
		w.kube.nodes[n.Name] = n
	}
	proven := w.kube.nodes[w.vm(0)].DeepCopy()
	proven.Name, proven.UID = w.vm(7), "proven"
	proven.Spec.ProviderID = "gce://acme/" + zoneA + "/" + proven.Name
	w.kube.nodes[proven.Name] = proven
	w.run(time.Minute)
	require.NotContains(t, w.kube.nodes, w.vm(7))
	require.Len(t, w.kube.nodes, 5)
}

func TestAVMOutlivesTheLastPodOnItUntilItsEndIsBelieved(t *testing.T) {
	w := ready(t, 1, func(pool *v1alpha1.SpotInstanceVM) { pool.Spec.IdleTimeout = &metav1.Duration{Duration: time.Second} })
	w.train(w.vm(0))
	w.demand(0)
	w.endPod()
	w.kube.unbindAll()
	w.run(25 * time.Second)
	require.Zero(t, w.gce.Calls()[gcefake.Delete], "the job hook has not made up its mind yet")
	w.run(25 * time.Second)
	require.Equal(t, 1, w.gce.Calls()[gcefake.Delete])
}

// completeReplica lets the training pod exit 0 now, and its Job with it.
func (w *world) completeReplica() {
	w.pods[0].OwnerReferences = []metav1.OwnerReference{{UID: w.jobs[0].UID, Controller: new(true)}}
	w.jobs[0].Status.Conditions = []batchv1.JobCondition{{
		Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(w.clock.Now()),
	}}
	w.endPod()
}

func (w *world) endPod() {
	w.pods[0].Status = corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(w.clock.Now())}},
	}}}
}

func TestNodeOfAVMThatLostItsLabelsIsKept(t *testing.T) {
	w := ready(t, 1)
	w.boot = -1
	_, err := w.gce.Cloud(project).Insert(t.Context(), gce.InstanceSpec{
		Name: w.vm(7), Zone: zoneA, MachineType: "n1-standard-1", Image: "projects/acme/global/images/x", DiskSizeGB: 10, DiskType: "pd-balanced",
		ProvisioningModel: gce.ModelStandard, MaxRunDuration: time.Hour,
	}, "99999999-0000-4000-8000-000000000000")
	require.NoError(t, err)
	w.kube.join(w.pool, gcefake.VM{Project: project, Instance: gce.Instance{
		Name: w.vm(7), Zone: zoneA, Labels: map[string]string{"spot-training-pool-uid": string(w.pool.UID)},
	}})
	w.run(time.Minute)
	require.Contains(t, w.kube.nodes, w.vm(7), "its VM exists, whoever's it is now")
}
