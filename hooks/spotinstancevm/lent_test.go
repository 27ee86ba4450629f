package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A Node that the user gave the pool's label serves it like a VM, and is not the pool's to touch.
func TestNodeOfTheUserServes(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*corev1.Node)
		inUse bool
		want  int32
	}{
		"it is Ready":                   {func(*corev1.Node) {}, false, 1},
		"it is not Ready":               {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }, false, 2},
		"it lacks the GPUs":             {func(n *corev1.Node) { n.Status.Allocatable = nil }, false, 2},
		"it is cordoned":                {func(n *corev1.Node) { n.Spec.Unschedulable = true }, false, 2},
		"it is cordoned, and in use":    {func(n *corev1.Node) { n.Spec.Unschedulable = true }, true, 1},
		"it is being deleted":           {func(n *corev1.Node) { n.DeletionTimestamp = timestamp(time.Unix(1_700_000_000, 0)) }, false, 2},
		"it is of a pool that was once": {func(n *corev1.Node) { n.Labels[v1alpha1.LabelPoolUID] = "before" }, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			own := &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: "dgx-1", UID: "own", Labels: map[string]string{v1alpha1.LabelPool: v1alpha1.PoolID("default", "t4-pool")}},
				Status: corev1.NodeStatus{
					Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
					Allocatable: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("8")},
				},
			}
			c.edit(own)
			w.kube.nodes["dgx-1"] = own
			w.demand(2)
			if c.inUse {
				w.train("dgx-1")
			}
			w.run(time.Minute)
			require.Equal(t, c.want, w.pool.Status.DesiredReplicas)
			require.Equal(t, c.want, w.pool.Status.ReadyReplicas)
			require.Contains(t, w.kube.nodes, "dgx-1")
			require.Empty(t, w.kube.nodes["dgx-1"].Spec.Taints)
		})
	}
}
