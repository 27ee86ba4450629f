package realnode

import (
	_ "embed"
	"fmt"
	"os"
)

//go:embed manifests/checkpoint-agent.yaml
var testAgent string

//go:embed manifests/real-checkpoint-agent.yaml
var realAgent string

// agentImage is what both manifests name.
const agentImage = "docker.io/lab/checkpoint-agent:v1"

// AgentManifest installs the checkpoint agent, one on each VM: the real one if Files name it, else that of the tests.
func (f Files) AgentManifest() string {
	if f.Agent != "" {
		return realAgent
	}
	return testAgent
}

// AgentImage is the image of that agent.
func (f Files) AgentImage() (Image, error) {
	if f.Agent == "" {
		return f.Program(agentImage, "agent")
	}
	content, err := os.ReadFile(f.Agent)
	if err != nil {
		return Image{}, fmt.Errorf("make the image of the real checkpoint agent: %w", err)
	}
	return Image{Name: agentImage, Files: map[string][]byte{"/manager": content}, Entrypoint: []string{"/manager"}}, nil
}
