package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// machinesAre lets the story's VMs behave so when they boot, until the returned function is called.
func (s *story) machinesAre(m cluster.Machine) (until func()) {
	until = lab.Hypervisor().When(func(vm gcefake.VM) bool { return vm.Project == s.namespace }, m)
	s.Cleanup(until)
	return until
}

func TestTwentyReplicasStartInParallel(t *testing.T) {
	s := begin(t)
	s.takes(3 * time.Minute)
	pool := s.newPool(atMost(20))
	job := s.newJob(withReplicas(20))

	s.eventually("twenty VMs are Ready", pool.ready(20))
	s.eventually("twenty replicas train", job.trains(20))

	assert.Len(t, s.requested(), 20)
	// The Jobs appear one after the other, and the demand with them. Their VMs must not.
	assert.LessOrEqual(t, judge.syncsDuring(s.namespace, s.requested()), 10, "syncs that asked for VMs")
	used := map[string]bool{}
	for _, replica := range job.status().JobStatuses {
		used[replica.NodeName] = true
	}
	assert.Len(t, used, 20, "one replica per VM")
	s.end()
}

// A pool that knows at once how many it needs asks for all of them in one sync.
func TestTwentyVMsAreAskedForAtOnce(t *testing.T) {
	s := begin(t)
	pool := s.newPool(fixedAt(20), atMost(20))
	s.eventually("twenty VMs are asked for", func() error {
		if asked := len(s.requested()); asked != 20 {
			return fmt.Errorf("%d VMs were asked for", asked)
		}
		return nil
	})
	assert.LessOrEqual(t, judge.syncsDuring(s.namespace, s.requested()), 2, "syncs that asked for VMs")
	assert.Len(t, pool.status().ProvisionedInstances, 20)
	s.end()
}

func TestStockoutInTheOperationMovesToTheSecondZone(t *testing.T) {
	s := begin(t)
	lab.GCE().SetCapacity(emptyZone, 0)
	pool := s.newPool(inZones(emptyZone, secondZone))
	job := s.newJob(withReplicas(1))

	s.eventually("the replica trains", job.trains(1))

	asked := s.requested()
	require.Len(t, asked, 2)
	assert.Equal(t, []string{emptyZone, secondZone}, []string{asked[0].VM.Zone, asked[1].VM.Zone})
	blocked := slices.IndexFunc(pool.status().Zones, func(z v1alpha1.ZoneStatus) bool {
		return z.Zone == emptyZone && z.BlockedUntil != nil && z.Reason == "Stockout"
	})
	assert.GreaterOrEqual(t, blocked, 0, "status.zones: %+v", pool.status().Zones)
	s.end()
}

func TestPoolWithoutCapacitySaysSo(t *testing.T) {
	s := begin(t)
	lab.GCE().SetCapacity(fullZone, 0)
	pool := s.newPool(inZones(fullZone))
	job := s.newJob(withReplicas(1))

	s.eventually("a condition tells", pool.says(v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonZonesExhausted,
		fullZone+" (Stockout)", "add zones to spec.gcp.zones"))
	s.eventually("the job repeats it", job.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReplicasPending,
		"waits for a VM", "add zones to spec.gcp.zones"))
	s.end()
}

func TestReplacementLostBeforeItJoinsIsReplacedInAnotherZone(t *testing.T) {
	s := begin(t)
	s.takes(4 * time.Minute)
	s.newPool(inZones(zone, secondZone))
	job := s.newJob(checkpointEvery(4 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	lost := job.replica(0)

	join := s.machinesAre(cluster.Machine{NeverJoins: true})
	s.preempt(lost.NodeName)
	s.eventually("the replacement boots", func() error {
		if asked := s.requested(); len(asked) < 3 || s.statusOf(asked[2].VM.Name) != "RUNNING" {
			return fmt.Errorf("%d VMs were asked for", len(asked))
		}
		return nil
	})
	require.NoError(t, lab.GCE().Crash(s.requested()[2].VM.Name))
	join()

	s.eventually("the replica trains again", job.restarted(lost))
	assert.NotEmpty(t, job.replica(0).RestoredFrom)
	asked := s.requested()
	require.Len(t, asked, 4)
	assert.Equal(t, secondZone, asked[3].VM.Zone)
	s.eventually("both replicas train", job.trains(2))
	s.end()
}

func TestVMThatNeverBecomesAReadyNodeIsDeletedAndAnotherTried(t *testing.T) {
	t.Parallel()
	cases := map[string]cluster.Machine{
		"it never joins":         {NeverJoins: true},
		"its GPUs never show up": {WithoutGPUs: true},
	}
	for name, machine := range cases {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.takes(3 * time.Minute)
			mend := s.machinesAre(machine)
			pool := s.newPool(joinsWithin(15 * time.Second))
			job := s.newJob(withReplicas(1))

			s.eventually("a condition names the serial console", pool.says(v1alpha1.ConditionVMsJoining, metav1.ConditionFalse, v1alpha1.ReasonStartsFail,
				"gcloud compute instances get-serial-port-output l4-pool-", "--zone "+zone, "--project "+s.namespace))
			mend()
			s.eventually("the VM is gone", func() error {
				if len(s.vms())+len(s.nodes()) > 0 {
					return fmt.Errorf("%s", pool.describe())
				}
				return nil
			})
			s.eventually("the replica trains on another VM", job.trains(1))
			require.Len(t, s.requested(), 2)
			failed := pool.vm(s.requested()[0].VM.Name)
			assert.Equal(t, v1alpha1.VMJoinTimeout, failed.Reason)
			assert.False(t, failed.JoinedCluster)
			s.end()
		})
	}
}

// statusOf is the status of a VM, empty when it is gone.
func (s *story) statusOf(name string) string {
	for _, vm := range s.vms() {
		if vm.Name == name {
			return vm.Status
		}
	}
	return ""
}
