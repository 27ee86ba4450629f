package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

func TestTheRealAgentCannotBeToldHowToBehave(t *testing.T) {
	stand := &Cluster{}
	tests := &Cluster{real: &realNodes{}}
	actual := &Cluster{real: &realNodes{}, binaries: Binaries{RealNodes: realnode.Files{Agent: "/src/manager"}}}
	cases := map[string]struct {
		cluster   *Cluster
		behaviour AgentBehaviour
		says      string
	}{
		"the stand-in breaks images":         {stand, AgentBehaviour{Mode: AgentBreaksImages}, ""},
		"that of the tests does not":         {tests, AgentBehaviour{Mode: AgentBreaksImages}, "the agent of real nodes cannot break images"},
		"that of the tests hangs":            {tests, AgentBehaviour{Mode: AgentHangs}, ""},
		"that of the tests takes its time":   {tests, AgentBehaviour{Duration: time.Hour}, ""},
		"the real one works":                 {actual, AgentBehaviour{}, ""},
		"the real one takes that long":       {actual, AgentBehaviour{Duration: 4 * time.Second}, ""},
		"the real one cannot take longer":    {actual, AgentBehaviour{Duration: 28 * time.Second}, "the real checkpoint agent, which CHECKPOINT_AGENT names, cannot be told to take 28s"},
		"the real one cannot hang":           {actual, AgentBehaviour{Mode: AgentHangs}, "the real checkpoint agent, which CHECKPOINT_AGENT names, cannot be told to misbehave: Hangs"},
		"the real one cannot be without one": {actual, AgentBehaviour{Mode: AgentAbsent}, "the real checkpoint agent, which CHECKPOINT_AGENT names, cannot be told to misbehave: Absent"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.cluster.CanBehave(c.behaviour)
			if c.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, c.says)
		})
	}
}
