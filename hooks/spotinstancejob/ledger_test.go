package spotinstancejob

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestLedgersMergeWithoutDoubleCounting(t *testing.T) {
	a := parseLedger(`{"replicas":{"0":{"through":2,"losses":2},"1":{"through":1,"losses":1}},"earlier":{"losses":5},"restoreFailures":{"x":1}}`)
	b := parseLedger(`{"replicas":{"0":{"through":3,"losses":3,"lostSeconds":9},"2":{"through":1,"losses":1}},"earlier":{"losses":4},"restoreFailures":{"x":2,"y":1}}`)
	want := parseLedger(`{"replicas":{"0":{"through":3,"losses":3,"lostSeconds":9},"1":{"through":1,"losses":1},"2":{"through":1,"losses":1}},"earlier":{"losses":5},"restoreFailures":{"x":2,"y":1}}`)
	assert.Equal(t, want, a.merge(b))
	assert.Equal(t, want, b.merge(a))
	assert.Equal(t, want, want.merge(want))
	assert.Equal(t, totals{Losses: 10, LostSeconds: 9}, want.sum())
}

// TestLedgersOfUsers: somebody's edit neither stops the job nor makes it count down or for ever.
func TestLedgersOfUsers(t *testing.T) {
	for name, text := range map[string]string{
		"garbage":            `{"replicas":`,
		"not an object":      `7`,
		"null":               `null`,
		"null account":       `{"replicas":{"0":null}}`,
		"replica no number":  `{"replicas":{"x":{"through":1}}}`,
		"negative replica":   `{"replicas":{"-1":{"through":1}}}`,
		"negative count":     `{"replicas":{"0":{"through":1,"losses":-5}}}`,
		"negative attempt":   `{"replicas":{"0":{"through":-1}}}`,
		"too large to add":   fmt.Sprintf(`{"replicas":{"0":{"through":%d,"failures":%d}}}`, math.MaxInt32, math.MaxInt32),
		"too large to read":  `{"replicas":{"0":{"through":99999999999}}}`,
		"negative restores":  `{"restoreFailures":{"x":-9}}`,
		"negative earlier":   `{"earlier":{"losses":-9,"lostSeconds":-9}}`,
		"too large seconds":  fmt.Sprintf(`{"earlier":{"lostSeconds":%d}}`, math.MaxInt64),
		"too large restores": fmt.Sprintf(`{"restoreFailures":{"x":%d}}`, math.MaxInt32),
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(one(v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour), carries(text))).decide(t)
			require.Equal(t, "Recovering; keep r0-a1; start r0-a2", told(o, d))
			assert.Equal(t, totals{Losses: 1, LostSeconds: 59 * 60}, d.ledger.sum())
		})
	}
}

// TestNumbersOfUsers: labels and status that somebody edited do not overflow an attempt's number.
func TestNumbersOfUsers(t *testing.T) {
	w := given(replicas(1), status(0, math.MaxInt32, v1alpha1.ReplicaRunning, math.MaxInt32))
	_, d := w.decide(t)
	require.Len(t, d.attempts, 1)
	assert.Positive(t, d.attempts[0].attempt)

	for name, label := range map[string]string{"missing": "", "negative": "-1", "too large": "2147483647", "not a number": "x", "zero": "0"} {
		w := given(anAttempt(0, 1))
		w.jobs[0].Labels[v1alpha1.LabelAttempt] = label
		_, err := observe(w.request(t), noon)
		assert.ErrorContains(t, err, "lacks the labels of an attempt", name)
	}
	w = given(anAttempt(0, 1))
	delete(w.jobs[0].Labels, v1alpha1.LabelReplica)
	_, err := observe(w.request(t), noon)
	assert.ErrorContains(t, err, "lacks the labels of an attempt")
}

// TestLedgersFitIntoAnnotations: 64 replicas, each with large counts.
func TestLedgersFitIntoAnnotations(t *testing.T) {
	l := ledger{}.merge(ledger{})
	for r := range int32(64) {
		l.Replicas[r] = account{Through: 99999, Losses: 99999, Failures: 99999, LostSeconds: 1 << 40, LastLost: 1 << 40, LastLoss: noon, TrainedSeconds: 1 << 40, Rollbacks: 99999, QuickLosses: 99999}
		l.RestoreFailures[strings.Repeat("x", 58)+fmt.Sprint(r)] = 2
	}
	assert.Less(t, len(l.String()), 32<<10)
}

