package spotinstancejob

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// peers are both replicas training, on vm-0 and vm-1, for so long.
func peers(since time.Duration) fact {
	return and(ready("vm-0"), ready("vm-1"), anAttempt(0, 1, trains("vm-0", since)), anAttempt(1, 1, trains("vm-1", since)))
}

// one replica, whose pool has one VM.
func one(state v1alpha1.InstanceState, since time.Duration) fact {
	return and(replicas(1), aVM("vm-0", state, since))
}

func TestAttempts(t *testing.T) {
	gone, healthy := one(v1alpha1.InstanceGone, time.Minute), one(v1alpha1.InstanceReady, time.Hour)
	checkTales(t, map[string]tale{
		"first attempts":                      {given: nil, want: "Pending; start r0-a1; start r1-a1"},
		"as many as replicas":                 {given: []fact{replicas(3)}, want: "Pending; start r0-a1; start r1-a1; start r2-a1"},
		"none without a pool":                 {given: []fact{noPool}, want: "Pending"},
		"none on a pool being deleted":        {given: []fact{poolDeleting}, want: "Pending"},
		"no successor without a pool":         {given: []fact{noPool, replicas(1), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute))}, want: "Recovering; keep r0-a1"},
		"lost is restarted at once":           {given: []fact{gone, anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Recovering; keep r0-a1; start r0-a2", reported: "r0 Lost; NoUsableCheckpoint:StartedOver"},
		"lost before it started":              {given: []fact{gone, anAttempt(0, 1, on("vm-0", time.Hour))}, want: "Recovering; keep r0-a1; start r0-a2"},
		"lost on a pool being deleted":        {given: []fact{gone, poolDeleting, anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Recovering; keep r0-a1"},
		"SIGTERM, exit 0":                     {given: []fact{one(v1alpha1.InstanceStopping, time.Minute), anAttempt(0, 1, completedOn("vm-0", time.Hour, 40*time.Second))}, want: "Recovering; keep r0-a1; start r0-a2"},
		"lost goes when its successor exists": {given: []fact{gone, anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2)}, want: "Recovering; keep r0-a2"},
		"doomed stays while its successor waits": {
			given: []fact{one(v1alpha1.InstanceStopping, time.Second), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2)},
			want:  "Recovering; keep r0-a1 r0-a2",
		},
		"doomed stays while its successor starts": {
			given: []fact{one(v1alpha1.InstanceStopping, time.Second), ready("vm-1"), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2, on("vm-1", time.Second))},
			want:  "Recovering; keep r0-a1 r0-a2",
		},
		"doomed goes when its successor runs": {
			given: []fact{one(v1alpha1.InstanceStopping, time.Second), ready("vm-1"), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2, trains("vm-1", time.Second))},
			want:  "Running; keep r0-a2; resync 29m59s",
		},
		"doomed that recovered wins": {
			given: []fact{healthy, anAttempt(0, 1, trains("vm-0", time.Minute)), anAttempt(0, 2)},
			want:  "Running; keep r0-a1; resync 29m0s",
		},
		"running but not Ready has not recovered yet": {
			given: []fact{one(v1alpha1.InstanceReady, 29*time.Second), anAttempt(0, 1, trains("vm-0", time.Minute), notReady), anAttempt(0, 2)},
			want:  "Recovering; keep r0-a1 r0-a2; resync 1s",
		},
		"running on a VM that has been Ready for 30 s wins, whatever a readiness probe says": {
			given: []fact{one(v1alpha1.InstanceReady, 30*time.Second), anAttempt(0, 1, trains("vm-0", time.Minute), notReady), anAttempt(0, 2)},
			want:  "Running; keep r0-a1; resync 29m0s",
		},
		"running but not Ready where nothing is known of the VM": {
			given: []fact{one(v1alpha1.InstanceUnknown, time.Hour), anAttempt(0, 1, trains("vm-0", time.Minute), notReady), anAttempt(0, 2)},
			want:  "Recovering; keep r0-a1 r0-a2",
		},
		"recovered too late": {
			given: []fact{healthy, ready("vm-1"), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2, trains("vm-1", time.Minute))},
			want:  "Running; keep r0-a2; resync 29m0s",
		},
		"doomed that recovered and completed ends the job": {
			given: []fact{healthy, anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute)), anAttempt(0, 2)},
			want:  "Succeeded; keep r0-a1",
		},
		"doomed that recovered and is ending stays until that is clear": {
			given: []fact{healthy, ready("vm-1"), anAttempt(0, 1, completedOn("vm-0", time.Hour, 5*time.Second)), anAttempt(0, 2, trains("vm-1", time.Second))},
			want:  "Running; keep r0-a1 r0-a2; resync 15s",
		},
		"chain of three: the middle one lost its VM, too": {
			given: []fact{
				one(v1alpha1.InstanceStopping, time.Minute), stopping("vm-1", time.Second),
				anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2, on("vm-1", 30*time.Second)), anAttempt(0, 3),
			},
			want: "Recovering; keep r0-a1 r0-a2 r0-a3",
		},
		"chain of three: the first recovers": {
			given: []fact{
				healthy, stopping("vm-1", time.Second),
				anAttempt(0, 1, trains("vm-0", time.Minute)), anAttempt(0, 2, on("vm-1", 30*time.Second)), anAttempt(0, 3),
			},
			want: "Running; keep r0-a1; resync 29m0s",
		},
		"replacement lost before it joined": {
			given: []fact{gone, aVM("vm-1", v1alpha1.InstanceGone, time.Second), anAttempt(0, 2, on("vm-1", time.Minute))},
			want:  "Recovering; keep r0-a2; start r0-a3",
		},
		"a Job deleted by hand": {
			given: []fact{healthy, anAttempt(0, 1, trains("vm-0", time.Hour), jobDeleting)},
			want:  "Pending; start r0-a2",
		},
		"a Job deleted by hand and gone is known from status": {
			given: []fact{healthy, status(0, 7, v1alpha1.ReplicaRunning, 0)},
			want:  "Pending; start r0-a8",
		},
		"a Job deleted by hand and gone is known from a checkpoint": {
			given: []fact{healthy, aCheckpoint("ckpt", 0, 7, time.Hour, time.Hour, done(50*time.Minute))},
			want:  "Pending; start r0-a8 from ckpt",
		},
	})
}

