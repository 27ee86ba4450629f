package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestFirstReplicaToSucceedEndsTheJobAndThePoolScalesToZero(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(training(8 * time.Second))

	s.eventually("both replicas train", job.trains(2))
	assert.NotEqual(t, job.replica(0).NodeName, job.replica(1).NodeName, "one replica per VM")
	s.eventually("the job succeeds", job.is(v1alpha1.JobSucceeded))
	s.eventually("a condition tells which attempt", job.says(v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonTrainingCompleted, "resnet-"))
	s.eventually("the pool scales to zero", pool.ready(0))
	s.eventually("only the attempt that succeeded is left", func() error {
		return s.matches(0, job.children()[0].Name)()
	})
	assert.NotNil(t, job.status().CompletionTime)
	s.end()
}
