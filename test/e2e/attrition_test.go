package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Five losses in a row that come before two minutes of training make the sixth attempt wait, and a condition tells. Two
// minutes of training in between, and the count starts again.
func TestSameReplicaPreemptedTenTimes(t *testing.T) {
	s := begin(t)
	s.takes(8 * time.Minute)
	s.newPool()
	job := s.newJob(checkpointEvery(10 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	survivor := job.replica(1)

	loseAndRestore := func(n int) {
		lost := job.replica(0)
		s.preempt(lost.NodeName)
		s.eventually(fmt.Sprintf("the replica trains again after loss %d", n), job.restarted(lost))
		assert.NotEmpty(t, job.replica(0).RestoredFrom)
	}
	for n := 1; n <= 4; n++ {
		loseAndRestore(n)
	}
	attempt := job.replica(0).Name
	s.eventually("it trains for two minutes", func() error {
		if trained := time.Since(s.made(childJobs, attempt).seen); trained < 130*time.Second {
			return fmt.Errorf("%s", trained)
		}
		return nil
	})
	for n := 5; n <= 9; n++ {
		loseAndRestore(n)
	}
	lost := job.replica(0)
	s.preempt(lost.NodeName)
	s.eventually("a condition tells of the losses", job.says(v1alpha1.ConditionLosingVMs, metav1.ConditionTrue, v1alpha1.ReasonQuickLosses, "replica 0", "spec.gcp.zones"))
	s.eventually("the replica trains again after loss 10", job.restarted(lost))

	assert.EqualValues(t, 10, job.status().Preemptions)
	assert.Equal(t, survivor.Name, job.replica(1).Name, "the survivor trained on throughout")
	assert.EqualValues(t, 11, job.replica(0).Attempt)
	s.end()
}