func TestBackoff(t *testing.T) {
	healthy := one(v1alpha1.InstanceReady, time.Hour)
	failures := func(n int32, end time.Duration) []fact {
		return []fact{healthy, anAttempt(0, n, failedOn("vm-0", time.Hour, end), carries(fmt.Sprintf(`{"replicas":{"0":{"through":%d,"failures":%d}}}`, n-1, n-1)))}
	}
	quick := func(n string, end time.Duration) []fact {
		return []fact{one(v1alpha1.InstanceGone, end), anAttempt(0, 9, trains("vm-0", end+time.Minute), carries(`{"replicas":{"0":{"through":8,"losses":8,"quickLosses":`+n+`}}}`))}
	}
	checkTales(t, map[string]tale{
		"first failure, after its 20 s":    {given: failures(1, 20*time.Second), want: "Recovering; keep r0-a1; start r0-a2", reported: "r0 BackingOff; NoUsableCheckpoint:StartedOver"},
		"second failure waits 40 s":        {given: failures(2, 30*time.Second), want: "Recovering; keep r0-a2; resync 10s"},
		"third failure waits 80 s":         {given: failures(3, 30*time.Second), want: "Recovering; keep r0-a3; resync 50s"},
		"sixth failure waits 10 min":       {given: failures(6, 30*time.Second), want: "Recovering; keep r0-a6; resync 9m30s"},
		"seventh failure is the end":       {given: failures(7, 30*time.Second), want: "Failed; keep r0-a7; resync 1s", reported: "r0 Failed; Failed:BackoffLimitExceeded"},
		"fourth quick loss goes at once":   {given: quick("3", 5*time.Second), want: "Recovering; keep r0-a9; start r0-a10"},
		"fifth quick loss waits 20 s":      {given: quick("4", 5*time.Second), want: "Recovering; keep r0-a9; resync 15s", reported: "r0 Lost; NoUsableCheckpoint:StartedOver; LosingVMs:QuickLosses"},
		"sixth quick loss waits 40 s":      {given: quick("5", 5*time.Second), want: "Recovering; keep r0-a9; resync 35s"},
		"a failure in between starts anew": {given: []fact{healthy, anAttempt(0, 9, failedOn("vm-0", time.Hour, 20*time.Second), carries(`{"replicas":{"0":{"through":8,"quickLosses":9}}}`))}, want: "Recovering; keep r0-a9; start r0-a10"},
		"a loss after 2 min of training starts anew": {
			given: []fact{one(v1alpha1.InstanceGone, 5*time.Second), anAttempt(0, 9, trains("vm-0", 3*time.Minute), carries(`{"replicas":{"0":{"through":8,"quickLosses":9}}}`))},
			want:  "Recovering; keep r0-a9; start r0-a10",
		},
		"a helper that ended early makes no quick loss": {
			given: []fact{one(v1alpha1.InstanceGone, 5*time.Second), anAttempt(0, 9, trains("vm-0", 3*time.Hour), helperEnded, carries(`{"replicas":{"0":{"through":8,"quickLosses":9}}}`))},
			want:  "Recovering; keep r0-a9; start r0-a10",
		},
		"a doomed attempt backs off like a lost one, and is checkpointed meanwhile": {
			given: []fact{one(v1alpha1.InstanceStopping, 5*time.Second), anAttempt(0, 9, trains("vm-0", time.Minute), carries(`{"replicas":{"0":{"through":8,"quickLosses":4}}}`))},
			want:  "Recovering; keep r0-a9; checkpoint r0-a9 preemption; resync 15s",
		},
	})
}

