package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func suspendedByOthers(job *batchv1.Job, _ *corev1.Pod) { job.Spec.Suspend = new(true) }

func madeAgo(d time.Duration) part {
	return func(job *batchv1.Job, _ *corev1.Pod) { job.CreationTimestamp = stamp(ago(d)) }
}

func notBound(reason, message string) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
	}
}

// poolSays sets a part of the pool's status.
func poolSays(edit func(*v1alpha1.SpotInstanceVMStatus)) fact {
	return func(w *world) { edit(&w.pool.Status) }
}

// A replica that does not train has one reason, and the condition Ready says what to do.
func TestWhyAReplicaWaits(t *testing.T) {
	const words = "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector."
	unschedulable := notBound(corev1.PodReasonUnschedulable, words)
	passesOver := poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.ProvisionedInstances = []v1alpha1.VMInstanceStatus{{Name: "vm-0", State: v1alpha1.InstanceReady, PassedOverSince: new(stamp(noon))}}
	})
	held := func(until time.Time) fact {
		return poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
			s.UnschedulableReplicas = []v1alpha1.UnschedulableReplica{{JobName: "train-392faf-r0-a1", Until: stamp(until), Message: "words of then"}}
		})
	}
	sized := func(fixed, most *int32, has int32) fact {
		return func(w *world) {
			w.pool.Spec.Replicas, w.pool.Spec.MaxReplicas = fixed, most
			w.pool.Status.DesiredReplicas, w.pool.Status.ReadyReplicas = has, has
		}
	}
	asked := func(since time.Duration) fact {
		return func(w *world) {
			w.job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{{Name: "train-392faf-r0-a1", Phase: v1alpha1.ReplicaPending, Reason: v1alpha1.WaitForJob, WaitingSince: new(stamp(ago(since)))}}
		}
	}
	exhausted := poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonZonesExhausted},
			{Type: v1alpha1.ConditionCapacityAvailable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonZonesExhausted, Message: "no zone can be asked for a VM now"},
		}
	})
	for name, c := range map[string]struct {
		facts  []fact
		reason string
		says   string // in the condition Ready
		wakes  time.Duration
	}{
		"it trains":                        {[]fact{aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, trains("vm-0", time.Minute))}, "", "all replicas are training", 29 * time.Minute},
		"its Job was asked for now":        {nil, v1alpha1.WaitForJob, "0 of 1 replicas are training", 0},
		"its Job was asked for before":     {[]fact{asked(29 * time.Second)}, v1alpha1.WaitForJob, "0 of 1 replicas are training", time.Second},
		"its Job is refused":               {[]fact{asked(30 * time.Second)}, v1alpha1.WaitForJob, "replica 0 waits for its Job, which was asked for and is not there: kubectl describe spotinstancejob train shows what the API server answered", 0},
		"its next Job is refused":          {[]fact{asked(time.Hour), aVM("vm-0", v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitForJob, "replica 0 waits for its Job, which was asked for and is not there", 30 * time.Second},
		"its Job is new":                   {[]fact{anAttempt(0, 1, madeAgo(29*time.Second), noPod)}, v1alpha1.WaitForVM, "replica 0 waits for a VM", time.Second},
		"no pod":                           {[]fact{anAttempt(0, 1, madeAgo(30*time.Second), noPod)}, v1alpha1.WaitNoPod, "replica 0 has no pod, so it asks for no VM: kubectl describe job train-392faf-r0-a1 tells why", 0},
		"no pod yet, since it was resumed": {[]fact{anAttempt(0, 1, madeAgo(time.Hour), noPod, func(job *batchv1.Job, _ *corev1.Pod) { job.Status.StartTime = new(stamp(ago(10 * time.Second))) })}, v1alpha1.WaitForVM, "replica 0 waits for a VM", 20 * time.Second},
		"a pod that is not seen":           {[]fact{anAttempt(0, 1, madeAgo(time.Hour), noPod, func(job *batchv1.Job, _ *corev1.Pod) { job.Status.Active = 1 })}, v1alpha1.WaitForVM, "replica 0 waits for a VM", 0},
		"suspended by somebody else":       {[]fact{anAttempt(0, 1, suspendedByOthers, noPod)}, v1alpha1.WaitSuspendedByOthers, "replica 0 waits: somebody else suspended its Job, so it has no pod and asks for no VM: kubectl describe job train-392faf-r0-a1", 0},
		"suspended while it trained":       {[]fact{aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, trains("vm-0", time.Hour), suspendedByOthers, podDeleted(time.Second))}, v1alpha1.WaitSuspendedByOthers, "somebody else suspended its Job", 0},
		"gated":                            {[]fact{anAttempt(0, 1, notBound(corev1.PodReasonSchedulingGated, "gated"))}, v1alpha1.WaitSchedulingGated, "replica 0 waits: its pod train-392faf-r0-a1-abcde has scheduling gates, so it asks for no VM", 0},
		"no VM yet":                        {[]fact{anAttempt(0, 1, unschedulable)}, v1alpha1.WaitForVM, "0 of 1 replicas are training; replica 0 waits for a VM", 0},
		"passed over":                      {[]fact{passesOver, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitUnschedulable, "replica 0 waits beside a VM that is Ready and free: the scheduler says: " + words, 0},
		"passed over in silence":           {[]fact{passesOver, anAttempt(0, 1)}, v1alpha1.WaitUnschedulable, "replica 0 waits beside a VM that is Ready and free: the scheduler has said nothing of its pod", 0},
		"held":                             {[]fact{held(noon.Add(time.Hour)), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitUnschedulable, "replica 0 fitted no VM of the pool that was Ready and free, so none is bought for it before 2026-03-01T13:00:00Z: the scheduler said: words of then", time.Hour},
		"held no more":                     {[]fact{held(noon), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitForVM, "replica 0 waits for a VM", 0},
		"at maxReplicas":                   {[]fact{sized(nil, new(int32(2)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitPoolFull, "replica 0 waits for a VM: SpotInstanceVM a100 is at maxReplicas 2: raise its spec.maxReplicas, or wait until a VM is free", 0},
		"at the default maxReplicas":       {[]fact{sized(nil, nil, 10), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitPoolFull, "SpotInstanceVM a100 is at maxReplicas 10: raise", 0},
		"a fixed size":                     {[]fact{sized(new(int32(2)), nil, 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitPoolFull, "SpotInstanceVM a100 is at replicas 2: raise its spec.replicas", 0},
		"scaled above maxReplicas":         {[]fact{sized(new(int32(7)), new(int32(2)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitPoolFull, "is at maxReplicas 2", 0},
		"not yet at maxReplicas":           {[]fact{sized(nil, new(int32(3)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitForVM, "replica 0 waits for a VM", 0},
		"no capacity":                      {[]fact{exhausted, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitNoCapacity, "replica 0 waits for a VM; SpotInstanceVM a100: no zone can be asked for a VM now", 0},
		"no pool":                          {[]fact{noPool, anAttempt(0, 1)}, v1alpha1.WaitPool, "spec.spotInstanceVMRef: SpotInstanceVM a100 does not exist in namespace ml: apply it", 0},
		"its containers do not run yet":    {[]fact{aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, on("vm-0", time.Second))}, v1alpha1.WaitStarting, "replica 0 is starting", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(append([]fact{replicas(1)}, c.facts...)...).decide(t)
			status := renderStatus(o, d)
			require.Len(t, status.JobStatuses, 1)
			assert.Equal(t, c.reason, status.JobStatuses[0].Reason)
			assert.Equal(t, c.reason != "", status.JobStatuses[0].WaitingSince != nil)
			assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), c.says)
			assert.Equal(t, c.wakes, d.resync)
		})
	}
}

// The moment from which a replica waits for a reason stays while the reason does.
func TestSinceWhenAReplicaWaits(t *testing.T) {
	w := given(replicas(1), anAttempt(0, 1))
	w.job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{{Reason: v1alpha1.WaitForVM, WaitingSince: new(stamp(ago(time.Hour)))}}
	o, d := w.decide(t)
	assert.Equal(t, ago(time.Hour), renderStatus(o, d).JobStatuses[0].WaitingSince.Time)
	w.job.Status.JobStatuses[0].Reason = v1alpha1.WaitStarting
	o, d = w.decide(t)
	assert.Equal(t, noon, renderStatus(o, d).JobStatuses[0].WaitingSince.Time)
}

// Somebody else suspends the Job while it trains: no attempt follows, and nothing is counted as lost.
func TestNoFightOverASuspendedJob(t *testing.T) {
	for name, parts := range map[string][]part{
		"its pod is being deleted": {trains("vm-0", time.Hour), suspendedByOthers, podDeleted(time.Second)},
		"its pod is gone":          {suspendedByOthers, noPod},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(replicas(1), aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, parts...)).decide(t)
			assert.Equal(t, "Pending; keep r0-a1", told(o, d))
			assert.Zero(t, renderStatus(o, d).Preemptions)
		})
	}
}
