package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// TestReplicasBeyondMaxReplicasAreReported: whoever asks for more than the pool may have hears that from its condition Ready.
func TestReplicasBeyondMaxReplicasAreReported(t *testing.T) {
	const remedy = ": raise spec.maxReplicas to buy more VMs"
	for name, c := range map[string]struct {
		fixed   *int32
		demand  int
		maximum int32
		want    string
	}{
		"jobs want more":             {nil, 11, 4, "4 of 4 VMs are Ready; at maxReplicas 4: 7 replicas wait" + remedy},
		"one more":                   {nil, 5, 4, "4 of 4 VMs are Ready; at maxReplicas 4: 1 replica waits" + remedy},
		"as many as there may be":    {nil, 4, 4, "4 of 4 VMs are Ready"},
		"scaled above it":            {new(int32(11)), 0, 4, "4 of 4 VMs are Ready; at maxReplicas 4: 7 replicas wait" + remedy},
		"scaled below it":            {new(int32(2)), 11, 4, "2 of 2 VMs are Ready"},
		"no VM may be bought":        {nil, 2, 0, "no VM is wanted; at maxReplicas 0: 2 replicas wait" + remedy},
		"nobody wants any":           {nil, 0, 0, "no VM is wanted"},
		"scaled, and none is bought": {new(int32(1)), 0, 0, "no VM is wanted; at maxReplicas 0: 1 replica waits" + remedy},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) { p.Spec.Replicas, p.Spec.MaxReplicas = c.fixed, &c.maximum })
			w.demand(c.demand)
			w.run(time.Minute)
			ready := w.condition(v1alpha1.ConditionReady)
			require.Equal(t, metav1.ConditionTrue, ready.Status)
			require.Equal(t, c.want, ready.Message)
			w.settled()
		})
	}
}

// A pool on its way to maxReplicas says both: how far it is, and that it will not be enough.
func TestReplicasBeyondMaxReplicasAreReportedAtOnce(t *testing.T) {
	w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) { p.Spec.MaxReplicas = new(int32(1)) })
	w.demand(3)
	w.sync()
	require.Contains(t, w.condition(v1alpha1.ConditionReady).Message, "0 of 1 VMs are Ready; at maxReplicas 1: 2 replicas wait: raise spec.maxReplicas to buy more VMs; VM ")
}
