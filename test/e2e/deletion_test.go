package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestDeletionLeavesNothingBehind(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(4 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.end()
}

func TestDeletionWhileAnInsertIsInFlightLeavesNothingBehind(t *testing.T) {
	s := begin(t)
	s.newPool()
	s.newJob()
	s.eventually("a VM is being created", func() error {
		if vms := s.vms(); len(vms) == 0 || vms[0].Status != "PROVISIONING" {
			return fmt.Errorf("VMs: %v", vms)
		}
		return nil
	})
	s.end()
	assert.LessOrEqual(t, len(s.requested()), 2, "VMs were asked for after the deletion")
}

func TestDeletedPoolTakesItsVMsFromARunningJob(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(withReplicas(1), checkpointEvery(3*time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))

	s.remove(pools, pool.name)
	s.eventually("the pool is gone with its VMs", func() error {
		if pool.object() != nil || len(s.vms()) > 0 || len(s.nodes()) > 0 {
			return fmt.Errorf("%s", pool.describe())
		}
		return nil
	})
	s.eventually("the job says so", job.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPoolNotFound, "apply it"))

	// The pool that is created under the same name is another one: its VMs have other names.
	before := s.requested()[0].VM.Name
	s.newPool()
	s.eventually("the replica trains again", job.restarted(v1alpha1.JobReplicaStatus{Attempt: 1}))
	assert.NotEmpty(t, job.replica(0).RestoredFrom)
	assert.NotEqual(t, before, job.replica(0).NodeName)
	s.end()
}

func TestSameNameDeletedAndCreatedAgainStartsAfresh(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(withReplicas(1), checkpointEvery(3*time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	before := job.replica(0).Name

	s.remove(jobs, job.name)
	s.eventually("the object is gone", func() error {
		if job.object() != nil {
			return fmt.Errorf("%s", job.describe())
		}
		return nil
	})
	job = s.newJob(withReplicas(1))
	s.eventually("the new job trains", job.trains(1))

	now := job.replica(0)
	assert.NotEqual(t, before, now.Name)
	assert.EqualValues(t, 1, now.Attempt)
	assert.Empty(t, now.RestoredFrom, "it is another training")
	assert.Zero(t, job.status().Checkpoints)
	s.end()
}

func TestChildJobDeletedByHandIsReplaced(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(4 * time.Second))
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	deleted, other := job.replica(0), job.replica(1)

	s.remove(childJobs, deleted.Name)
	s.eventually("the replica trains again", job.restarted(deleted))

	assert.NotEmpty(t, job.replica(0).RestoredFrom, "it goes on from a checkpoint")
	assert.Equal(t, other.Name, job.replica(1).Name, "the other replica trains on")
	s.eventually("both replicas train", job.trains(2))
	assert.Len(t, s.requested(), 2, "no VM was bought for it")
	s.end()
}

func TestCheckpointsDeletedByHandAreMadeAgain(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(4 * time.Second))
	s.eventually("two checkpoints have completed", job.completes(2))
	first, second := job.replica(0), job.replica(1)

	for _, c := range job.checkpoints() {
		s.remove(backups, c.Name)
	}
	had := job.status().Checkpoints
	s.eventually("others complete", job.completes(had+2))

	assert.Equal(t, []string{first.Name, second.Name}, []string{job.replica(0).Name, job.replica(1).Name}, "nobody was restarted")
	s.end()
}
