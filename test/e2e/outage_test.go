package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestHooksKilledBetweenAnInsertAndItsAnswerBuyNoSecondVM(t *testing.T) {
	s := begin(t)
	sent, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	lab.GCE().Once(gcefake.Call{Method: gcefake.Insert, Zone: heldZone}, gcefake.HoldAnswer(func() { close(sent) }, release))
	s.newPool(inZones(heldZone))
	job := s.newJob(withReplicas(1))

	select {
	case <-sent:
	case <-time.After(time.Until(s.deadline)):
		require.FailNow(t, "no VM was asked for")
	}
	lab.Hooks().Kill()
	require.NoError(t, lab.Hooks().Restart(t.Context()))

	s.eventually("the replica trains", job.trains(1))
	assert.Len(t, s.requested(), 1, "VMs")
	s.end()
}

func TestLostAnswerToAnInsertBuysNoSecondVM(t *testing.T) {
	s := begin(t)
	lab.GCE().Once(gcefake.Call{Method: gcefake.Insert, Zone: lossyZone}, gcefake.LostAnswer())
	s.newPool(inZones(lossyZone))
	job := s.newJob(withReplicas(1))

	s.eventually("the replica trains", job.trains(1))
	assert.Len(t, s.requested(), 1, "VMs")
	s.end()
}

// Status is a cache: written back to what it was before, it is rebuilt from what exists, and nothing is made twice.
// What is put back must name the VM that is lost later: once that VM is gone, only status can tell that it was the
// pool's, and an older status, from before the second replica's Job existed, would lose the count of its preemption.
func TestStatusRolledBackByHandIsRebuilt(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(checkpointEvery(4 * time.Second))
	s.eventually("both replicas are on their way", func() error {
		if len(pool.status().ProvisionedInstances) != 2 || len(job.status().JobStatuses) != 2 {
			return fmt.Errorf("%s; %s", pool.describe(), job.describe())
		}
		return nil
	})
	oldPool, oldJob := s.snapshot(pools, pool.name), s.snapshot(jobs, job.name)
	s.eventually("a checkpoint has completed", job.completes(1))
	s.eventually("both replicas train", job.trains(2))
	lost := job.replica(0)
	s.preempt(lost.NodeName)
	s.eventually("the replica trains again", job.restarted(lost))
	s.eventually("both replicas train", job.trains(2))
	s.eventually("two VMs are left", pool.ready(2))
	attempts := []string{job.replica(0).Name, job.replica(1).Name}

	s.rollBack(pools, oldPool)
	s.rollBack(jobs, oldJob)

	s.eventually("the pool's status is what it was", func() error {
		if pool.object().Annotations["story"] == "" || pool.status().Preemptions != 1 {
			return fmt.Errorf("%s, %d preemptions", pool.describe(), pool.status().Preemptions)
		}
		return pool.ready(2)()
	})
	s.eventually("the job's status is what it was", func() error {
		if job.object().Annotations["story"] == "" || job.status().Preemptions != 1 {
			return fmt.Errorf("%s", job.describe())
		}
		return job.trains(2)()
	})
	s.stays("nothing is made twice and nothing is lost", 5*time.Second, s.matches(2, attempts...))
	assert.Len(t, s.requested(), 3, "VMs")
	s.end()
}

// snapshot is an object as it is now.
func (s *story) snapshot(k kind, name string) *unstructured.Unstructured {
	s.Helper()
	object, err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	require.NoError(s, err)
	return object
}

// rollBack puts an older status in place, and touches the object so that it is synced.
func (s *story) rollBack(k kind, old *unstructured.Unstructured) {
	s.Helper()
	s.eventually("the old status is put", func() error {
		now := s.snapshot(k, old.GetName())
		now.Object["status"] = old.Object["status"]
		_, err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).UpdateStatus(s.Context(), now, metav1.UpdateOptions{})
		return err
	})
	s.patch(k, old.GetName(), `{"metadata": {"annotations": {"story": "touched"}}}`)
}
