package install

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Without the checkpoint agent's kind the controller of jobs cannot start: the user sees a job without a status, and an
// event on the CompositeController. Once the kind is there, all goes on by itself.
func TestCheckpointBackupKindIsMissingAndThenInstalled(t *testing.T) {
	s := begin(t)
	s.kubectl("delete", "compositecontroller/spotinstancejob")
	require.NoError(t, lab.RemoveCheckpointBackups(t.Context()))
	s.kubectl("delete", "events", "--namespace=default", "--all")
	s.kubectl("apply", "--filename="+controllers)
	s.train()

	s.says("an event names what is missing", "checkpointbackups",
		"get", "events", "--namespace=default", "--field-selector=reason=CreateError,involvedObject.name=spotinstancejob", "--output=jsonpath={.items[*].message}")
	assert.Empty(t, s.kubectl("get", "jobs", "--output=name"))
	assert.Empty(t, s.kubectl("get", "sij/resnet", "--output=jsonpath={.status}"))
	s.says("the pool is not affected", "no VM is wanted", "get", "sivm/l4-pool", "--output=wide")

	require.NoError(t, lab.InstallCheckpointBackups(t.Context()))
	s.eventually("both replicas train", func() error {
		out := s.kubectl("get", "sij/resnet", "--output=jsonpath={.status.activeReplicas}")
		if out != "2" {
			return fmt.Errorf("%q replicas train", out)
		}
		return nil
	})
	s.end()
}
