package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// refusedNext is a lost replica whose next Job was first asked for a while ago and is not there; so many refusals were counted.
func refusedNext(asked time.Duration, counted int32, last time.Duration) world {
	w := given(replicas(1), aVM("vm-0", v1alpha1.InstanceGone, 5*time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour)))
	w.job.Status.Preemptions = 1
	w.job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{{
		Name: "train-392faf-r0-a1", Attempt: 1, Phase: v1alpha1.ReplicaLost, Reason: v1alpha1.WaitForJob, WaitingSince: new(stamp(ago(asked))),
	}}
	if counted > 0 {
		w.job.Status.JobStatuses[0].Refusals, w.job.Status.JobStatuses[0].RefusedAt = counted, new(stamp(ago(last)))
	}
	return w
}

// The next Job may be refused for the old one's sake: that goes after four refusals, and not before status has what it knows.
func TestOldJobThatFillsAQuotaGoes(t *testing.T) {
	const goesOn = "Recovering; keep r0-a1; start r0-a2"
	for name, c := range map[string]struct {
		world    world
		want     string
		refusals int32
		isKept   bool // what the old Job knows, in status
	}{
		"asked for moments ago":               {refusedNext(29*time.Second, 0, 0), goesOn + "; resync 1s", 0, false},
		"not there after 30 s":                {refusedNext(30*time.Second, 0, 0), goesOn + "; resync 30s", 1, false},
		"nobody was called for an hour":       {refusedNext(time.Hour, 0, 0), goesOn + "; resync 30s", 1, false},
		"one was counted less than 30 s ago":  {refusedNext(time.Minute, 1, 29*time.Second), goesOn + "; resync 1s", 1, false},
		"the fourth time status takes it all": {refusedNext(2*time.Minute, 3, 30*time.Second), goesOn, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := c.world.decide(t)
			require.Equal(t, c.want, told(o, d))
			status := renderStatus(o, d)
			assert.Equal(t, c.refusals, status.JobStatuses[0].Refusals)
			assert.Equal(t, c.isKept, status.Ledger != "")
		})
	}
}

// Nothing that the old Job carried is lost with it, or counted twice.
func TestWhatAJobThatIsGivenUpKnewStays(t *testing.T) {
	w := refusedNext(2*time.Minute, 3, 30*time.Second)
	sync := func(want string) decision {
		o, d := w.decide(t)
		require.Equal(t, want, told(o, d))
		w.job.Status = renderStatus(o, d)
		require.EqualValues(t, 1, w.job.Status.Preemptions)
		return d
	}
	sync("Recovering; keep r0-a1; start r0-a2")
	d := sync("Recovering; start r0-a2")
	assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), "if a quota of Jobs is full, raise it: Job train-392faf-r0-a1, which is over, is deleted after some refusals")
	sync("Recovering; start r0-a2") // the cache shows the old one still
	w.jobs, w.pods = nil, nil
	d = sync("Pending; start r0-a2") // and the next one is refused still
	carried := d.attempts[0].ledger
	assert.Equal(t, account{Through: 1, Losses: 1, LostSeconds: 3300, LastLost: 3300, LastLoss: ago(5 * time.Minute), TrainedSeconds: 3300, Rollbacks: 1}, carried.Replicas[0])
	assert.Zero(t, carried.Earlier)

	anAttempt(0, 2, carries(carried.String()))(&w)
	sync("Recovering; keep r0-a2")
	assert.Empty(t, w.job.Status.Ledger, "the next Job carries it")
	assert.EqualValues(t, 3300, *w.job.Status.LostSeconds)
	require.Len(t, w.job.Status.RecentLosses, 1)
}

// An attempt that trains, or may, makes room for nobody.
func TestJobOfAnAttemptThatIsNotOverStays(t *testing.T) {
	w := refusedNext(time.Hour, 4, time.Minute)
	w.pool.Status.ProvisionedInstances[0].State = v1alpha1.InstanceStopping
	w.job.Status.Ledger = `{"replicas":{"0":{"through":1,"losses":1}}}`
	o, d := w.decide(t)
	assert.Contains(t, told(o, d), "keep r0-a1")
}
