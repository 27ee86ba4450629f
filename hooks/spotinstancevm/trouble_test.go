package spotinstancevm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// An outage of one zone makes the list over all zones partial. It must not keep VMs of the other zones alive.
func TestFinalizeDeletesInTheZonesThatAnswer(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.run(20 * time.Second)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	cancel := w.gce.When(gcefake.Call{Zone: zoneB}, gcefake.Partial())
	w.run(2 * time.Minute)
	require.Empty(t, w.gce.Instances(), "zone %s answers", zoneA)
	require.False(t, w.sync().Finalized, "zone %s does not", zoneB)
	require.Contains(t, w.condition(v1alpha1.ConditionReady).Message, zoneB)
	cancel()
	w.run(time.Minute)
	require.True(t, w.sync().Finalized)
}

// A Secret that the API server did not give just now is no Secret that is gone.
func TestFinalizeDoesNotLetGoWhileTheSecretIsUnread(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.kube.putSecret("default/gcp-credentials", nil, map[string]string{"credentials.json": "key"})
	w.run(20 * time.Second)
	w.pool.Status = v1alpha1.SpotInstanceVMStatus{}
	w.kube.forget(w.vm(0))
	w.restart()
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.kube.down = true
	cancel := w.gce.When(gcefake.Call{}, gcefake.Denied("compute.instances.list")) // for the operator's own identity
	require.False(t, w.sync().Finalized)
	w.kube.down = false
	cancel()
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.True(t, w.sync().Finalized)
}

func TestFailingDeletesAreNotHurried(t *testing.T) {
	w := newWorld(t, fixed(30), func(p *v1alpha1.SpotInstanceVM) { p.Spec.MaxReplicas = new(int32(30)) })
	w.run(30 * time.Second)
	require.Len(t, w.gce.Instances(), 30)
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	cancel := w.gce.When(gcefake.Call{Method: gcefake.Delete}, gcefake.RateLimited(0))
	w.run(time.Minute)
	require.LessOrEqual(t, w.gce.Calls()[gcefake.Delete], 13*20, "every five seconds, not five times a second")
	cancel()
	w.run(time.Minute)
	require.True(t, w.sync().Finalized)
}

func TestDeleteThatIsForbiddenIsTold(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	cancel := w.gce.When(gcefake.Call{Method: gcefake.Delete}, gcefake.Denied("compute.instances.delete"))
	w.run(6 * time.Minute)
	require.Len(t, w.gce.Instances(), 1)
	credentials := w.condition(v1alpha1.ConditionCredentialsValid)
	require.Equal(t, metav1.ConditionFalse, credentials.Status)
	require.Contains(t, credentials.Message, "delete "+w.vm(0)+" in "+zoneA)
	require.Contains(t, credentials.Message, "compute.instances.delete")
	w.settled()
	cancel()
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionCredentialsValid).Status)
}

// The other server's list is up to two seconds old: older than what status says of the same VM.
func TestAnOlderListOfAnotherServerUndoesNothing(t *testing.T) {
	w := ready(t, 1)
	other := w.server()
	w.syncBy(other)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.clock.Advance(time.Second)
	for range 3 {
		w.syncBy(w.handler)
		w.clock.Advance(300 * time.Millisecond)
		w.syncBy(other)
		require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
		w.clock.Advance(300 * time.Millisecond)
	}
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
	w.run(20 * time.Second)
	require.EqualValues(t, 1, w.pool.Status.Preemptions)
	require.Equal(t, []string{w.vm(1)}, w.vmNames(), "and the replacement was planned once")
}

// A VM that training runs on has joined, whatever status forgot.
func TestWipedStatusWhileANodeIsNotReadyKillsNoTraining(t *testing.T) {
	w := ready(t, 1)
	w.train(w.vm(0))
	w.pods[0].Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	w.run(time.Hour)
	w.kube.setReady(w.vm(0), false)
	w.pool.Status = v1alpha1.SpotInstanceVMStatus{}
	w.sync()
	require.Equal(t, v1alpha1.InstanceNotReady, w.entry(w.vm(0)).State)
}

// A pod that no eviction moves is looked at from time to time, and the user hears of it.
func TestAPodThatStaysIsNotEvictedEverySecond(t *testing.T) {
	w := ready(t, 1)
	w.demand(0)
	w.run(5 * time.Minute)
	w.kube.guarded = true
	w.kube.bind(corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "guarded", UID: "guarded"}, Spec: corev1.PodSpec{NodeName: w.vm(0)}})
	w.run(2 * time.Minute)
	require.LessOrEqual(t, len(w.kube.evicted), 2*12+2)
	require.NotEmpty(t, w.kube.evicted)
	require.Contains(t, fmt.Sprint(w.kube.events), "web/guarded")
	w.kube.guarded = false
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
}

