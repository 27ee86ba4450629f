package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestOnDemandVMStandsInAndGivesWay(t *testing.T) {
	w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) {
		p.Spec.ProvisioningModel = v1alpha1.ProvisioningSpotWithStandardFallback
	})
	var bought []string
	w.gce.Subscribe(func(e gcefake.Event) {
		if e.Kind == gcefake.Running {
			bought = append(bought, e.VM.ProvisioningModel)
		}
	})
	w.gce.SetCapacity(zoneA, 0)
	w.demand(1)
	w.run(9 * time.Minute)
	require.Empty(t, bought)
	require.Equal(t, v1alpha1.ReasonSpotUnavailable, w.condition(v1alpha1.ConditionSpotAvailable).Reason)

	w.run(3 * time.Minute)
	require.Equal(t, []string{"STANDARD"}, bought)
	require.Equal(t, v1alpha1.ReasonOnDemandInUse, w.condition(v1alpha1.ConditionSpotAvailable).Reason)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	standIn := w.vmNames()[0]
	w.train(standIn)
	w.run(time.Hour)
	require.Contains(t, w.vmNames(), standIn)
	require.Len(t, bought, 1, "spot VMs were tried and there were none")
	require.Greater(t, w.inserts(), 10)

	w.gce.SetCapacity(zoneA, 1)
	w.run(6 * time.Minute)
	require.Equal(t, []string{"STANDARD", "SPOT"}, bought)
	require.Equal(t, v1alpha1.VMSpotIsBack, w.entry(standIn).Reason)
	require.Equal(t, v1alpha1.InstanceStopping, w.entry(standIn).State, "its replica is doomed, and moves")
	require.Contains(t, w.vmNames(), standIn, "and trains on until then")

	spot := w.vmNames()[0]
	w.endTraining()
	w.train(spot)
	w.run(time.Minute)
	require.Equal(t, []string{spot}, w.vmNames())
	require.Equal(t, v1alpha1.ReasonSpotOnly, w.condition(v1alpha1.ConditionSpotAvailable).Reason)
	require.Nil(t, w.pool.Status.SpotUnavailableSince)
	w.settled()
}
