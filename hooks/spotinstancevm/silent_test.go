package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A Node often says for a second that it is not Ready, just after it has joined.
func TestNodeThatBlinksBuysNothing(t *testing.T) {
	w := ready(t, 1)
	w.kube.setReady(w.vm(0), false)
	w.sync()
	w.clock.Advance(time.Second)
	w.kube.setReady(w.vm(0), true)
	w.run(5 * time.Minute)
	require.Equal(t, 1, w.inserts())
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
}

// A VM that was given up, was heard again and falls silent once more is waited for anew.
func TestSilenceStartsAnewAfterAVMWasHeard(t *testing.T) {
	w := ready(t, 2)
	w.run(time.Minute)
	w.kube.setReady(w.vm(0), false)
	w.run(25 * time.Second)
	require.Equal(t, v1alpha1.VMNodeNotReady, w.entry(w.vm(0)).Reason)
	w.kube.setReady(w.vm(0), true)
	w.sync()
	w.kube.setReady(w.vm(0), false)
	w.run(15 * time.Second)
	require.Equal(t, v1alpha1.InstanceNotReady, w.entry(w.vm(0)).State)
	require.Empty(t, w.entry(w.vm(0)).Reason)
}

// How long VMs needed to be heard again is how long others are waited for.
func TestGraceIsLearned(t *testing.T) {
	w := ready(t, 2)
	w.run(time.Minute)
	w.kube.setReady(w.vm(0), false)
	w.run(15 * time.Second)
	w.kube.setReady(w.vm(0), true)
	w.run(time.Minute)
	w.kube.setReady(w.vm(1), false)
	w.run(25 * time.Second)
	require.Equal(t, 2, w.inserts(), "twice 15 s are not over")
	w.run(15 * time.Second)
	require.Equal(t, 3, w.inserts())
}

// A tunnel is down: GCE answers, and the cluster hears none of the VMs. They train on.
func TestVMsThatTheClusterDoesNotHearAreLeftAlone(t *testing.T) {
	w := ready(t, 4)
	w.boot = -1 // nor does it hear new ones
	before := w.vmNames()
	for _, vm := range before {
		w.train(vm)
		w.kube.setReady(vm, false)
	}
	w.run(4 * time.Minute)
	require.Equal(t, before, w.vmNames(), "nothing is bought while many are silent for less than five minutes")
	bought := false
	for range 2 * 60 {
		w.run(time.Minute)
		require.Subset(t, w.vmNames(), before)
		require.LessOrEqual(t, len(w.vmNames()), 5, "one at a time is tried")
		bought = bought || len(w.vmNames()) == 5
	}
	require.True(t, bought, "if it were the VMs' fault, a new one would be heard")
	isReady := meta.FindStatusCondition(w.pool.Status.Conditions, v1alpha1.ConditionReady)
	require.Equal(t, v1alpha1.ReasonNodesSilent, isReady.Reason)
	require.Contains(t, isReady.Message, "0 of 4 VMs are Ready: GCE says that the others run")

	w.boot = 5 * time.Second
	for _, vm := range before {
		w.kube.setReady(vm, true)
		w.run(time.Minute)
		require.Subset(t, w.vmNames(), before, "those that are heard later have their time as well")
	}
	require.EqualValues(t, 4, w.pool.Status.DesiredReplicas)
	require.GreaterOrEqual(t, w.pool.Status.ReadyReplicas, int32(4))
}

// If it is the VMs' fault, new ones are heard, and the old are given up one after the other.
func TestVMsThatHangTogetherAreReplaced(t *testing.T) {
	w := ready(t, 4)
	hang := w.vmNames()
	for _, vm := range hang {
		w.kube.setReady(vm, false)
	}
	w.run(20 * time.Minute)
	for _, vm := range hang {
		require.NotContains(t, w.vmNames(), vm)
	}
	require.EqualValues(t, 4, w.pool.Status.ReadyReplicas)
}

// Kubernetes evicts the pods of a Node that it has not heard for 300 s. Then the VM is of no use, and its replica needs another.
func TestVMWhosePodsAreEvictedIsReplacedAtOnce(t *testing.T) {
	w := ready(t, 4)
	for _, vm := range w.vmNames() {
		w.train(vm)
		w.kube.setReady(vm, false)
	}
	w.run(time.Minute)
	require.Equal(t, 4, w.inserts())
	for i := range w.pods {
		w.pods[i].DeletionTimestamp = timestamp(w.clock.Now())
	}
	w.run(30 * time.Second)
	require.Equal(t, 8, w.inserts())
}
