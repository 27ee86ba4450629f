package spotinstancevm_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestKilledBetweenInsertAndResponse(t *testing.T) {
	for name, behaviour := range map[string]gcefake.Behaviour{
		"the answer of GCE is lost": gcefake.LostAnswer(),
		"GCE did not take it":       gcefake.Down(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1))
			w.sync()
			w.gce.Once(gcefake.Call{Method: gcefake.Insert}, behaviour)
			written := w.pool.Status
			w.sync()
			w.pool.Status = written // the hook was killed: its answer never arrived
			w.restart()
			w.run(30 * time.Second)
			require.Len(t, w.gce.Instances(), 1)
			require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
		})
	}
}

func TestStatusIsOnlyACache(t *testing.T) {
	for name, lose := range map[string]func(before v1alpha1.SpotInstanceVMStatus) v1alpha1.SpotInstanceVMStatus{
		"wiped": func(v1alpha1.SpotInstanceVMStatus) v1alpha1.SpotInstanceVMStatus {
			return v1alpha1.SpotInstanceVMStatus{}
		},
		"rolled back": func(before v1alpha1.SpotInstanceVMStatus) v1alpha1.SpotInstanceVMStatus { return before },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, inZones(zoneA, zoneB))
			w.demand(2)
			w.sync()
			before := w.pool.Status
			for step := range 12 { // at every moment of the start
				w.pool.Status = lose(before)
				w.sync()
				require.LessOrEqual(t, len(w.gce.Instances()), 2, "step %d", step)
				w.clock.Advance(time.Second)
			}
			w.run(30 * time.Second)
			require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(0): v1alpha1.InstanceReady, w.vm(1): v1alpha1.InstanceReady}, w.states())
			w.settled()
			w.pool.Status = lose(before)
			w.run(30 * time.Second)
			require.Equal(t, map[string]v1alpha1.InstanceState{w.vm(0): v1alpha1.InstanceReady, w.vm(1): v1alpha1.InstanceReady}, w.states())
			require.Len(t, w.gce.Instances(), 2)
		})
	}
}

func TestPreemptionIsCountedOnceWhateverHappensToStatus(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.run(20 * time.Second)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.run(15 * time.Second)
	stopping := w.pool.Status
	require.EqualValues(t, 1, stopping.Preemptions)
	w.run(30 * time.Second)
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
	w.pool.Status = stopping
	w.run(20 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
}

func TestStockoutInTheOperationThenTheSecondZone(t *testing.T) {
	w := newWorld(t, fixed(2), inZones(zoneA, zoneB))
	w.gce.SetCapacity(zoneA, 0)
	w.run(20 * time.Second)
	for _, vm := range w.gce.Instances() {
		require.Equal(t, zoneB, vm.Zone)
	}
	require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
	require.Equal(t, string(gce.Stockout), w.pool.Status.Zones[0].Reason)
	blocked := w.pool.Status.Zones[0].BlockedUntil
	require.Equal(t, 3, w.inserts(), "one in the first zone")

	w.run(time.Minute)
	require.Equal(t, blocked, w.pool.Status.Zones[0].BlockedUntil, "seeing it again does not prolong it")
	w.run(3 * time.Minute)
	require.Nil(t, w.pool.Status.Zones[0].BlockedUntil)
	w.settled()
}

func TestNoCapacityAnywhere(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.gce.SetCapacity(zoneA, 0)
	w.run(time.Minute)
	require.Equal(t, 1, w.inserts(), "it waits")
	require.Equal(t, v1alpha1.PoolDegraded, w.pool.Status.Phase)
	require.Equal(t, metav1.ConditionFalse, w.condition(v1alpha1.ConditionCapacityAvailable).Status)
	w.gce.SetCapacity(zoneA, -1)
	w.run(3 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionCapacityAvailable).Status)
}

func TestQuotaLeavesTheRegion(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB, "us-west1-b"))
	w.gce.SetQuotas(gcefake.Quota{Region: "us-central1", Metric: "PREEMPTIBLE_NVIDIA_T4_GPUS"})
	w.run(20 * time.Second)
	require.Equal(t, 2, w.inserts())
	require.Equal(t, "us-west1-b", w.gce.Instances()[0].Zone)
	require.NotNil(t, w.pool.Status.Zones[1].BlockedUntil, "the region's other zone too")
}

func TestUnreachableZone(t *testing.T) {
	w := newWorld(t, inZones(zoneA, zoneB))
	w.demand(2)
	w.run(20 * time.Second)
	cancel := w.gce.When(gcefake.Call{Zone: zoneA}, gcefake.Partial())
	w.run(2 * time.Minute)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State, "its Node vouches for it")
	require.Equal(t, metav1.ConditionFalse, w.condition(v1alpha1.ConditionZonesReachable).Status)
	require.Equal(t, 2, w.inserts())

	w.kube.setReady(w.vm(0), false)
	w.run(50 * time.Second)
	require.Equal(t, v1alpha1.InstanceUnknown, w.entry(w.vm(0)).State)
	require.Equal(t, 2, w.inserts(), "one minute of patience")
	w.run(30 * time.Second)
	require.Equal(t, 3, w.inserts())
	require.Equal(t, zoneB, w.entry(w.vm(2)).Zone, "in a zone that can be read")
	w.demand(0)
	w.run(10 * time.Minute)
	require.Contains(t, w.vmNames(), w.vm(0), "nothing is deleted in a zone that cannot be read")

	cancel()
	w.kube.setReady(w.vm(0), true)
	w.run(10 * time.Minute)
	require.Empty(t, w.gce.Instances())
}

