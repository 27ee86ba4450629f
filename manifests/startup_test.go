package manifests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
)

// sample is the sample startup script.
func sample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("samples/vm-startup.sh")
	require.NoError(t, err)
	return string(text)
}

// metadataLimit is Google's for one value of a VM's metadata.
const metadataLimit = 256 << 10

func TestSampleStartupScriptFitsIntoAVMsMetadata(t *testing.T) {
	script, err := bootstrap.VM{
		Name: "pool-123456-0", ProviderID: "gce://project/us-central1-a/pool-123456-0", UserScript: sample(t),
		Join: bootstrap.Join{
			Token: "abcdef.0123456789abcdef", CACertHash: "sha256:" + strings.Repeat("a", 64), Endpoint: "10.0.0.10:6443",
		},
	}.Script()
	require.NoError(t, err)
	assert.Less(t, len(script), metadataLimit/4, "there is room for what users add")
	assert.Empty(t, bootstrap.UserScriptProblem(sample(t)))
}

// The page's command puts the script into a pool as it is.
func TestPageTellsHowTheScriptGetsIntoAPool(t *testing.T) {
	page := readPage(t)
	_, command, found := strings.Cut(page, "\n{ echo 'spec:'")
	require.True(t, found, "the page has the command")
	command, _, _ = strings.Cut("{ echo 'spec:'"+command, "\n")
	dir := t.TempDir()
	run := exec.Command("bash", "-euc", command)
	run.Dir = dir
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vm-startup.sh"), []byte(sample(t)), 0o600))
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	patch, err := os.ReadFile(filepath.Join(dir, "patch.yaml"))
	require.NoError(t, err)
	var pool struct {
		Spec struct {
			StartupScript string `json:"startupScript"`
		} `json:"spec"`
	}
	require.NoError(t, yaml.UnmarshalStrict(patch, &pool))
	assert.Equal(t, sample(t), pool.Spec.StartupScript)
}

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/vm-image.md")
	require.NoError(t, err)
	return string(page)
}

// pinned are the versions that the sample startup script installs.
func pinned(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^(\w+)_(?:VERSION|BRANCH)=\$\{\w+:-v?([^}]+)\}`).FindAllStringSubmatch(sample(t), -1) {
		versions[match[1]] = match[2]
	}
	return versions
}

func TestPageNamesTheVersionsOfTheScript(t *testing.T) {
	page := readPage(t)
	assert.Len(t, pinned(t), 5)
	for name, version := range pinned(t) {
		assert.Contains(t, page, version, name)
	}
}

// Real nodes (test/realnode) run programs that are built from these modules, in the versions of the script.
func TestScriptInstallsWhatRealNodesRun(t *testing.T) {
	for module, name := range map[string]string{
		"../test/controlplane/go.mod k8s.io/kubernetes v":                          "KUBERNETES",
		"../test/realnode/containerd/go.mod github.com/containerd/containerd/v2 v": "CONTAINERD",
	} {
		file, requirement, _ := strings.Cut(module, " ")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Regexp(t, `\t`+regexp.QuoteMeta(requirement+pinned(t)[name])+`\s`, string(text), file)
	}
}
