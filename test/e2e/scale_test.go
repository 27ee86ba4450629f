package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestJobIsScaledUpAndDown(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob()
	s.eventually("both replicas train", job.trains(2))
	veterans := []string{job.replica(0).Name, job.replica(1).Name}

	s.kubectl("scale", "sij/resnet", "--replicas=3")
	s.eventually("three replicas train", job.trains(3))

	s.kubectl("scale", "sij/resnet", "--replicas=1")
	s.eventually("one replica trains", job.trains(1))
	s.eventually("one VM is left", pool.ready(1))
	assert.Len(t, job.children(), 1)
	assert.Contains(t, veterans, job.children()[0].Name, "one with most progress stays")
	s.end()
}

func TestSuspendInMidRecoveryAndResume(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(checkpointEvery(5 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	lost := job.replica(0)
	s.preempt(lost.NodeName)
	s.eventually("the job recovers", job.is(v1alpha1.JobRecovering))

	s.patch(jobs, job.name, `{"spec": {"suspend": true}}`)
	s.eventually("the job is suspended", job.is(v1alpha1.JobSuspended))
	s.eventually("a condition tells how to go on", job.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended, "set spec.suspend to false"))
	s.eventually("no VM and no Job is left", func() error {
		if err := pool.ready(0)(); err != nil {
			return err
		}
		return s.matches(0)()
	})
	best := job.status().LastCheckpointImage

	s.patch(jobs, job.name, `{"spec": {"suspend": false}}`)
	s.eventually("both replicas train again", job.trains(2))
	for _, again := range []int32{0, 1} {
		assert.Equal(t, best, job.replica(again).RestoredFrom)
		assert.Greater(t, job.replica(again).Attempt, int32(1), "no name is used twice")
	}
	assert.EqualValues(t, 1, job.status().Preemptions)
	s.end()
}

func TestFixedPoolKeepsItsSize(t *testing.T) {
	s := begin(t)
	pool := s.newPool(fixedAt(2))
	s.eventually("two VMs are Ready", pool.ready(2))

	lost := s.vms()[0].Name
	s.preempt(lost)
	s.eventually("it is replaced", func() error {
		for _, vm := range s.vms() {
			if vm.Name == lost {
				return fmt.Errorf("VM %s is still %s", lost, vm.Status)
			}
		}
		return pool.ready(2)()
	})
	assert.EqualValues(t, 1, pool.status().Preemptions)

	s.kubectl("scale", "sivm/l4-pool", "--replicas=3")
	s.eventually("three VMs are Ready", pool.ready(3))
	s.kubectl("scale", "sivm/l4-pool", "--replicas=0")
	s.eventually("no VM is left", s.matches(0))
	s.end()
}

func TestTwoJobsShareAPool(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	short := s.newJob(named("short"), withReplicas(1), training(12*time.Second))
	long := s.newJob(named("long"), withReplicas(2))
	s.eventually("one trains", long.trains(2))
	s.eventually("three VMs are wanted", func() error {
		if len(s.requested()) != 3 {
			return fmt.Errorf("%d VMs were asked for", len(s.requested()))
		}
		return nil
	})

	s.eventually("the short one succeeds", short.is(v1alpha1.JobSucceeded))
	s.eventually("its VM goes", pool.ready(2))
	s.eventually("the long one trains on", long.trains(2))
	assert.EqualValues(t, 1, long.replica(0).Attempt)
	assert.EqualValues(t, 1, long.replica(1).Attempt)
	s.end()
}
