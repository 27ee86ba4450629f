package spotinstancejob

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func auto(w *world) {
	w.job.Spec.CheckpointConfig.CheckpointInterval = v1alpha1.CheckpointInterval{Auto: true}
}

// chosen is the interval that status shows.
func chosen(d time.Duration) fact {
	return func(w *world) {
		w.job.Status.AutoInterval = &v1alpha1.AutoInterval{Interval: metav1.Duration{Duration: d}}
	}
}

// showing is a cost that status remembers.
func showing(cost time.Duration) fact {
	return func(w *world) {
		w.job.Status.AutoInterval = &v1alpha1.AutoInterval{Interval: metav1.Duration{Duration: 5 * time.Minute}, CheckpointCost: &metav1.Duration{Duration: cost}}
	}
}

func writtenAgo(since time.Duration) checkpointPart {
	return func(b *checkpointBackup) {
		at := stamp(ago(since))
		b.Metadata.ManagedFields = []metav1.ManagedFieldsEntry{{Subresource: "status", Time: &at}}
	}
}

// frozenAgo is a container that was frozen into a file so long ago, as the agent says.
func frozenAgo(since time.Duration) checkpointPart {
	return func(b *checkpointBackup) {
		b.Status.CheckpointFiles = append(b.Status.CheckpointFiles, checkpointFile{stamp(ago(since))})
	}
}

// built is a checkpoint whose images were built so long ago and pushed for a minute.
func built(since time.Duration) checkpointPart {
	return func(b *checkpointBackup) {
		done(since)(b)
		writtenAgo(since - time.Minute)(b)
	}
}

func created(since time.Duration) part {
	return func(job *batchv1.Job, _ *corev1.Pod) { job.CreationTimestamp = stamp(ago(since)) }
}

