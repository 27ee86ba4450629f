package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
)

// What kstatus, and with it Flux and other tools of GitOps, makes of a pool in each phase.
func TestKstatus(t *testing.T) {
	const inProgress, current, failed = kstatus.InProgressStatus, kstatus.CurrentStatus, kstatus.FailedStatus
	noSecret := func(name string) func(*world) { return func(w *world) { delete(w.kube.secrets, "default/"+name) } }
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		edit  func(*v1alpha1.SpotInstanceVM)
		world func(*world)
		runs  time.Duration // how long, before it is looked at
		later func(*world)  // happens after the last answer
		phase v1alpha1.PoolPhase
		want  kstatus.Status
		says  string
	}{
		"no VM is wanted":        {edit: fixed(0), phase: v1alpha1.PoolIdle, want: current},
		"nobody asks for VMs":    {edit: inZones(zoneA), phase: v1alpha1.PoolIdle, want: current},
		"VMs are on their way":   {edit: fixed(2), phase: v1alpha1.PoolProvisioning, want: inProgress, says: "0 of 2 VMs are Ready"},
		"all are Ready":          {edit: fixed(2), runs: time.Minute, phase: v1alpha1.PoolReady, want: current},
		"growing":                {edit: fixed(1), runs: time.Minute, later: func(w *world) { w.pool.Spec.Replicas = new(int32(2)); w.sync() }, phase: v1alpha1.PoolProvisioning, want: inProgress, says: "1 of 2 VMs are Ready"},
		"no zone has VMs":        {edit: fixed(1), world: func(w *world) { w.gce.SetCapacity(zoneA, 0) }, runs: 10 * time.Second, phase: v1alpha1.PoolDegraded, want: inProgress, says: "no zone can be asked for a VM now"},
		"VMs do not join":        {edit: fixed(1), world: func(w *world) { w.boot = -1 }, runs: 20 * time.Minute, phase: v1alpha1.PoolDegraded, want: inProgress, says: "get-serial-port-output"},
		"the spec is wrong":      {edit: func(p *v1alpha1.SpotInstanceVM) { p.Spec.VMImage = "ubuntu" }, phase: v1alpha1.PoolInvalid, want: failed, says: "spec.vmImage"},
		"a join value is wrong":  {edit: func(p *v1alpha1.SpotInstanceVM) { p.Spec.KubeadmJoinConfig.CACertHash = "REPLACE" }, phase: v1alpha1.PoolInvalid, want: failed, says: "caCertHash"},
		"the token has expired":  {world: func(w *world) { w.kube.signed = nil }, phase: v1alpha1.PoolInvalid, want: failed, says: "token"},
		"no Secret to join with": {world: noSecret("kubeadm-join-token"), phase: v1alpha1.PoolInvalid, want: inProgress, says: "kubeadm-join-token"},
		"nobody names a key yet": {world: noSecret("gcp-credentials"), phase: v1alpha1.PoolInvalid, want: inProgress, says: "gcp-credentials"},
		"no Secret, and a wrong spec": {
			edit: func(p *v1alpha1.SpotInstanceVM) { p.Spec.KubeadmJoinConfig.CACertHash = "REPLACE" }, world: noSecret("gcp-credentials"),
			phase: v1alpha1.PoolInvalid, want: failed, says: "caCertHash",
		},
		"being deleted": {
			edit: fixed(1), runs: time.Minute, later: func(w *world) { w.pool.DeletionTimestamp = timestamp(w.clock.Now()); w.sync() },
			phase: v1alpha1.PoolDeleting, want: kstatus.TerminatingStatus,
		},
		"edited after the answer": {edit: fixed(0), later: func(w *world) { w.pool.Generation++ }, phase: v1alpha1.PoolIdle, want: inProgress, says: "observed generation is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.edit == nil {
				c.edit = fixed(1)
			}
			w := newWorld(t, c.edit)
			if c.world != nil {
				c.world(w)
			}
			w.run(c.runs)
			if c.later != nil {
				c.later(w)
			}
			require.Equal(t, c.phase, w.pool.Status.Phase)
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&w.pool)
			require.NoError(t, err)
			result, err := kstatus.Compute(&unstructured.Unstructured{Object: object})
			require.NoError(t, err)
			assert.Equal(t, c.want, result.Status, result.Message)
			assert.Contains(t, result.Message, c.says)
		})
		seen[string(c.phase)] = true
	}
	for _, phase := range hooktest.Constants(t, "Pool") {
		assert.True(t, seen[phase], "no row for phase %s", phase)
	}
}
