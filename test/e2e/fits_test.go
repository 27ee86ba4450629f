package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// isInvalid checks that the job cannot run, and that SpecValid says so in these words.
func (j jobOf) isInvalid(parts ...string) func() error {
	return func() error {
		status := j.status()
		if status.Phase != v1alpha1.JobInvalid {
			return fmt.Errorf("%s", j.describe())
		}
		return says(status.Conditions, v1alpha1.ConditionSpecValid, metav1.ConditionFalse, v1alpha1.ReasonPodDoesNotFit, parts)
	}
}

// A node selector that no Node will match: nothing is bought, and the job's condition has the line that mends it.
func TestNodeSelectorThatNoNodeWillMatch(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(withReplicas(1), func(j *v1alpha1.SpotInstanceJob) {
		j.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{"nodeSelector":{"cloud.google.com/gke-accelerator":"nvidia-l4"},
			"containers":[{"name":"trainer","image":"docker.io/acme/resnet:v1","resources":{"limits":{"nvidia.com/gpu":1}}}]}}}}`)
	})
	s.eventually("the job says what to write", job.isInvalid(
		"no Node of SpotInstanceVM l4-pool will have cloud.google.com/gke-accelerator=nvidia-l4", `add the line cloud.google.com/gke-accelerator: "nvidia-l4" to its spec.nodeLabels`))
	s.stays("nothing is bought", 3*time.Second, pool.wants(0))
	require.Empty(t, s.requested())
	s.patch(pools, "l4-pool", `{"spec":{"nodeLabels":{"cloud.google.com/gke-accelerator":"nvidia-l4"}}}`)
	s.eventually("it trains", job.trains(1))
	require.Len(t, s.requested(), 1)
	s.end()
}

// A pod that is larger than the machine type, whose size Compute Engine tells.
func TestPodThatIsLargerThanTheMachineType(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	s.eventually("the size is known", func() error {
		if pool.status().Machine == nil {
			return fmt.Errorf("%s", pool.describe())
		}
		return nil
	})
	job := s.newJob(withReplicas(1), func(j *v1alpha1.SpotInstanceJob) {
		j.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"trainer","image":"docker.io/acme/resnet:v1",
			"resources":{"limits":{"nvidia.com/gpu":1},"requests":{"cpu":12}}}]}}}}`)
	})
	s.eventually("the job has both numbers", job.isInvalid("asks for 12 cpu, and VMs of SpotInstanceVM l4-pool (g2-standard-4) have 4"))
	require.Empty(t, s.requested())
	s.patch(pools, "l4-pool", `{"spec":{"gcp":{"machineType":"g2-standard-16"}}}`)
	s.eventually("it trains", job.trains(1))
	s.end()
}

// A pod that names a zone gets its VM there, though another comes first.
func TestZoneThatAPodNames(t *testing.T) {
	s := begin(t)
	s.newPool(inZones(s.zones["a"], s.zones["b"]))
	job := s.newJob(withReplicas(1), func(j *v1alpha1.SpotInstanceJob) {
		j.Spec.JobTemplate.Raw = fmt.Appendf(nil, `{"spec":{"template":{"spec":{"nodeSelector":{"topology.kubernetes.io/zone":%q},
			"containers":[{"name":"trainer","image":"docker.io/acme/resnet:v1","resources":{"limits":{"nvidia.com/gpu":1}}}]}}}}`, s.zones["b"])
	})
	s.eventually("it trains", job.trains(1))
	require.Len(t, s.requested(), 1)
	for _, vm := range s.vms() {
		require.Equal(t, s.zones["b"], vm.Zone)
	}
	s.end()
}

// The kubelet of the first VM rejects each pod: the VM is replaced, in kubelet's words, and nothing counts as a preemption.
func TestKubeletThatRejectsEachPod(t *testing.T) {
	s := begin(t)
	s.takes(5 * time.Minute)
	var mu sync.Mutex
	first := ""
	s.Cleanup(lab.Hypervisor().When(func(vm gcefake.VM) bool {
		mu.Lock()
		defer mu.Unlock()
		if vm.Project == s.namespace && first == "" {
			first = vm.ID
		}
		return vm.ID == first
	}, cluster.Machine{RejectsPods: "UnexpectedAdmissionError"}))
	pool := s.newPool()
	job := s.newJob(withReplicas(1))
	const words = "UnexpectedAdmissionError: Pod was rejected: Allocate failed due to no healthy devices present"
	s.eventually("the job has the kubelet's words", job.waits(v1alpha1.WaitRejected, "was rejected", words))
	s.eventually("the pool says why it replaces the VM", pool.says(v1alpha1.ConditionVMsUsable, metav1.ConditionFalse, v1alpha1.ReasonPodsRejected, "rejected 3 pods of one replica in a row", words))
	s.eventually("it trains on another VM", job.trains(1))
	require.EqualValues(t, 0, job.status().Preemptions)
	require.EqualValues(t, v1alpha1.RejectionsPerVM+1, job.replica(0).Attempt)
	s.eventually("the first VM is gone", pool.ready(1))
	require.Len(t, s.requested(), 2)
	s.end()
}