func TestDeletedWhileAnInsertIsInFlight(t *testing.T) {
	for name, behaviour := range map[string]gcefake.Behaviour{
		"sent":           {},
		"answer is lost": gcefake.LostAnswer(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(3))
			w.sync()
			w.gce.Once(gcefake.Call{Method: gcefake.Insert}, behaviour)
			before := w.pool.Status
			w.sync()
			w.pool.Status = before
			w.pool.DeletionTimestamp = timestamp(w.clock.Now())
			w.run(2 * time.Minute)
			require.Empty(t, w.gce.Instances())
			require.Empty(t, w.gce.OperationsInFlight())
			require.Empty(t, w.kube.nodesOf(w.pool))
			require.True(t, w.sync().Finalized)
		})
	}
}

func TestFinalizeWaitsForEveryZone(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.run(20 * time.Second)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	cancel := w.gce.When(gcefake.Call{Method: gcefake.ListInstances, Zone: zoneB}, gcefake.Down())
	w.run(2 * time.Minute)
	require.Empty(t, w.gce.Instances())
	require.False(t, w.sync().Finalized, "one zone has not said absent")
	cancel()
	w.run(time.Minute)
	require.True(t, w.sync().Finalized)
}

func TestFinalizeFindsWhatNobodyNames(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneB))
	w.run(20 * time.Second)
	require.Len(t, w.gce.Instances(), 1)
	w.pool.Spec.GCP.Zone = zoneA
	w.pool.Status = v1alpha1.SpotInstanceVMStatus{}
	w.kube.forget(w.vm(0))
	w.restart()
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.True(t, w.sync().Finalized)
}

func TestSweepFindsAVMInAZoneThatNothingNames(t *testing.T) {
	w := newWorld(t, inZones(zoneB))
	w.demand(1)
	w.run(20 * time.Second)
	w.pool.Spec.GCP.Zone = zoneA
	w.pool.Status = v1alpha1.SpotInstanceVMStatus{}
	w.kube.forget(w.vm(0))
	w.demand(0)
	w.restart()
	w.run(30 * time.Minute)
	require.Empty(t, w.gce.Instances())
}

func TestSweepThatFailsIsNotRepeatedEachSync(t *testing.T) {
	w := newWorld(t)
	w.gce.When(gcefake.Call{Method: gcefake.ListAllInstances}, gcefake.Down())
	w.demand(1)
	w.run(59 * time.Second)
	require.Equal(t, 1, w.gce.Calls()[gcefake.ListAllInstances])
	w.run(2 * time.Minute)
	require.Equal(t, 3, w.gce.Calls()[gcefake.ListAllInstances])
}

func TestTwentyVMsInOneSync(t *testing.T) {
	w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) { limit := int32(50); p.Spec.MaxReplicas = &limit })
	w.demand(30)
	w.sync()
	w.sync()
	require.Equal(t, 20, w.inserts(), "twenty at a time")
	a := w.sync()
	require.LessOrEqual(t, a.ResyncAfterSeconds, 0.5)
	w.sync()
	require.Equal(t, 30, w.inserts())
	w.run(30 * time.Second)
	require.EqualValues(t, 30, w.pool.Status.ReadyReplicas)
	require.Len(t, w.gce.Instances(), 30)
}

func TestSameNameCreatedAgain(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.run(20 * time.Second)
	first := w.vm(0)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.run(time.Minute)

	w.pool = pool(fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.UID = "bbbbbbbb-0000-0000-0000-000000000002" })
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
	require.NotEqual(t, first, w.vm(0))
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}

