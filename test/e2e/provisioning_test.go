package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTwentyReplicasStartInParallel(t *testing.T) {
	s := begin(t)
	s.takes(3 * time.Minute)
	pool := s.newPool(atMost(20))
	job := s.newJob(withReplicas(20))

	s.eventually("twenty VMs are Ready", pool.ready(20))
	s.eventually("twenty replicas train", job.trains(20))

	assert.Len(t, s.requested(), 20)
	// The Jobs appear one after the other, and the demand with them. Their VMs must not.
	assert.LessOrEqual(t, judge.syncsDuring(s.namespace, s.requested()), 10, "syncs that asked for VMs")
	used := map[string]bool{}
	for _, replica := range job.status().JobStatuses {
		used[replica.NodeName] = true
	}
	assert.Len(t, used, 20, "one replica per VM")
	s.end()
}

// A pool that knows at once how many it needs asks for all of them in one sync.
func TestTwentyVMsAreAskedForAtOnce(t *testing.T) {
	s := begin(t)
	pool := s.newPool(fixedAt(20), atMost(20))
	s.eventually("twenty VMs are asked for", func() error {
		if asked := len(s.requested()); asked != 20 {
			return fmt.Errorf("%d VMs were asked for", asked)
		}
		return nil
	})
	assert.LessOrEqual(t, judge.syncsDuring(s.namespace, s.requested()), 2, "syncs that asked for VMs")
	assert.Len(t, pool.status().ProvisionedInstances, 20)
	s.end()
}
