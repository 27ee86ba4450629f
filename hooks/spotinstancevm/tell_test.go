package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// trainAlone puts a training on a VM that saves itself.
func (w *world) trainAlone(vm string) {
	w.train(vm)
	w.pods[len(w.pods)-1].Annotations = map[string]string{v1alpha1.AnnotationSavesItself: "true"}
	w.kube.unbindAll()
	for _, pod := range w.pods {
		w.kube.bind(pod)
	}
}

// takeBack is the node agent's word that GCE takes the VM of this pod back.
func (w *world) takeBack(pod int) {
	w.pods[pod].Status.Conditions = []corev1.PodCondition{{
		Type: v1alpha1.ConditionPodPreempted, Status: corev1.ConditionTrue, Reason: v1alpha1.ReasonNotice, LastTransitionTime: *timestamp(w.clock.Now()),
	}}
}

// A training that saves itself is told within a second that its VM goes, once, while the VM in its place is on its way. One that the
// checkpoint agent saves trains on until then.
func TestTrainingThatSavesItselfIsTold(t *testing.T) {
	w := ready(t, 2)
	w.trainAlone(w.vm(0))
	w.train(w.vm(1))
	w.kube.bind(corev1.Pod{ObjectMeta: w.pods[1].ObjectMeta, Spec: corev1.PodSpec{NodeName: w.vm(0)}}) // not one that saves itself
	w.takeBack(0)
	w.takeBack(1)
	w.run(time.Second)
	require.Equal(t, []string{"default/pod-on-" + w.vm(0)}, w.kube.evicted)
	require.Equal(t, 4, w.inserts())

	w.pods[0].DeletionTimestamp = timestamp(w.clock.Now().Add(100 * time.Second))
	w.run(30 * time.Second)
	require.Len(t, w.kube.evicted, 1, "it ends")
	require.Contains(t, w.vmNames(), w.vm(0), "its VM stays until it has ended")
}

// A disruption budget may refuse the eviction: it is asked for again.
func TestTellingIsTriedAgain(t *testing.T) {
	w := ready(t, 1)
	w.kube.guarded = true
	w.trainAlone(w.vm(0))
	w.takeBack(0)
	w.run(30 * time.Second)
	require.Greater(t, len(w.kube.evicted), 2)
	require.Less(t, len(w.kube.evicted), 15)
}

// Whoever is not noticed is not told: neither by what a request claims of the status, nor on a VM that nobody hears.
func TestNobodyIsToldWithoutNeed(t *testing.T) {
	w := ready(t, 2)
	w.trainAlone(w.vm(0))
	w.run(time.Minute)
	require.Empty(t, w.kube.evicted)

	forged := w.pool.DeepCopy()
	forged.Status.ProvisionedInstances[0].State = v1alpha1.InstanceStopping
	forged.Status.ProvisionedInstances[0].Reason = v1alpha1.VMPreempted
	w.post("/sync", map[string]any{
		"controller": map[string]any{}, "parent": forged, "children": map[string]any{}, "finalizing": false,
		"related": map[string]any{"Job.batch/v1": keyed(w.jobs), "Pod.v1": keyed(w.pods), "Node.v1": keyed(w.kube.nodesOf(w.pool))},
	})
	require.Empty(t, w.kube.evicted, "the API server's status says that the VM is Ready")

	w.kube.setReady(w.vm(0), false)
	w.run(15 * time.Second)
	require.Equal(t, v1alpha1.InstanceNotReady, w.entry(w.vm(0)).State)
	require.Empty(t, w.kube.evicted)
}

// A VM that was given up for its silence goes once its replacement is heard: the training there may run on, and no other starts before
// the VM is gone. One that the checkpoint agent saves has a successor elsewhere first.
func TestSilentVMOfATrainingThatSavesItselfGoes(t *testing.T) {
	for name, c := range map[string]struct {
		train func(*world, string)
		stays bool
	}{
		"it saves itself":    {(*world).trainAlone, false},
		"the agent saves it": {(*world).train, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t, 1)
			c.train(w, w.vm(0))
			w.kube.setReady(w.vm(0), false)
			w.run(3 * time.Minute)
			names := w.vmNames()
			require.Contains(t, names, w.vm(1))
			if c.stays {
				require.Contains(t, names, w.vm(0))
				return
			}
			require.NotContains(t, names, w.vm(0))
		})
	}
}
