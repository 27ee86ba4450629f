package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

func TestScheduledCheckpointsTakeTurnsAndTheBestAreKept(t *testing.T) {
	s := begin(t)
	s.newPool()
	job := s.newJob(checkpointEvery(6*time.Second), retain(2))
	s.eventually("six checkpoints have completed", job.completes(6))

	var turns []string
	inFlight := map[string]string{}
	for _, c := range job.checkpointHistory() {
		made := typed[checkpoint](c.object)
		attempt := made.Spec.ResourceRef.Name
		if c.gone || made.Status.Phase == completed {
			if inFlight[attempt] == made.Name {
				delete(inFlight, attempt)
			}
			continue
		}
		if inFlight[attempt] == "" {
			turns = append(turns, made.Labels[v1alpha1.LabelReplica])
			inFlight[attempt] = made.Name
		}
		assert.Equal(t, inFlight[attempt], made.Name, "two checkpoints of one pod at the same time")
	}
	for i := 2; i < len(turns); i++ {
		assert.Equal(t, turns[i-2], turns[i], "replicas take turns: %v", turns)
	}
	s.eventually("two are kept", func() error {
		kept := 0
		for _, c := range job.checkpoints() {
			if c.Status.Phase == completed && c.DeletionTimestamp == nil {
				kept++
			}
		}
		if kept != 2 {
			return fmt.Errorf("%d completed checkpoints are kept", kept)
		}
		return nil
	})
	s.end()
}

// Whatever is wrong with checkpoints, training goes on, the user is told, and what was saved before is used.
func TestTroubleWithCheckpointsStopsNobody(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		mode   cluster.AgentMode
		reason string
		says   []string
	}{
		"they fail":                 {cluster.AgentFails, v1alpha1.ReasonCheckpointsFail, []string{"CheckpointBackup resnet-", "failed"}},
		"they hang":                 {cluster.AgentHangs, v1alpha1.ReasonCheckpointsFail, []string{"stood in phase Checkpointing longer than spec.checkpointConfig.timeout"}},
		"they complete without any": {cluster.AgentForgets, v1alpha1.ReasonCheckpointsFail, []string{"CheckpointBackup resnet-", "failed"}},
		"there is no agent":         {cluster.AgentAbsent, v1alpha1.ReasonAgentSilent, []string{"no checkpoint agent has looked at", "DaemonSet"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.takes(3 * time.Minute)
			s.newPool()
			job := s.newJob(withReplicas(1), checkpointEvery(3*time.Second), checkpointTimeout(4*time.Second))
			s.eventually("a checkpoint has completed", job.completes(1))
			s.eventually("the replica trains", job.trains(1))
			lab.Agent().Behave(s.namespace, cluster.AgentBehaviour{Mode: c.mode})

			s.eventually("a condition tells", job.says(v1alpha1.ConditionCheckpointingStalled, metav1.ConditionTrue, c.reason, c.says...))
			s.stays("the replica trains", time.Second, job.trains(1))
			lost := job.replica(0)
			s.preempt(lost.NodeName)
			s.eventually("the replica trains again", job.restarted(lost))
			assert.Contains(t, job.imagesEver(), job.replica(0).RestoredFrom)

			lab.Agent().Behave(s.namespace, cluster.AgentBehaviour{})
			s.eventually("checkpoints complete again", job.completes(job.status().Checkpoints+1))
			s.eventually("the condition goes", func() error {
				if job.says(v1alpha1.ConditionCheckpointingStalled, metav1.ConditionTrue, c.reason)() == nil {
					return fmt.Errorf("it is still there")
				}
				return nil
			})
			s.end()
		})
	}
}

func TestImageThatDoesNotRestoreIsReplacedByTheNextBest(t *testing.T) {
	s := begin(t)
	s.takes(150 * time.Second)
	s.newPool()
	job := s.newJob(withReplicas(1), checkpointEvery(4*time.Second))
	s.eventually("two checkpoints have completed", job.completes(2))
	lab.Agent().Behave(s.namespace, cluster.AgentBehaviour{Mode: cluster.AgentFails})
	lost := job.replica(0)
	best := job.status().LastCheckpointImage
	lab.Images().Break(best)

	s.preempt(lost.NodeName)
	s.eventually("a condition names the image", job.says(v1alpha1.ConditionRestoreFailed, metav1.ConditionTrue, v1alpha1.ReasonImageExcluded, best))
	s.eventually("the replica trains again", func() error {
		if now := job.replica(0); now.Phase != v1alpha1.ReplicaRunning || now.RestoredFrom == best {
			return fmt.Errorf("%s", job.describe())
		}
		return nil
	})

	from := map[string]int{}
	for _, c := range recorded.past(childJobs, s.namespace) {
		if _, known := from[c.object.GetName()]; !known {
			from[c.object.GetName()] = 0
			from[job.image(c.object.GetName())]++
		}
	}
	assert.Equal(t, 2, from[best], "attempts with the image that does not restore")
	now := job.replica(0)
	assert.Contains(t, job.imagesEver(), now.RestoredFrom)
	assert.Zero(t, now.Failures, "a restore that fails is no failure of the training")
	s.end()
}
