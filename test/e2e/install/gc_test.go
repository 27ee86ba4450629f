package install

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pool whose finalizer is taken off by hand leaves its VM behind, to be paid for. What the CronJob runs deletes it, and neither
// that of a pool that exists nor one of another cluster, however old they are.
func TestVMThatWasLeftBehindIsCollected(t *testing.T) {
	s := begin(t)
	require.NoError(t, lab.Apply(t.Context(), s.namespace, strings.ReplaceAll(twoPools, "$NAMESPACE", s.namespace)))
	kept, orphan := s.onlyVMOf("kept"), s.onlyVMOf("lost")
	s.takeFinalizerOff("lost")
	foreign := s.vmOfAnotherCluster(orphan)
	for _, vm := range []string{kept, orphan, foreign} {
		require.NoError(t, lab.GCE().Age(vm, 2*time.Hour)) // a run spares young VMs
	}

	out := s.gc("--dry-run")
	assert.Contains(t, out, "would delete "+orphan+" ")
	assert.Contains(t, out, "2 VMs in 1 of 1 projects ("+s.namespace+"), 1 orphans, 0 deleted")
	assert.ElementsMatch(t, []string{kept, orphan, foreign}, vmsOf(s.namespace))

	out = s.gc()
	assert.Contains(t, out, "deleted "+orphan+" ")
	assert.Contains(t, out, "1 orphans, 1 deleted, 0 not deleted")
	s.eventually("the orphan is gone", func() error {
		if left := vmsOf(s.namespace); slices.Contains(left, orphan) {
			return fmt.Errorf("VMs: %v", left)
		}
		return nil
	})
	assert.ElementsMatch(t, []string{kept, foreign}, vmsOf(s.namespace))
	assert.Contains(t, s.gc(), "0 orphans")
	assert.Equal(t, kept, s.onlyVMOf("kept"))

	require.NoError(t, lab.GCE().Delete(foreign))
	s.kubectl("delete", "node", orphan)
	s.end()
}

const twoPools = `
apiVersion: training.training.dcnlab.com/v1alpha1
kind: SpotInstanceVM
metadata: {name: kept}
spec:
  replicas: 1
  vmImage: projects/lab/global/images/family/gpu
  gpu: {type: nvidia-l4, count: 1}
  gcp: {project: $NAMESPACE, zone: us-central1-a, machineType: g2-standard-4}
---
apiVersion: training.training.dcnlab.com/v1alpha1
kind: SpotInstanceVM
metadata: {name: lost}
spec:
  replicas: 1
  vmImage: projects/lab/global/images/family/gpu
  gpu: {type: nvidia-l4, count: 1}
  gcp: {project: $NAMESPACE, zone: us-central1-a, machineType: g2-standard-4}
`

// onlyVMOf waits until a pool of one VM is Ready, and returns the name of that VM.
func (s *story) onlyVMOf(pool string) (vm string) {
	s.Helper()
	s.says("the pool has its VM", "1", "get", "sivm/"+pool, "--output=jsonpath={.status.readyReplicas}")
	return s.kubectl("get", "sivm/"+pool, "--output=jsonpath={.status.provisionedInstances[0].name}")
}

// takeFinalizerOff is what users do who cannot wait, here while nobody answers for the pool.
func (s *story) takeFinalizerOff(pool string) {
	s.Helper()
	lab.Hooks().Kill()
	s.kubectl("delete", "sivm/"+pool, "--wait=false")
	s.kubectl("patch", "sivm/"+pool, "--type=merge", `--patch={"metadata": {"finalizers": null}}`)
	s.kubectl("wait", "sivm/"+pool, "--for=delete", "--timeout=30s")
	require.NoError(s, lab.Hooks().Restart(s.Context()))
}

// vmOfAnotherCluster is a VM that differs from one of ours in nothing but its number and the cluster.
func (s *story) vmOfAnotherCluster(ours string) string {
	s.Helper()
	vm, exists := lab.GCE().Instance(ours)
	require.True(s, exists)
	spec := vm.Spec
	spec.Name, spec.Metadata = ours+"1", nil
	spec.Labels["spot-training-cluster"] = uuid.NewString()
	_, err := lab.GCE().Cloud(s.namespace).Insert(s.Context(), spec, uuid.NewString())
	require.NoError(s, err)
	return spec.Name
}

// gc runs once what the installed CronJob runs every hour, as the account that it runs as.
func (s *story) gc(flags ...string) string {
	s.Helper()
	crons, err := lab.Client().BatchV1().CronJobs("spot-instance-training-system").List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	require.Len(s, crons.Items, 1)
	pod := crons.Items[0].Spec.JobTemplate.Spec.Template.Spec
	out, err := lab.Hooks().Run(s.Context(), pod.ServiceAccountName, append(slices.Clone(pod.Containers[0].Args), flags...)...)
	require.NoError(s, err)
	return out
}
