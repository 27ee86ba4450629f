package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// checkpointsTake lets the checkpoints of the story take so long from now on.
func (s *story) checkpointsTake(d time.Duration) {
	lab.Agent().Behave(s.namespace, cluster.AgentBehaviour{Duration: d})
}

func TestPreemptedReplicaIsRestoredFromItsSurvivor(t *testing.T) {
	s := begin(t)
	s.checkpointsTake(4 * time.Second)
	s.newPool()
	job := s.newJob()
	s.eventually("both replicas train", job.trains(2))
	lost, survivor := job.replica(0), job.replica(1)
	survivorsPod := job.pod(survivor.Name).UID

	s.preempt(lost.NodeName)
	s.eventually("the replica trains again", job.restarted(lost))

	// The checkpoint is of the survivor and was asked for after the preemption, not before.
	rescue, asked := job.madeFor("preemption")
	assert.Equal(t, survivor.Name, rescue.Spec.ResourceRef.Name)
	assert.True(t, asked.seen.After(s.vmEvent(lost.NodeName, gcefake.Stopping)))
	// The replacement boots while the checkpoint is made.
	replacement := s.requested()[2]
	assert.True(t, replacement.Time.Before(job.completedAt(rescue.Name)),
		"VM requested at %s, checkpoint completed at %s", replacement.Time, job.completedAt(rescue.Name))
	// The successor goes on from that checkpoint, and the lost Job stayed until it was there.
	successor := job.replica(0)
	assert.Equal(t, rescue.image(), successor.RestoredFrom)
	assert.Equal(t, rescue.image(), job.image(successor.Name))
	s.eventually("the lost attempt is dropped", func() error {
		if !s.isDropped(childJobs, lost.Name) {
			return fmt.Errorf("Job %s is still there", lost.Name)
		}
		return nil
	})
	assert.Less(t, s.made(childJobs, successor.Name).version, s.dropped(childJobs, lost.Name).version,
		"the lost Job was dropped before its successor was made")
	// Nothing happened to the survivor, and status counts one loss.
	assert.Equal(t, survivorsPod, job.pod(survivor.Name).UID)
	assert.False(t, s.isDropped(childJobs, survivor.Name))
	s.eventually("both replicas train", job.trains(2))
	assert.EqualValues(t, 1, job.status().Preemptions)
	assert.Len(t, s.requested(), 3, "three VMs in all")
	s.eventually("the lost VM's Node is gone", s.matches(2, successor.Name, survivor.Name))
	s.end()
}

func TestBothReplicasPreemptedAtOnceGoOnFromTheBestCheckpoint(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(6 * time.Second))
	s.eventually("two checkpoints have completed", job.completes(2))
	first, second := job.replica(0), job.replica(1)

	s.preempt(first.NodeName, second.NodeName)
	s.eventually("one replica trains again", job.restarted(first))
	s.eventually("the other trains again", job.restarted(second))

	for _, lost := range []string{first.Name, second.Name} {
		assert.True(t, s.isDropped(childJobs, lost), lost)
	}
	for _, again := range []int32{0, 1} {
		restored := job.replica(again).RestoredFrom
		require.NotEmpty(t, restored, "replica %d started over", again)
		assert.Equal(t, restored, job.image(job.replica(again).Name))
		job.restoredFromBest(again)
	}
	s.eventually("status counts both losses", func() error {
		if job.status().Preemptions != 2 {
			return fmt.Errorf("%s", job.describe())
		}
		return nil
	})
	assert.Len(t, s.requested(), 4, "two VMs and their two replacements")
	s.end()
}

func TestSurvivorPreemptedASecondLaterLosesOnlyTheTimeSinceTheBestCheckpoint(t *testing.T) {
	s := begin(t)
	s.checkpointsTake(2 * time.Second)
	s.newPool()
	job := s.newJob(checkpointEvery(5 * time.Second))
	s.eventually("two checkpoints have completed", job.completes(2))
	first, second := job.replica(0), job.replica(1)

	s.preempt(first.NodeName)
	s.eventually("the first loss is noticed", job.is(v1alpha1.JobRecovering))
	s.preempt(second.NodeName)
	s.eventually("one replica trains again", job.restarted(first))
	s.eventually("the other trains again", job.restarted(second))

	job.restoredFromBest(0)
	job.restoredFromBest(1)
	s.eventually("both replicas train", job.trains(2))
	assert.EqualValues(t, 2, job.status().Preemptions)
	assert.Len(t, s.requested(), 4, "two VMs and their two replacements")
	s.end()
}

// vmEvent is when something first happened to a VM.
func (s *story) vmEvent(vm string, kind gcefake.EventKind) time.Time {
	s.Helper()
	for _, event := range recorded.machines(s.namespace) {
		if event.VM.Name == vm && event.Kind == kind {
			return event.Time
		}
	}
	require.FailNow(s, "it never happened", "%s to VM %s", kind, vm)
	return time.Time{}
}

// restoredFromBest asserts that no checkpoint that was there when the replica's attempt was made holds more training than
// the one it started from. One that completed in the same second may have come too late.
func (j jobOf) restoredFromBest(replica int32) {
	j.Helper()
	attempt := j.replica(replica)
	made := j.made(childJobs, attempt.Name)
	restored, found := lab.Images().Progress(attempt.RestoredFrom)
	require.True(j, found, "replica %d started over", replica)
	for _, c := range j.checkpointHistory() {
		other := typed[checkpoint](c.object)
		if other.Status.Phase != completed || c.seen.After(made.seen.Add(-time.Second)) {
			continue
		}
		progress, _ := lab.Images().Progress(other.image())
		assert.LessOrEqual(j, progress, restored+time.Second, "%s holds more than %s", other.Name, attempt.RestoredFrom)
	}
}

// imagesEver are the images of all checkpoints that ever completed.
func (j jobOf) imagesEver() []string {
	var images []string
	for _, c := range j.checkpointHistory() {
		if made := typed[checkpoint](c.object); made.Status.Phase == completed {
			images = append(images, made.image())
		}
	}
	return images
}
