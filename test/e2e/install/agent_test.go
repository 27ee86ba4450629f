package install

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
	s.train()
	s.missesTheKind()

	assert.Empty(t, s.kubectl("get", "jobs", "--output=name"))
	assert.Equal(t, `{"observedGeneration":-1}`, s.kubectl("get", "sij/resnet", "--output=jsonpath={.status}"), "the default of the schema: nobody has looked yet")
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

// missesTheKind makes the controller of jobs again until an event says what is missing. Metacontroller remembers for a
// while which kinds there are: a controller that it makes too soon waits for this one without a word.
func (s *story) missesTheKind() {
	s.Helper()
	told := func() error {
		out := s.kubectl("get", "events", "--namespace=default", "--field-selector=reason=CreateError,involvedObject.name=spotinstancejob", "--output=jsonpath={.items[*].message}")
		if !strings.Contains(out, "checkpointbackups") {
			return fmt.Errorf("no event names the missing kind: %q", out)
		}
		return nil
	}
	s.eventually("an event names what is missing", func() error {
		s.kubectl("delete", "compositecontroller/spotinstancejob", "--ignore-not-found")
		s.kubectl("apply", "--filename="+controllers)
		return soon(told)
	})
}

// soon tries a check for some seconds.
func soon(check func() error) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var err error
	for range 25 {
		if err = check(); err == nil {
			return nil
		}
		<-ticker.C
	}
	return err
}