func TestAutoInterval(t *testing.T) {
	fresh := and(replicas(1), ready("vm-0"), auto, anAttempt(0, 1, trains("vm-0", 3*time.Hour)))
	costs := func(d time.Duration) fact {
		return aCheckpoint("a", 0, 1, 3*time.Hour, 0, built(3*time.Hour-d))
	}
	lost := func(rollbacks int, trained time.Duration) part {
		return carries(fmt.Sprintf(`{"replicas":{"0":{"through":9,"rollbacks":%d,"trainedSeconds":%d}}}`, rollbacks, int(trained.Seconds())))
	}
	after := func(rollbacks int, trained, cost time.Duration) fact {
		return and(replicas(1), ready("vm-0"), auto, anAttempt(0, 10, created(2*time.Minute), trains("vm-0", time.Minute), lost(rollbacks, trained)),
			aCheckpoint("a", 0, 9, 2*time.Hour, time.Hour, built(2*time.Hour-cost)))
	}
	for name, c := range map[string]struct {
		given []fact
		want  string
	}{
		"nothing is measured yet":                {[]fact{fresh}, "every 5m0s: cost 0s, back every 6h0m0s"},
		"a checkpoint costs a minute":            {[]fact{fresh, costs(time.Minute)}, "every 30m0s: cost 1m0s, back every 6h0m0s"},
		"one that costs more is made less often": {[]fact{fresh, costs(3 * time.Minute)}, "every 53m20s: cost 3m0s, back every 6h0m0s"},
		"often back to one":                      {[]fact{after(11, 6*time.Hour, time.Minute)}, "every 12m10s: cost 1m0s, back every 1h0m0s"},
		"rarely back to one":                     {[]fact{after(1, 90*time.Hour, time.Minute)}, "every 1h16m50s: cost 1m0s, back every 48h0m0s"},
		"not below the time of a checkpoint":     {[]fact{after(5000, time.Minute, 10*time.Second)}, "every 1m10s: cost 10s, back every 4s"},
		"not above three hours":                  {[]fact{after(0, 20000*time.Hour, time.Minute)}, "every 3h0m0s: cost 1m0s, back every 20006h0m0s"},
		"a small difference changes nothing":     {[]fact{fresh, costs(time.Minute), chosen(36 * time.Minute)}, "every 36m0s: cost 1m0s, back every 6h0m0s"},
		"nor does one that is too short":         {[]fact{after(5000, time.Minute, 10*time.Second), chosen(time.Minute)}, "every 1m10s: cost 10s, back every 4s"},
		"a large difference does":                {[]fact{fresh, costs(time.Minute), chosen(39 * time.Minute)}, "every 30m0s: cost 1m0s, back every 6h0m0s"},
		"what runs counts up to its last checkpoint": {
			[]fact{fresh, aCheckpoint("a", 0, 1, time.Hour, 2*time.Hour, built(59*time.Minute))}, "every 33m50s: cost 1m0s, back every 8h0m0s",
		},
		"failed checkpoints cost nothing": {[]fact{fresh, aCheckpoint("f", 0, 1, time.Hour, time.Hour, inPhase("Failed"))}, "every 5m0s: cost 0s, back every 8h0m0s"},
		"the freeze shows while images are built": {
			[]fact{fresh, costs(3 * time.Minute), aCheckpoint("b", 0, 1, 3*time.Minute, 0, inPhase("ImageBuilding"), writtenAgo(2*time.Minute))},
			"every 35m30s: cost 1m0s, back every 8h57m0s",
		},
		"the freeze is told with the files": {
			[]fact{fresh, aCheckpoint("a", 0, 1, 3*time.Hour, 0, built(3*time.Hour-5*time.Minute), frozenAgo(3*time.Hour-time.Minute))},
			"every 30m0s: cost 1m0s, back every 6h0m0s",
		},
		"of two containers the later one": {
			[]fact{fresh, aCheckpoint("a", 0, 1, 3*time.Hour, 0, built(3*time.Hour-5*time.Minute), frozenAgo(3*time.Hour-time.Minute), frozenAgo(3*time.Hour-10*time.Second))},
			"every 30m0s: cost 1m0s, back every 6h0m0s",
		},
		"while it is pushed": {
			[]fact{fresh, aCheckpoint("a", 0, 1, 3*time.Minute, 0, inPhase("ImagePushing"), frozenAgo(2*time.Minute))},
			"every 35m30s: cost 1m0s, back every 8h57m0s",
		},
		"an agent whose clock is behind says nothing": {
			[]fact{fresh, aCheckpoint("a", 0, 1, 3*time.Hour, 0, built(3*time.Hour-time.Minute), frozenAgo(4*time.Hour))},
			"every 30m0s: cost 1m0s, back every 6h0m0s",
		},
		"the freeze is remembered":                {[]fact{fresh, costs(3 * time.Minute), showing(time.Minute)}, "every 30m0s: cost 1m0s, back every 6h0m0s"},
		"not if it was longer than what is known": {[]fact{fresh, costs(time.Minute), showing(3 * time.Minute)}, "every 30m0s: cost 1m0s, back every 6h0m0s"},
		"a fixed interval stays":                  {[]fact{fresh, costs(time.Minute), interval(time.Hour)}, "every 1h0m0s: cost 0s, back every 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			_, d := given(c.given...).decide(t)
			assert.Equal(t, c.want, fmt.Sprintf("every %s: cost %s, back every %s", d.rhythm.interval, d.rhythm.cost, d.rhythm.betweenRollbacks))
		})
	}
}

