package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A tunnel is down: GCE answers, and the cluster hears none of the VMs. They may train on.
func TestVMsThatTheClusterDoesNotHearAreLeftAlone(t *testing.T) {
	w := ready(t, 4)
	w.boot = -1 // nor does it hear new ones
	before := w.vmNames()
	for _, vm := range before {
		w.kube.setReady(vm, false)
	}
	bought := false
	for range 2 * 60 {
		w.run(time.Minute)
		require.Subset(t, w.vmNames(), before)
		require.LessOrEqual(t, len(w.vmNames()), 5, "one at a time is tried")
		bought = bought || len(w.vmNames()) == 5
	}
	require.True(t, bought, "if it were the VMs' fault, a new one would be heard")
	for _, vm := range before {
		require.Equal(t, v1alpha1.InstanceUnknown, w.entry(vm).State)
	}
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

// If it is the VMs' fault, new ones are heard, and the old are given up as each alone would be.
func TestVMsThatHangTogetherAreReplaced(t *testing.T) {
	w := ready(t, 2)
	hang := w.vmNames()
	for _, vm := range hang {
		w.kube.setReady(vm, false)
	}
	w.run(20 * time.Minute)
	require.NotContains(t, w.vmNames(), hang[0])
	require.NotContains(t, w.vmNames(), hang[1])
	require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
}
