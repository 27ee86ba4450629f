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
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
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
	refused := func(w *world) {
		asked(time.Hour)(w)
		w.job.Status.JobStatuses[0].Reason = v1alpha1.WaitChildRefused
	}
	booting := poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.ProvisionedInstances = []v1alpha1.VMInstanceStatus{{Name: "vm-0", Zone: "us-central1-a", State: v1alpha1.InstanceJoining, CreationTime: new(stamp(ago(90 * time.Second)))}}
	})
	usually := func(d time.Duration) fact {
		return poolSays(func(s *v1alpha1.SpotInstanceVMStatus) { s.UsualStartTime = &metav1.Duration{Duration: d} })
	}
	blocked := poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.Zones = []v1alpha1.ZoneStatus{
			{Zone: "us-central1-a", BlockedUntil: new(stamp(noon.Add(time.Hour))), Reason: "Unsupported"},
			{Zone: "us-central1-b", BlockedUntil: new(stamp(noon.Add(2 * time.Minute))), Reason: "Stockout"},
		}
	})
	quotas := poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.Zones = []v1alpha1.ZoneStatus{{Zone: "us-central1-a", BlockedUntil: new(stamp(noon.Add(time.Hour))), Reason: "Quota"}}
	})
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		facts  []fact
		reason string
		says   string // in the condition Ready
		wakes  time.Duration
	}{
		"it trains":                        {[]fact{aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, trains("vm-0", time.Minute))}, "", "all replicas are training", 29 * time.Minute},
		"its Job was asked for now":        {nil, v1alpha1.WaitForJob, "0 of 1 replicas are training", 0},
		"its Job was asked for before":     {[]fact{asked(29 * time.Second)}, v1alpha1.WaitForJob, "0 of 1 replicas are training", time.Second},
		"its Job is refused":               {[]fact{asked(30 * time.Second)}, v1alpha1.WaitChildRefused, "replica 0 waits for its Job, which was asked for and is not there: kubectl describe spotinstancejob train shows what the API server answered", 0},
		"its next Job is refused":          {[]fact{asked(time.Hour), aVM("vm-0", v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitChildRefused, "replica 0 waits for its Job, which was asked for and is not there", 30 * time.Second},
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
		"at maxReplicas":                   {[]fact{sized(nil, new(int32(2)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitAtMaxReplicas, "replica 0 waits for a VM: SpotInstanceVM a100 is at maxReplicas 2: raise its spec.maxReplicas, or wait until a VM is free", 0},
		"at the default maxReplicas":       {[]fact{sized(nil, nil, 10), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitAtMaxReplicas, "SpotInstanceVM a100 is at maxReplicas 10: raise", 0},
		"a fixed size":                     {[]fact{sized(new(int32(2)), nil, 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitAtMaxReplicas, "SpotInstanceVM a100 is at replicas 2: raise its spec.replicas", 0},
		"scaled above maxReplicas":         {[]fact{sized(new(int32(7)), new(int32(2)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitAtMaxReplicas, "is at maxReplicas 2", 0},
		"not yet at maxReplicas":           {[]fact{sized(nil, new(int32(3)), 2), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitForVM, "replica 0 waits for a VM", 0},
		"no capacity":                      {[]fact{exhausted, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitNoCapacity, "replica 0 waits for a VM; SpotInstanceVM a100: no zone can be asked for a VM now", 0},
		"no pool":                          {[]fact{noPool, anAttempt(0, 1)}, v1alpha1.WaitPoolMissing, "spec.spotInstanceVMRef: SpotInstanceVM a100 does not exist in namespace ml: apply it", 0},
		"its Job is still refused":         {[]fact{refused}, v1alpha1.WaitChildRefused, "shows what the API server answered", 0},
		"a VM boots":                       {[]fact{booting, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitBooting, "replica 0 waits for a VM: vm-0 in us-central1-a was made at 2026-03-01T11:58:30Z and is not Ready yet", 0},
		"a VM boots, as others did":        {[]fact{booting, usually(130 * time.Second), anAttempt(0, 1, unschedulable)}, v1alpha1.WaitBooting, "is not Ready yet; VMs of SpotInstanceVM a100 usually take 2m10s", 0},
		"a VM boots, no other will":        {[]fact{exhausted, booting, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitBooting, "vm-0 in us-central1-a was made at", 0},
		"no capacity until":                {[]fact{exhausted, blocked, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitNoCapacity, "replica 0 waits for a VM: the first zone to be asked again is us-central1-b (Stockout), at 2026-03-01T12:02:00Z; SpotInstanceVM a100: no zone can be asked", 0},
		"quotas are used up":               {[]fact{exhausted, quotas, anAttempt(0, 1, unschedulable)}, v1alpha1.WaitQuota, "the first zone to be asked again is us-central1-a (Quota), at 2026-03-01T13:00:00Z", 0},
		"its pool is being deleted":        {[]fact{poolDeleting, anAttempt(0, 1)}, v1alpha1.WaitPoolDeleting, "SpotInstanceVM a100 is being deleted: apply it again once it is gone", 0},
		"the pod does not fit":             {[]fact{asks(2), anAttempt(0, 1)}, v1alpha1.WaitSpecInvalid, "asks for 2 nvidia.com/gpu, and VMs of SpotInstanceVM a100 have 1", 0},
		"its image is pulled":              {[]fact{ready("vm-0"), anAttempt(0, 1, waits(time.Second, "ContainerCreating", ""), prepared)}, v1alpha1.WaitPullingImage, "replica 0 is starting on VM vm-0, and the kubelet pulls an image", 0},
		"its image cannot be pulled":       {[]fact{ready("vm-0"), anAttempt(0, 1, waits(time.Second, "ErrImagePull", "manifest unknown"))}, v1alpha1.WaitPullingImage, "pulls an image: container trainer waits: ErrImagePull: manifest unknown", 0},
		"its volumes are mounted":          {[]fact{ready("vm-0"), anAttempt(0, 1, waits(time.Second, "ContainerCreating", ""))}, v1alpha1.WaitStarting, "replica 0 is starting on VM vm-0", 0},
		"its VM is gone":                   {[]fact{gone("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitVMLost, "replica 0 lost its VM", 0},
		"its VM goes":                      {[]fact{noRescue, stopping("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitVMLost, "replica 0 is on a VM that is going away", 0},
		"a last checkpoint is made":        {[]fact{stopping("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitForCheckpoint, "replica 0 is on a VM that is going away, and waits for its own checkpoint train-preemption-", 9*time.Minute + 59*time.Second},
		"it ended moments ago":             {[]fact{ready("vm-0"), anAttempt(0, 1, exited("vm-0", time.Hour, 1, 5*time.Second))}, v1alpha1.WaitEnding, "replica 0 ended; whether its VM took it down is known in a moment", 0},
		"it failed":                        {[]fact{ready("vm-0"), anAttempt(0, 3, failedOn("vm-0", time.Hour, 25*time.Second), carries(`{"replicas":{"0":{"through":2,"failures":2}}}`))}, v1alpha1.WaitBackingOff, "exited with code 1 (Error); the next attempt starts at 2026-03-01T12:00:55Z", 55 * time.Second},
		"it loses VMs quickly":             {[]fact{gone("vm-0", time.Minute), anAttempt(0, 9, trains("vm-0", 70*time.Second), carries(`{"replicas":{"0":{"through":8,"quickLosses":7}}}`))}, v1alpha1.WaitBackingOff, "replica 0 lost its VM; the next attempt starts at 2026-03-01T12:01:40Z", 100 * time.Second},
		"its image does not restore":       {[]fact{ready("vm-0"), anAttempt(0, 2, restored("c", time.Minute), failedOn("vm-0", 50*time.Second, 25*time.Second))}, v1alpha1.WaitRestoreFailed, "replica 0 could not run from its checkpoint image: container trainer exited", 0},
		"the user suspended it":            {[]fact{suspended, anAttempt(0, 1)}, v1alpha1.WaitSuspended, "set spec.suspend to false to continue from the best checkpoint", 0},
		"it completed the training":        {[]fact{ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))}, v1alpha1.WaitOver, "the training is completed", 0},
		"it failed for good":               {[]fact{ready("vm-0"), templateWith(`"backoffLimit":0,`), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute))}, v1alpha1.WaitOver, "the job has failed", time.Second},
		"its pod saves the training":       {[]fact{savesItself, stopping("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, v1alpha1.WaitSaving, "its next attempt starts when pod train-392faf-r0-a1-abcde has ended, or its VM is gone", 0},
		"a kubelet rejected its pod":       {[]fact{ready("vm-0"), anAttempt(0, 6, rejectedBy("vm-0", time.Minute, 2, 5))}, v1alpha1.WaitRejected, "was rejected 6 times in a row by kubelets", 59 * time.Minute},
		"its containers do not run yet":    {[]fact{aVM("vm-0", v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, on("vm-0", time.Second))}, v1alpha1.WaitStarting, "replica 0 is starting on VM vm-0", 0},
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
		seen[c.reason] = true
	}
	for _, reason := range hooktest.Constants(t, "Wait") {
		assert.True(t, seen[reason], "no row for %s", reason)
	}
}

// Each replica that waits is told of another VM on its way, the oldest first; those beyond are not.
func TestVMsOnTheirWayAreToldInOrder(t *testing.T) {
	made := func(name string, since time.Duration) v1alpha1.VMInstanceStatus {
		return v1alpha1.VMInstanceStatus{Name: name, Zone: "us-central1-a", State: v1alpha1.InstanceCreating, Since: new(stamp(ago(since)))}
	}
	o, d := given(replicas(4), poolSays(func(s *v1alpha1.SpotInstanceVMStatus) {
		s.ProvisionedInstances = []v1alpha1.VMInstanceStatus{made("vm-3", time.Second), made("vm-4", time.Minute), {Name: "vm-5", State: v1alpha1.InstanceReady}}
	}), anAttempt(0, 1), anAttempt(1, 1, notBound(corev1.PodReasonSchedulingGated, "gated")), anAttempt(2, 1), anAttempt(3, 1)).decide(t)
	var reasons []string
	for _, r := range renderStatus(o, d).JobStatuses {
		reasons = append(reasons, r.Reason)
	}
	assert.Equal(t, []string{v1alpha1.WaitBooting, v1alpha1.WaitSchedulingGated, v1alpha1.WaitBooting, v1alpha1.WaitForVM}, reasons)
	message := messageOf(d, v1alpha1.ConditionReady)
	assert.Contains(t, message, "replica 0 waits for a VM: vm-4 in us-central1-a was made at 2026-03-01T11:59:00Z")
	assert.Contains(t, message, "replica 2 waits for a VM: vm-3 in us-central1-a was made at 2026-03-01T11:59:59Z")
}

func prepared(_ *batchv1.Job, pod *corev1.Pod) {
	podCondition(pod, corev1.PodReadyToStartContainers, time.Second)
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