// A list that fails now and then must not keep a VM with a dead Node alive.
func TestUnreadListsDoNotProlongADeadNode(t *testing.T) {
	w := ready(t, 1)
	w.kube.setReady(w.vm(0), false)
	for range 6 {
		w.run(5 * time.Minute)
		cancel := w.gce.When(gcefake.Call{Method: gcefake.ListInstances}, gcefake.Down())
		w.run(15 * time.Second)
		cancel()
	}
	require.NotContains(t, w.vmNames(), w.vm(0))
}

// GCE may take an insert after the hook has given up waiting for the answer, and the pool may be deleted in between.
func TestFinalizeWaitsForAnInsertThatComesLate(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	cancel := w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Down())
	w.run(time.Minute)
	cancel()
	require.Equal(t, v1alpha1.InstancePlanned, w.entry(w.vm(0)).State)
	planned := w.pool
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	require.False(t, w.sync().Finalized)
	deleting := w.pool
	w.pool = planned
	w.sync() // what GCE took late
	w.pool = deleting
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.True(t, w.sync().Finalized)
}

// A pool whose image cannot join costs one trial VM each half an hour in the end, however many it wants.
func TestFailedStartsBackOffToHalfAnHour(t *testing.T) {
	w := newWorld(t, fixed(10), func(p *v1alpha1.SpotInstanceVM) { p.Spec.JoinTimeout = &metav1.Duration{Duration: 5 * time.Minute} })
	w.boot = -1
	w.run(30 * time.Minute)
	require.Equal(t, 31, w.inserts(), "three rounds of ten, and the first trial")
	w.run(5 * time.Hour)
	before := w.inserts()
	w.run(6 * time.Hour)
	require.InDelta(t, 6*60/35, w.inserts()-before, 1, "half an hour of back-off, five minutes of trial")
	require.LessOrEqual(t, len(w.pool.Status.ProvisionedInstances), 20)
}

// Where GCE refuses the notice, VMs are bought without. After a while it is asked again.
func TestNoticeThatGCERefusesIsDropped(t *testing.T) {
	no := gce.Error{Kind: gce.NoticeRefused, Code: "invalid", HTTPStatus: 400, Message: "Invalid value for field 'resource.scheduling.preemptionNoticeDuration'"}
	for name, refuses := range map[string]gcefake.Behaviour{"in the answer": gcefake.Refused(no), "in the operation": gcefake.FailsInOperation(no)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1))
			w.gce.Once(gcefake.Call{Method: gcefake.Insert}, refuses)
			w.run(20 * time.Second)
			require.Equal(t, string(gce.NoticeRefused), w.entry(w.vm(0)).Reason)
			require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(1)).State, "at once, without a back-off")
			require.Zero(t, w.entry(w.vm(1)).PreemptionNotice.Duration)
			require.Contains(t, w.condition(v1alpha1.ConditionNoticeGiven).Message, "set spec.preemptionNotice to 0s")

			w.run(15 * time.Minute)
			require.Nil(t, meta.FindStatusCondition(w.pool.Status.Conditions, v1alpha1.ConditionNoticeGiven))
			require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(1)))
			w.run(time.Minute)
			require.Equal(t, gce.PreemptionNotice, w.entry(w.vm(2)).PreemptionNotice.Duration)
		})
	}
}

// Both pools ask for nothing while GCE says that their project makes too many calls, a little longer each time.
func TestTooManyCalls(t *testing.T) {
	w := ready(t, 1)
	other := pool(func(p *v1alpha1.SpotInstanceVM) { p.Name, p.UID = "other", "bbbbbbbb-0000-0000-0000-000000000002" })
	calls := func() (n int) {
		for _, made := range w.gce.Calls() {
			n += made
		}
		return n
	}
	before := calls()
	relent := w.gce.When(gcefake.Call{}, gcefake.RateLimited(0))
	for range 120 {
		w.clock.Advance(time.Second)
		w.sync()
		w.pool, other = other, w.pool
	}
	require.Equal(t, 7, calls()-before, "after 0, 1, 3, 7, 15, 31 and 63 seconds")
	w.pool = other
	w.sync()
	require.Equal(t, v1alpha1.ReasonZoneUnreachable, w.condition(v1alpha1.ConditionZonesReachable).Reason)
	require.Contains(t, w.condition(v1alpha1.ConditionZonesReachable).Message, "RateLimited")

	relent()
	w.clock.Advance(time.Minute)
	w.sync()
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionZonesReachable).Status)
	before = calls()
	w.clock.Advance(3 * time.Second)
	w.sync()
	require.Greater(t, calls(), before, "as often as ever")
}

func TestGCESaysHowLongToWait(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	w.gce.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.RateLimited(30*time.Second))
	w.run(29 * time.Second)
	require.Equal(t, 1, w.inserts())
	w.run(20 * time.Second)
	require.Equal(t, 2, w.inserts(), "one more")
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}