func TestRestoreFailures(t *testing.T) {
	healthy := one(v1alpha1.InstanceReady, time.Hour)
	best := aCheckpoint("best", 0, 1, 2*time.Hour, time.Hour, done(110*time.Minute))
	next := aCheckpoint("next", 0, 1, 3*time.Hour, 30*time.Minute, done(170*time.Minute))
	failing := func(from string, parts ...part) fact {
		return anAttempt(0, 2, append([]part{restored(from, time.Hour), failedOn("vm-0", 90*time.Second, time.Minute)}, parts...)...)
	}
	const once = `{"restoreFailures":{"best":1}}`
	checkTales(t, map[string]tale{
		"the first one is tried again":    {given: []fact{healthy, best, next, failing("best")}, want: "Recovering; keep r0-a2; start r0-a3 from best", reported: "r0 RestoreFailed"},
		"the second one excludes":         {given: []fact{healthy, best, next, failing("best", carries(once))}, want: "Recovering; keep r0-a2; start r0-a3 from next", reported: "r0 RestoreFailed; RestoreFailed:ImageExcluded"},
		"the template is last":            {given: []fact{healthy, best, failing("best", carries(once))}, want: "Recovering; keep r0-a2; start r0-a3", reported: "r0 RestoreFailed; RestoreFailed:ImageExcluded"},
		"excluded stays excluded":         {given: []fact{healthy, best, next, anAttempt(0, 3, restored("next", 30*time.Minute), failedOn("vm-0", 90*time.Second, time.Minute), carries(`{"restoreFailures":{"best":2}}`))}, want: "Recovering; keep r0-a3; start r0-a4 from next"},
		"not running 15 min, tried again": {given: []fact{healthy, best, anAttempt(0, 2, restored("best", time.Hour), on("vm-0", 15*time.Minute))}, want: "Recovering; keep r0-a2; start r0-a3 from best"},
		"not running yet, looks again":    {given: []fact{healthy, best, anAttempt(0, 2, restored("best", time.Hour), on("vm-0", 14*time.Minute)), status(0, 2, v1alpha1.ReplicaStarting, 0)}, want: "Recovering; keep r0-a2; resync 1m0s"},
		"one failure each of two replicas excludes": {
			given: []fact{
				replicas(2), ready("vm-0"), ready("vm-1"), best, next, failing("best"),
				anAttempt(1, 2, restored("best", time.Hour), failedOn("vm-1", 90*time.Second, time.Minute)),
			},
			want: "Recovering; keep r0-a2 r1-a2; start r0-a3 from next; start r1-a3 from next",
		},
		"another GPU": {
			given: []fact{healthy, aCheckpoint("h100", 0, 1, 2*time.Hour, time.Hour, done(110*time.Minute), ofGPU("nvidia-h100-80gb/1")), next},
			want:  "Pending; start r0-a2 from next",
		},
		"what an attempt started from, its backup deleted": {
			given: []fact{one(v1alpha1.InstanceGone, time.Minute), anAttempt(0, 2, restored("gone", time.Hour), trains("vm-0", time.Hour))},
			want:  "Recovering; keep r0-a2; start r0-a3 from gone",
		},
		"what an attempt started from, on another GPU": {
			given: []fact{one(v1alpha1.InstanceGone, time.Minute), otherGPU, anAttempt(0, 2, restored("gone", time.Hour), trains("vm-0", time.Hour))},
			want:  "Recovering; keep r0-a2; start r0-a3",
		},
		"completed without images": {
			given: []fact{healthy, aCheckpoint("empty", 0, 1, 2*time.Hour, time.Hour, inPhase("Completed")), next},
			want:  "Pending; start r0-a2 from next",
		},
		"abandoned, then completed": {
			given: []fact{healthy, next, aCheckpoint("late", 0, 1, 2*time.Hour, 40*time.Minute, done(time.Minute))},
			want:  "Pending; start r0-a2 from late",
		},
	})
}