// TestAutoIntervalInStatus: status shows the interval and what it follows from, and forgets it with the spec.
func TestAutoIntervalInStatus(t *testing.T) {
	facts := []fact{replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", 3*time.Hour)), aCheckpoint("a", 0, 1, 3*time.Hour, 0, built(179*time.Minute))}
	o, d := given(append(facts, auto)...).decide(t)
	shown := renderStatus(o, d).AutoInterval
	require.NotNil(t, shown)
	assert.Equal(t, d.rhythm.interval, shown.Interval.Duration)
	assert.Equal(t, time.Minute, shown.CheckpointCost.Duration)
	assert.Equal(t, 6*time.Hour, shown.TimeBetweenRollbacks.Duration)
	assert.Equal(t, time.Hour, shown.RecoveryTime.Duration, "from the Job's creation to its training")

	o, d = given(append(facts, chosen(time.Hour))...).decide(t)
	assert.Nil(t, renderStatus(o, d).AutoInterval)
}

// TestTrainedTimeIsAccounted: what a lost attempt trained, without what it inherited, is what the rate of losses comes from.
func TestTrainedTimeIsAccounted(t *testing.T) {
	_, d := given(auto, one(v1alpha1.InstanceGone, time.Minute),
		anAttempt(0, 2, restored("best", time.Hour), trains("vm-0", 31*time.Minute), carries(`{"replicas":{"0":{"through":1,"losses":1,"rollbacks":1,"trainedSeconds":60}}}`)),
		noRescue).decide(t)
	require.Len(t, d.attempts, 1)
	account := d.attempts[0].ledger.Replicas[0]
	assert.Equal(t, int64(31*60), account.TrainedSeconds)
	assert.Equal(t, int32(2), account.Rollbacks)
}

// TestSavedLossIsNoRollback: a checkpoint at the preemption answered it.
func TestSavedLossIsNoRollback(t *testing.T) {
	saved := aCheckpoint("s", 1, 1, 50*time.Second, time.Hour, done(10*time.Second), func(b *checkpointBackup) { b.Metadata.Annotations[annotationReason] = string(reasonPreemption) })
	_, d := given(ready("vm-1"), aVM("vm-0", v1alpha1.InstanceGone, time.Minute),
		anAttempt(0, 1, trains("vm-0", time.Hour)), anAttempt(1, 1, trains("vm-1", time.Hour)), saved).decide(t)
	require.Len(t, d.attempts, 1)
	assert.Zero(t, d.attempts[0].ledger.Replicas[0].Rollbacks)
	assert.Equal(t, int32(1), d.attempts[0].ledger.Replicas[0].Losses)
}

// TestNameOfAScheduledCheckpointStays: a sync that does not see yet what the last one created must not create another one,
// because the interval, or the number of replicas, is another by then.
func TestNameOfAScheduledCheckpointStays(t *testing.T) {
	facts := []fact{peers(2 * time.Hour), aCheckpoint("a", 0, 1, time.Hour, time.Hour, inPhase("Failed"))}
	names := map[string]bool{}
	for _, change := range []fact{interval(10 * time.Minute), interval(20 * time.Minute), auto, replicas(3)} {
		_, d := given(append(facts, change)...).decide(t)
		require.NotEmpty(t, d.backups)
		require.Equal(t, int32(0), d.backups[0].of.replica)
		names[d.backups[0].name] = true
	}
	assert.Len(t, names, 1)
}

// TestCheckpointsTooOften: a checkpoint takes as long as from when it was asked for until its images were pushed.
func TestCheckpointsTooOften(t *testing.T) {
	every := func(interval time.Duration) fact {
		return func(w *world) { w.job.Spec.CheckpointConfig.CheckpointInterval.Duration = interval }
	}
	warned := func(w *world) {
		w.job.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCheckpointsTooOften, Status: metav1.ConditionTrue}}
	}
	took := func(d time.Duration) fact {
		return aCheckpoint("c", 0, 1, time.Minute, time.Hour, done(time.Minute-d))
	}
	const none = "no condition CheckpointsTooOften"
	const says = "spec.checkpointConfig.checkpointInterval is 1s, and a checkpoint takes 6s: each replica is checkpointed without a pause, which holds the training up: set it to auto, or to 1m0s or more"
	for name, c := range map[string]struct {
		given []fact
		want  string
	}{
		"back to back":              {[]fact{every(time.Second), took(6 * time.Second)}, says},
		"no checkpoint yet":         {[]fact{every(time.Second)}, none},
		"one that is under way":     {[]fact{every(time.Second), aCheckpoint("c", 0, 1, time.Minute, time.Hour)}, none},
		"as long as the interval":   {[]fact{every(6 * time.Second), took(6 * time.Second)}, none},
		"clearly less, once warned": {[]fact{every(8 * time.Second), took(6 * time.Second), warned}, none},
		"a little less, once warned": {
			[]fact{every(7 * time.Second), took(6 * time.Second), warned}, strings.Replace(says, "is 1s", "is 7s", 1),
		},
		"chosen by the operator":  {[]fact{auto, took(6 * time.Minute)}, none},
		"of a job that succeeded": {[]fact{every(time.Second), took(6 * time.Second), over(v1alpha1.JobSucceeded, time.Minute)}, none},
	} {
		t.Run(name, func(t *testing.T) {
			_, d := given(append([]fact{ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour))}, c.given...)...).decide(t)
			assert.Equal(t, c.want, messageOf(d, v1alpha1.ConditionCheckpointsTooOften))
		})
	}
}
