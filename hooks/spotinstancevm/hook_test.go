package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestPoolLives(t *testing.T) {
	w := newWorld(t)
	w.demand(2)

	w.sync()
	require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(0): v1alpha1.InstancePlanned, w.vm(1): v1alpha1.InstancePlanned}, w.states())
	require.Zero(t, w.inserts(), "an insert was sent before status could hold it")

	w.sync()
	require.Equal(t, 2, w.inserts())
	require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(0): v1alpha1.InstanceCreating, w.vm(1): v1alpha1.InstanceCreating}, w.states())

	w.run(20 * time.Second)
	require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(0): v1alpha1.InstanceReady, w.vm(1): v1alpha1.InstanceReady}, w.states())
	require.Equal(t, v1alpha1.PoolReady, w.pool.Status.Phase)
	w.settled()

	w.demand(0)
	w.run(4 * time.Minute)
	require.Len(t, w.gce.Instances(), 2, "idleTimeout has not passed")
	w.run(2 * time.Minute)
	require.Empty(t, w.gce.Instances())
	require.Empty(t, w.kube.nodesOf(w.pool))
	require.Equal(t, v1alpha1.PoolIdle, w.pool.Status.Phase)
	w.settled()
}

func TestPreemption(t *testing.T) {
	w := newWorld(t)
	w.demand(2)
	w.run(20 * time.Second)
	w.train(w.vm(0))
	w.train(w.vm(1))

	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.clock.Advance(3 * time.Second) // the list is cached for two
	w.sync()
	require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
	require.Equal(t, v1alpha1.InstancePlanned, w.entry(w.vm(2)).State, "the replacement is planned in the sync that sees it")
	a := w.sync()
	require.Equal(t, 3, w.inserts(), "and asked for in the next")
	require.LessOrEqual(t, a.ResyncAfterSeconds, 2.0)
	require.NotEmpty(t, w.kube.nodes[w.vm(0)].Spec.Taints, "nothing new lands on it")

	w.run(30 * time.Second)
	require.Equal(t, v1alpha1.InstanceGone, w.entry(w.vm(0)).State)
	require.Equal(t, v1alpha1.VMPreempted, w.entry(w.vm(0)).Reason)
	require.NotContains(t, w.kube.nodes, w.vm(0), "its Node is gone, which frees its pods")
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(2)).State)
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
	w.settled()
}

func TestFinalize(t *testing.T) {
	w := newWorld(t, fixed(2))
	w.run(20 * time.Second)
	now := w.clock.Now()
	w.pool.DeletionTimestamp = timestamp(now)
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.Empty(t, w.gce.OperationsInFlight())
	require.Empty(t, w.kube.nodesOf(w.pool))
	require.True(t, w.sync().Finalized)
}

// A call that starts from the status before the last must write the same, or two rows of such calls never end.
func TestFinalizeSaysTheSameFromAnOlderStatus(t *testing.T) {
	w := ready(t, 2)
	w.demand(1)
	w.sync()
	before := w.pool.Status
	require.NotNil(t, before.ProvisionedInstances[1].IdleSince)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.sync()
	for range 4 {
		w.clock.Advance(2 * time.Second)
		w.sync()
		newer := w.pool.Status
		w.pool.Status = before
		w.sync()
		require.Equal(t, newer, w.pool.Status)
	}
	require.Len(t, w.pool.Status.ProvisionedInstances, 2)
	require.Equal(t, v1alpha1.InstanceGone, w.pool.Status.ProvisionedInstances[0].State)
}
