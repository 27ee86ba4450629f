package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

func TestTrainingThatFailsIsRetriedAfterABackOffUpToItsLimit(t *testing.T) {
	s := begin(t)
	s.takes(150 * time.Second)
	pool := s.newPool()
	job := s.newJob(withReplicas(1), withTemplate(`{"backoffLimit": 1}`, map[string]string{cluster.AnnotationFailAfter: "2"}))

	s.eventually("the job has failed", job.is(v1alpha1.JobFailed))
	s.eventually("a condition tells why", job.says(v1alpha1.ConditionFailed, metav1.ConditionTrue, v1alpha1.ReasonBackoffLimitExceeded,
		"backoffLimit", "exited with code 1"))
	failed := job.replica(0)
	assert.EqualValues(t, 2, failed.Failures)
	assert.EqualValues(t, 2, failed.Attempt)
	assert.Zero(t, job.status().Preemptions)
	s.eventually("the pool scales to zero and the last attempt is left to look at", func() error {
		if err := pool.ready(0)(); err != nil {
			return err
		}
		return s.matches(0, failed.Name)()
	})
	s.stays("the job stays failed", 2*time.Second, job.is(v1alpha1.JobFailed))
	s.end()
}

func TestExitZeroAfterSIGTERMOnADyingVMIsNoSuccess(t *testing.T) {
	s := begin(t)
	// The successor waits for a checkpoint that takes longer than the end of a pod needs to be believed. So the attempt that
	// exited 0 is judged before it is replaced.
	s.checkpointsTake(28 * time.Second)
	s.newPool()
	job := s.newJob(program(map[string]string{cluster.AnnotationSIGTERM: "exit0"}))
	s.eventually("both replicas train", job.trains(2))
	lost := job.replica(0)

	s.preempt(lost.NodeName)
	s.eventually("the replica trains again", job.restarted(lost))

	for _, c := range recorded.past(jobs, s.namespace) {
		assert.NotEqual(t, v1alpha1.JobSucceeded, typed[v1alpha1.SpotInstanceJob](c.object).Status.Phase)
	}
	assert.EqualValues(t, 1, job.status().Preemptions)
	s.end()
}

func TestCrashedVMIsReplacedWithoutANotice(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(5 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	lost := job.replica(1)

	assert.NoError(t, lab.GCE().Crash(lost.NodeName))
	s.eventually("the replica trains again", job.restarted(lost))

	assert.NotEmpty(t, job.replica(1).RestoredFrom)
	s.eventually("both replicas train", job.trains(2))
	assert.EqualValues(t, 1, job.status().Preemptions)
	s.end()
}
