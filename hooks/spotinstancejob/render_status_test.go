package spotinstancejob

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// settled is the status after n syncs on one world.
func settled(t *testing.T, w world, n int) v1alpha1.SpotInstanceJobStatus {
	t.Helper()
	for range n {
		o, d := w.decide(t)
		w.job.Status = renderStatus(o, d)
	}
	return w.job.Status
}

func TestCheckpointsAreCountedOnce(t *testing.T) {
	first := aCheckpoint("a", 0, 1, 30*time.Minute, 20*time.Minute, done(25*time.Minute))
	second := aCheckpoint("b", 1, 1, 31*time.Minute, 21*time.Minute, done(25*time.Minute))
	other := aCheckpoint("c", 0, 9, 32*time.Minute, 22*time.Minute, done(25*time.Minute))
	scaledAway := aCheckpoint("z", 7, 1, 31*time.Minute, 21*time.Minute, done(time.Minute))
	for name, c := range map[string]struct {
		facts fact
		want  int32
	}{
		"one":                              {first, 1},
		"two in one second":                {and(first, second), 2},
		"two of one replica in one second": {and(first, other), 2},
		"of a replica that is gone":        {and(first, scaledAway), 2},
		"without images":                   {aCheckpoint("e", 0, 1, time.Hour, time.Minute, inPhase("Completed")), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(peers(50*time.Minute), c.facts)
			assert.Equal(t, c.want, settled(t, w, 1).Checkpoints)
			assert.Equal(t, c.want, settled(t, w, 4).Checkpoints)
		})
	}
	t.Run("the second of one second is seen later", func(t *testing.T) {
		w := given(peers(50*time.Minute), first)
		w.job.Status = settled(t, w, 2)
		second(&w)
		assert.EqualValues(t, 2, settled(t, w, 3).Checkpoints)
	})
	t.Run("after the job is over", func(t *testing.T) {
		w := given(ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute)), scaledAway)
		assert.EqualValues(t, 1, settled(t, w, 4).Checkpoints)
	})
}

func TestStatusTellsOneStory(t *testing.T) {
	w := given(peers(50*time.Minute), aCheckpoint("a", 0, 1, 30*time.Minute, 20*time.Minute, done(25*time.Minute)))
	status := settled(t, w, 1)
	assert.Equal(t, v1alpha1.JobRunning, status.Phase)
	assert.EqualValues(t, 2, status.ActiveReplicas)
	assert.True(t, status.LastCheckpointTime.Time.Equal(ago(25*time.Minute)))
	assert.Equal(t, imageOf("a"), status.LastCheckpointImage)
	assert.True(t, status.StartTime.Time.Equal(ago(50*time.Minute)))
	assert.Nil(t, status.CompletionTime)
	assert.Equal(t, status, settled(t, w, 5), "nothing happened")
}

// TestASuspendedJobHasNotStarted: or the time that it is suspended would count towards activeDeadlineSeconds.
func TestASuspendedJobHasNotStarted(t *testing.T) {
	running := given(peers(50 * time.Minute))
	running.job.Status = settled(t, running, 1)
	assert.NotNil(t, running.job.Status.StartTime)

	suspended := given()
	suspended.job.Status, suspended.job.Spec.Suspend = running.job.Status, true
	suspended.job.Status = settled(t, suspended, 1)
	assert.Equal(t, v1alpha1.JobSuspended, suspended.job.Status.Phase)
	assert.Nil(t, suspended.job.Status.StartTime)

	resumed := given(peers(5 * time.Minute))
	resumed.job.Status = suspended.job.Status
	assert.True(t, settled(t, resumed, 1).StartTime.Time.Equal(ago(5*time.Minute)))
}

// TestLongMessagesFit: a condition's message holds 32 KiB, or the API server refuses the whole status.
func TestLongMessagesFit(t *testing.T) {
	long := func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].State.Terminated.Message = strings.Repeat("é", 2048)
	}
	facts := []fact{replicas(64)}
	for r := range int32(64) {
		facts = append(facts, anAttempt(r, 1, failedOn("own", time.Hour, 25*time.Second), long))
	}
	for _, c := range settled(t, given(facts...), 1).Conditions {
		assert.LessOrEqual(t, len(c.Message), 32768, c.Type)
		assert.Equal(t, strings.ToValidUTF8(c.Message, ""), c.Message)
	}
}

// TestAContainerThatCouldNotStartStartsNothing: the kubelet says that it started in 1970.
func TestAContainerThatCouldNotStartStartsNothing(t *testing.T) {
	w := given(one(v1alpha1.InstanceReady, time.Hour), templateWith(`"activeDeadlineSeconds":3600,`), anAttempt(0, 1, startError(time.Minute)))
	status := settled(t, w, 2)
	assert.Nil(t, status.StartTime)
	assert.Equal(t, v1alpha1.JobRecovering, status.Phase)
}