// counted is what status says after each of the syncs on these worlds, each of which sees the status of the one before.
func counted(t *testing.T, worlds ...world) (preemptions []int32, lostSeconds []int64) {
	t.Helper()
	var last v1alpha1.SpotInstanceJobStatus
	for _, w := range worlds {
		w.job.Status = last
		o, d := w.decide(t)
		last = renderStatus(o, d)
		preemptions = append(preemptions, last.Preemptions)
		lostSeconds = append(lostSeconds, *last.LostSeconds)
	}
	return preemptions, lostSeconds
}

const r0a2Ledger = `{"replicas":{"0":{"through":1,"losses":1,"quickLosses":0,"lostSeconds":3540,"lastLost":3540,"lastLoss":"2026-03-01T11:59:00Z"}}}`

func TestLossesAreCountedOnce(t *testing.T) {
	lostVM := one(v1alpha1.InstanceGone, time.Minute)
	a1 := anAttempt(0, 1, trains("vm-0", time.Hour))
	seen, next := given(lostVM, a1), given(lostVM, a1, anAttempt(0, 2, carries(r0a2Ledger)))
	later := given(replicas(1), ready("vm-1"), anAttempt(0, 2, trains("vm-1", time.Minute), carries(r0a2Ledger)))

	preemptions, lostSeconds := counted(t, seen, seen, next, later, later)
	assert.Equal(t, []int32{1, 1, 1, 1, 1}, preemptions)
	assert.Equal(t, []int64{0, 0, 3540, 3540, 3540}, lostSeconds, "told when the successor has written it down")
}

// A doomed pod trains on after its last checkpoint, for nothing.
func TestTrainingAfterTheNoticeIsLostToo(t *testing.T) {
	saved := aCheckpoint("saved", 0, 1, 98*time.Second, 25*time.Minute-98*time.Second, done(time.Second))
	_, d := given(replicas(1), ready("vm-0"), saved, anAttempt(0, 1, trains("vm-0", 25*time.Minute), isNoticed(100*time.Second))).decide(t)
	require.Len(t, d.attempts, 1)
	assert.EqualValues(t, 97, d.attempts[0].ledger.Replicas[0].LastLost, "until the checkpoint completed, a second ago")
}

// TestCountsSurviveWhatForgets: status set back, Jobs scaled away, and losses after that.
func TestCountsSurviveWhatForgets(t *testing.T) {
	t.Run("status wiped", func(t *testing.T) {
		o, d := given(replicas(1), ready("vm-1"), anAttempt(0, 2, trains("vm-1", time.Minute), carries(r0a2Ledger))).decide(t)
		status := renderStatus(o, d)
		assert.EqualValues(t, 1, status.Preemptions)
		assert.EqualValues(t, 3540, *status.LostSeconds)
		require.Len(t, status.RecentLosses, 1)
		assert.EqualValues(t, 3540, *status.RecentLosses[0].LostSeconds)
	})
	t.Run("a loss after a replica with losses was scaled away", func(t *testing.T) {
		w := given(one(v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour)))
		w.job.Status.Preemptions, w.job.Status.LostSeconds = 3, new(int64(100))
		o, d := w.decide(t)
		require.Equal(t, "Recovering; keep r0-a1; start r0-a2", told(o, d))
		assert.EqualValues(t, 4, renderStatus(o, d).Preemptions)
		assert.Equal(t, totals{Losses: 4, LostSeconds: 3640}, d.attempts[0].ledger.sum())
		assert.EqualValues(t, 3540, d.attempts[0].ledger.Replicas[0].LastLost, "of the newest loss only")

		w.job.Status = renderStatus(o, d) // the successor is not observed yet
		again, d2 := w.decide(t)
		assert.EqualValues(t, 4, renderStatus(again, d2).Preemptions)
		assert.Equal(t, d.attempts[0].ledger, d2.attempts[0].ledger, "the same name has the same body")
	})
	t.Run("a loss that is scaled away, while its Job is still seen", func(t *testing.T) {
		w := given(replicas(1), ready("vm-0"), gone("vm-1", time.Minute), peersOn("vm-0", "vm-1"))
		preemptions, _ := counted(t, w, w, w)
		assert.Equal(t, []int32{0, 0, 0}, preemptions)
	})
	t.Run("a loss that is suspended away, while its Job is still seen", func(t *testing.T) {
		w := given(suspended, replicas(1), gone("vm-0", time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour)))
		preemptions, _ := counted(t, w, w, w)
		assert.Equal(t, []int32{1, 1, 1}, preemptions)
	})
	t.Run("a failure after the annotation was removed", func(t *testing.T) {
		_, d := given(one(v1alpha1.InstanceReady, time.Hour), status(0, 5, v1alpha1.ReplicaRunning, 4),
			anAttempt(0, 5, failedOn("vm-0", time.Hour, time.Second*25), carries(""))).decide(t)
		assert.EqualValues(t, 5, d.replicas[0].failures)
	})
}