func TestNeverJoins(t *testing.T) {
	w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) {
		p.Spec.JoinTimeout = &metav1.Duration{Duration: 2 * time.Minute}
		p.Spec.Replicas = new(int32)
		*p.Spec.Replicas = 2
	})
	w.boot = -1
	w.run(119 * time.Second)
	require.Equal(t, 2, w.inserts())
	w.run(15 * time.Second)
	require.Empty(t, w.gce.Instances(), "joinTimeout has passed")
	require.Equal(t, v1alpha1.VMJoinTimeout, w.entry(w.vm(0)).Reason)
	require.Equal(t, 2, w.inserts(), "one minute of back-off")
	joining := w.condition(v1alpha1.ConditionVMsJoining)
	require.Equal(t, metav1.ConditionFalse, joining.Status)
	require.Contains(t, joining.Message, "gcloud compute instances get-serial-port-output t4-pool-")
	require.Contains(t, joining.Message, "--zone us-central1-a --project acme")
	require.Equal(t, v1alpha1.PoolDegraded, w.pool.Status.Phase)

	w.run(65 * time.Second)
	require.Equal(t, 4, w.inserts(), "the second round is of two again")
	w.run(9 * time.Minute) // fails at 2, two minutes of back-off, fails at 2
	require.Equal(t, 6, w.inserts(), "the third too")
	w.run(4 * time.Minute)
	require.Equal(t, 7, w.inserts(), "then one trial VM at a time")

	w.boot = 5 * time.Second
	w.run(30 * time.Minute)
	require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionVMsJoining).Status)
	w.settled()
}

func TestLostBeforeItJoins(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.sync()
	w.sync()
	w.clock.Advance(3 * time.Second)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.run(50 * time.Second)
	require.Equal(t, 1, w.inserts(), "a failed start backs off for a minute")
	require.Equal(t, v1alpha1.VMPreempted, w.pool.Status.Zones[0].Reason, "and speaks against its zone")
	w.run(40 * time.Second)
	require.Equal(t, zoneB, w.entry(w.vm(1)).Zone)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State)
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
}

func TestEditOfTheSpecForgetsFailedStarts(t *testing.T) {
	w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.Spec.JoinTimeout = &metav1.Duration{Duration: time.Minute} })
	w.boot = -1
	w.run(75 * time.Second)
	require.Equal(t, 1, w.inserts())
	w.pool.Generation++
	w.boot = 5 * time.Second
	w.run(20 * time.Second)
	require.Equal(t, 2, w.inserts())
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}

func TestTwoServersAtOnce(t *testing.T) {
	w := newWorld(t, fixed(5), inZones(zoneA, zoneB))
	other := w.server()
	w.sync()
	planned := w.pool.Status
	answers := make(chan int, 2)
	for _, server := range []http.Handler{w.handler, other} {
		go func() {
			code, _ := w.call(server, "/sync")
			answers <- code
		}()
	}
	require.Equal(t, http.StatusOK, <-answers)
	require.Equal(t, http.StatusOK, <-answers)
	require.Len(t, w.gce.Instances(), 5)
	w.pool.Status = planned
	for range 20 {
		w.syncBy(other)
		w.syncBy(w.handler)
		w.clock.Advance(time.Second)
	}
	require.Len(t, w.gce.Instances(), 5)
	require.EqualValues(t, 5, w.pool.Status.ReadyReplicas)
}

func TestOverlappingCallsOfOnePool(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	taken, release := make(chan struct{}), make(chan struct{})
	w.gce.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.HoldAnswer(func() { close(taken) }, release))
	done := make(chan []byte)
	go func() {
		_, body := w.call(w.handler, "/sync")
		done <- body
	}()
	<-taken
	written := w.pool.Status
	second := w.decode(w.call(w.handler, "/sync"))
	require.Equal(t, written, second.Status, "the status as observed")
	require.Positive(t, second.ResyncAfterSeconds)
	close(release)
	first := w.decode(http.StatusOK, <-done)
	require.Equal(t, v1alpha1.InstanceCreating, first.Status.ProvisionedInstances[0].State)
	require.Equal(t, 1, w.inserts())
}

func TestPoolsShareLists(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.run(20 * time.Second)
	first := w.pool
	w.pool = pool(fixed(0), func(p *v1alpha1.SpotInstanceVM) { p.Name, p.UID = "other", "cccccccc-0000-0000-0000-000000000003" })
	w.clock.Advance(10 * time.Second)
	before := w.gce.Calls()[gcefake.ListInstances]
	w.sync()
	w.pool = first
	w.sync()
	require.Equal(t, 1, w.gce.Calls()[gcefake.ListInstances]-before)
	require.Len(t, w.gce.Instances(), 1, "and do not touch each other's VMs")
}

func TestSomebodyElseHasTheName(t *testing.T) {
	w := newWorld(t, fixed(1))
	_, err := w.gce.Cloud(project).Insert(t.Context(), gce.InstanceSpec{
		Name: w.vm(0), Zone: zoneA, MachineType: "n1-standard-1", Image: "projects/acme/global/images/x", DiskSizeGB: 10, DiskType: "pd-balanced",
		ProvisioningModel: gce.ModelStandard, MaxRunDuration: 24 * time.Hour,
	}, "99999999-0000-4000-8000-000000000000")
	require.NoError(t, err)
	w.boot = -1
	w.clock.Advance(61 * time.Minute) // its operation is no longer listed
	w.boot = 5 * time.Second
	w.run(20 * time.Second)
	require.Equal(t, v1alpha1.VMNameTaken, w.entry(w.vm(0)).Reason)
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.run(time.Minute)
	require.Equal(t, []string{w.vm(0)}, w.vmNames(), "theirs is theirs")
}
