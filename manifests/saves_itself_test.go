package manifests_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// script is the training of the sample, as a run of it: its checkpoint, and how many steps it takes.
type script struct {
	*testing.T
	path, checkpoint string
}

// The sample's training saves itself when it is told to end, exits 0, and goes on from its own file.
func TestSampleThatSavesItselfGoesOnFromItsFile(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("the sample's training is a Python script, and python3 is not on this machine:", err)
	}
	file := decode[corev1.ConfigMap](t, "samples/job-saves-itself.yaml", documents(t, "samples/job-saves-itself.yaml")[2])
	s := script{T: t, path: filepath.Join(t.TempDir(), "train.py"), checkpoint: filepath.Join(t.TempDir(), "state.json")}
	require.NoError(t, os.WriteFile(s.path, []byte(file.Data["train.py"]), 0o600))

	const endless = 1 << 50
	words := s.run(endless, syscall.SIGTERM)
	assert.Contains(t, words, "goes on from step 0; has 100 s to save itself\n")
	step := s.saved()
	require.GreaterOrEqual(t, step, 10000)
	require.Less(t, step, endless)

	assert.Contains(t, s.run(step+5, 0), fmt.Sprintf("goes on from step %d;", step))
	assert.Equal(t, step+5, s.saved(), "it is done, and another attempt finds that")
	assert.Contains(t, s.run(step+5, 0), fmt.Sprintf("saved at step %d of %[1]d", step+5))
}

// run lets the training begin, sends it a signal if there is one, and returns what it said. It must exit 0.
func (s script) run(steps int, signal syscall.Signal) string {
	s.Helper()
	command := exec.CommandContext(s.Context(), "python3", s.path)
	command.Env = append(os.Environ(), "CHECKPOINT="+s.checkpoint, fmt.Sprintf("STEPS=%d", steps), v1alpha1.VariableNotice+"=100")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	require.NoError(s, err)
	require.NoError(s, command.Start())
	said := bufio.NewReader(output)
	first, err := said.ReadString('\n')
	require.NoError(s, err)
	if signal != 0 {
		second, err := said.ReadString('\n')
		require.NoError(s, err)
		require.Contains(s, second, "saved at step 10000 of")
		require.NoError(s, command.Process.Signal(signal))
	}
	rest, err := io.ReadAll(said)
	require.NoError(s, err)
	require.NoError(s, command.Wait())
	return first + string(rest)
}

func (s script) saved() int {
	s.Helper()
	data, err := os.ReadFile(s.checkpoint)
	require.NoError(s, err)
	var state struct{ Step int }
	require.NoError(s, json.Unmarshal(data, &state))
	return state.Step
}

// The sample's parts fit together: the claim, the script, and a job that names no agent.
func TestSampleThatSavesItselfIsWhole(t *testing.T) {
	const path = "samples/job-saves-itself.yaml"
	all := documents(t, path)
	require.Len(t, all, 3)
	var job v1alpha1.SpotInstanceJob
	require.NoError(t, yaml.UnmarshalStrict(all[0], &job))
	require.True(t, job.Spec.SavesItself())
	claim, file := decode[corev1.PersistentVolumeClaim](t, path, all[1]), decode[corev1.ConfigMap](t, path, all[2])
	template := string(job.Spec.JobTemplate.Raw)
	assert.Contains(t, template, `"claimName":"`+claim.Name+`"`)
	assert.Contains(t, template, `"configMap":{"name":"`+file.Name+`"}`)
	assert.Contains(t, file.Data["train.py"], v1alpha1.VariableNotice)
	assert.True(t, strings.HasPrefix(template, "{"))
}

// The kind is created where the agent is not, and never applied with the rest: it would replace the agent's own.
func TestKindOfTheAgentIsNoPartOfTheInstallation(t *testing.T) {
	for _, object := range load(t).inOrder {
		assert.NotEqual(t, "CustomResourceDefinition", object.GetKind(), object.GetName())
	}
	var crd struct {
		Metadata struct{ Name string }
		Spec     struct {
			Versions []struct {
				Name         string
				Subresources struct{ Status *struct{} }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(documents(t, "without-agent/checkpointbackups.yaml")[0], &crd))
	assert.Equal(t, "checkpointbackups.migration.dcnlab.com", crd.Metadata.Name)
	require.Len(t, crd.Spec.Versions, 1)
	assert.Equal(t, "v1", crd.Spec.Versions[0].Name)
	assert.NotNil(t, crd.Spec.Versions[0].Subresources.Status)
	rules := load(t).controllers[0].Spec.ChildResources
	assert.Equal(t, resource{"migration.dcnlab.com/v1", "checkpointbackups"}, rules[1].resource)
}