func otherGPU(w *world) { w.pool.Spec.GPU.Type = "nvidia-h100-80gb" }

func notReady(_ *batchv1.Job, pod *corev1.Pod) { pod.Status.Conditions = pod.Status.Conditions[:1] }

func TestScaling(t *testing.T) {
	three := and(replicas(3), ready("vm-0"), ready("vm-1"), ready("vm-2"))
	train := func(r int32, vm string) fact { return anAttempt(r, 1, trains(vm, 10*time.Minute)) }
	checkTales(t, map[string]tale{
		"up takes the lowest number": {
			given: []fact{three, train(0, "vm-0"), train(2, "vm-2")},
			want:  "Running; keep r0-a1 r2-a1; start r1-a1; resync 20m0s",
		},
		"down drops failed first": {
			given: []fact{three, replicas(2), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute)), anAttempt(1, 1), train(2, "vm-2")},
			want:  "Running; keep r1-a1 r2-a1; resync 35m0s",
		},
		"down drops pending before doomed": {
			given: []fact{replicas(2), stopping("vm-0", time.Second), ready("vm-2"), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(1, 1), train(2, "vm-2")},
			want:  "Recovering; keep r0-a1 r2-a1; checkpoint r2-a1 preemption; resync 9m59s",
		},
		"down drops doomed before training": {
			given: []fact{replicas(1), stopping("vm-0", time.Second), ready("vm-2"), anAttempt(0, 1, trains("vm-0", time.Hour)), train(2, "vm-2")},
			want:  "Running; keep r2-a1; resync 20m0s",
		},
		"down drops least progress": {
			given: []fact{three, replicas(1), train(0, "vm-0"), anAttempt(1, 1, trains("vm-1", 11*time.Minute)), train(2, "vm-2")},
			want:  "Running; keep r1-a1; resync 19m0s",
		},
		"down drops a doomed attempt and its successor together": {
			given: []fact{replicas(1), stopping("vm-0", time.Second), ready("vm-2"), anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(0, 2), train(2, "vm-2")},
			want:  "Running; keep r2-a1; resync 20m0s",
		},
		"away and back takes a new number": {
			given: []fact{replicas(2), ready("vm-0"), train(0, "vm-0"), aCheckpoint("b", 1, 3, time.Hour, time.Minute, done(50*time.Minute))},
			want:  "Running; keep r0-a1; start r1-a4 from b; resync 20m0s",
		},
	})
}

// TestAttemptNumbersAreNeverUsedTwice has a successor that was dropped because its predecessor recovered: only status
// remembers its number.
func TestAttemptNumbersAreNeverUsedTwice(t *testing.T) {
	w := given(one(v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, trains("vm-0", time.Minute)), anAttempt(0, 2))
	o, d := w.decide(t)
	assert.Equal(t, "Running; keep r0-a1; resync 29m0s", told(o, d))

	later := given(one(v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour)))
	later.job.Status = renderStatus(o, d)
	o, d = later.decide(t)
	assert.Equal(t, "Recovering; keep r0-a1; start r0-a3", told(o, d))
}

// TestAResumedReplicaIsTheOneThatWas after its job was scaled: number 0 was let go.
func TestAResumedReplicaIsTheOneThatWas(t *testing.T) {
	w := given(aVM("vm-0", v1alpha1.InstanceReady, time.Hour), replicas(3))
	w.job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{
		{Name: "r1", Replica: 1, Attempt: 4, Phase: v1alpha1.ReplicaPending},
		{Name: "r2", Replica: 2, Attempt: 1, Phase: v1alpha1.ReplicaPending},
	}
	o, d := w.decide(t)
	assert.Equal(t, "Pending; start r1-a5; start r2-a2; start r0-a1", told(o, d))
}

// TestNumbersOutliveAResume has no Job left but status. The next sync may still see none of the new ones.
func TestNumbersOutliveAResume(t *testing.T) {
	w := given(aVM("vm-0", v1alpha1.InstanceReady, time.Hour))
	w.job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{
		{Name: "r0", Replica: 0, Attempt: 1, Phase: v1alpha1.ReplicaPending},
		{Name: "r1", Replica: 1, Attempt: 2, Phase: v1alpha1.ReplicaPending, Failures: 1},
	}
	for range 3 {
		o, d := w.decide(t)
		assert.Equal(t, "Pending; start r0-a2; start r1-a3", strings.TrimSuffix(told(o, d), "; resync 30s"))
		w.job.Status = renderStatus(o, d)
		assert.EqualValues(t, 1, w.job.Status.JobStatuses[1].Failures)
	}
}
