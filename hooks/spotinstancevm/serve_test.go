package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// reasonsTold are those of the Events since it was last asked.
func (w *world) reasonsTold() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var reasons []string
	for _, event := range w.told {
		reasons = append(reasons, event.Reason)
	}
	w.told = nil
	return reasons
}

// Status, the condition Ready and one Event for each change tell why a VM serves nobody, from its plan until it is Ready.
func TestWhyAVMServesNobodyIsTold(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	require.Equal(t, v1alpha1.NotServingRequested, w.entry(w.vm(0)).NotServing)
	planned := w.entry(w.vm(0)).NotServingSince
	require.Equal(t, "0 of 1 VMs are Ready; VM "+w.vm(0)+" in us-central1-a: Requested: status.provisionedInstances says since when", w.condition(v1alpha1.ConditionReady).Message)
	require.Equal(t, []string{v1alpha1.NotServingRequested}, w.reasonsTold())

	w.clock.Advance(time.Second)
	w.sync()
	require.Equal(t, v1alpha1.InstanceCreating, w.entry(w.vm(0)).State)
	require.True(t, planned.Equal(w.entry(w.vm(0)).NotServingSince), "for the same reason still")
	require.Empty(t, w.reasonsTold(), "nothing new")

	w.clock.Advance(4 * time.Second)
	w.sync()
	require.Equal(t, v1alpha1.NotServingBooting, w.entry(w.vm(0)).NotServing)
	require.True(t, w.clock.Now().Equal(w.entry(w.vm(0)).NotServingSince.Time))
	w.mu.Lock()
	booting := w.told[0]
	w.mu.Unlock()
	require.Contains(t, booting.Message, "VM "+w.vm(0)+" in us-central1-a runs since")
	require.Equal(t, corev1.EventTypeNormal, booting.Type)
	require.Equal(t, w.pool.UID, booting.InvolvedObject.UID)
	require.Equal(t, []string{v1alpha1.NotServingBooting}, w.reasonsTold())

	w.run(20 * time.Second)
	require.Empty(t, w.entry(w.vm(0)).NotServing, "it is Ready")
	require.Nil(t, w.entry(w.vm(0)).NotServingSince)
	require.Positive(t, w.pool.Status.UsualStartTime.Duration)
	require.Less(t, w.pool.Status.UsualStartTime.Duration, 20*time.Second)
	require.Empty(t, w.reasonsTold())

	require.NoError(t, w.gce.Preempt(w.vm(0)))
	w.run(3 * time.Minute)
	require.Contains(t, w.reasonsTold(), v1alpha1.NotServingStopping)
	w.settled()
	require.Empty(t, w.reasonsTold(), "a pool at rest tells nothing")
}
