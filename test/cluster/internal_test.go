package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

const joinScript = `#!/bin/bash
cat > join.yaml <<'JOIN_CONFIGURATION'
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
nodeRegistration:
  name: %s
  taints: [{key: a, effect: NoSchedule}]
  kubeletExtraArgs:
  - {name: node-labels, value: "%s"}
  - {name: register-with-taints, value: "b=c:NoExecute"}
JOIN_CONFIGURATION
kubeadm join --config join.yaml
`

func TestJoinConfiguration(t *testing.T) {
	config, err := joinConfigurationOf(fmt.Sprintf(joinScript, "vm", "team=vision,topology.kubernetes.io/zone=us-central1-a"))
	require.NoError(t, err)
	labels, err := config.nodeLabels()
	require.NoError(t, err)
	taints, err := config.taints()
	require.NoError(t, err)

	assert.Equal(t, "vm", config.NodeRegistration.Name)
	assert.Equal(t, map[string]string{"team": "vision", "topology.kubernetes.io/zone": "us-central1-a"}, labels)
	assert.Equal(t, []corev1.Taint{
		{Key: "a", Effect: corev1.TaintEffectNoSchedule}, {Key: "b", Value: "c", Effect: corev1.TaintEffectNoExecute},
	}, taints)
}

func TestJoinConfigurationThatNoKubeadmTakes(t *testing.T) {
	cases := map[string]struct{ script, want string }{
		"no configuration": {"#!/bin/bash\n", "writes no JoinConfiguration"},
		"no end":           {"cat <<'JOIN_CONFIGURATION'\nkind: JoinConfiguration\n", "has no end"},
		"no YAML":          {"cat <<'JOIN_CONFIGURATION'\n{\nJOIN_CONFIGURATION\n", "error unmarshaling"},
		"another kind":     {"cat <<'JOIN_CONFIGURATION'\nkind: InitConfiguration\nJOIN_CONFIGURATION\n", `no kind "InitConfiguration"`},
		"no name":          {fmt.Sprintf(joinScript, `""`, ""), "nodeRegistration.name is empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := joinConfigurationOf(c.script)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestKubeletRefusesLabelsOfKubernetes(t *testing.T) {
	cases := map[string]bool{
		"team":                              true,
		"training.dcnlab.com/pool":          true,
		"topology.kubernetes.io/zone":       true,
		"node.kubernetes.io/instance-type":  true,
		"kubernetes.io/hostname":            true,
		"node-role.kubernetes.io/gpu":       false,
		"kubernetes.io/role":                false,
		"scheduling.k8s.io/gpu":             false,
		"notkubernetes.io/zone":             true,
		"custom.kubelet.kubernetes.io/zone": true,
		"topology.kubernetes.io/cell":       false,
	}
	for label, want := range cases {
		assert.Equal(t, want, kubeletMayLabel(label), label)
	}
}

func TestImagesAreNamedAsContainerRuntimesReadThem(t *testing.T) {
	images := newImages()
	images.reserve("docker.io/acme/checkpoints:any")
	images.push("https.example.com:5000/acme/x:1", content{progress: time.Minute})
	images.push("docker.io/acme/checkpoints:1", content{progress: time.Second})
	cases := map[string]struct {
		progress time.Duration
		found    bool
	}{
		"acme/checkpoints:1":              {time.Second, true},
		"docker.io/acme/checkpoints:2":    {0, false},
		"https.example.com:5000/acme/x:1": {time.Minute, true},
		"acme/resnet:v1":                  {0, true},
		"resnet":                          {0, true},
	}
	for image, c := range cases {
		progress, found := images.Progress(image)
		assert.Equal(t, c.found, found, image)
		assert.Equal(t, c.progress, progress, image)
	}
	images.Remove("acme/checkpoints:1")
	_, found := images.Progress("acme/checkpoints:1")
	assert.False(t, found)
}

func TestLockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, ok, err := tryLock(path)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = tryLock(path)
	require.NoError(t, err)
	require.False(t, ok)

	second, err := waitLock(context.Background(), path, first.release)
	require.NoError(t, err, "the first one gives it back when the second begins to wait")
	second.release()
}

func TestProgressCountsPackages(t *testing.T) {
	var log bytes.Buffer
	p := newProgress(&log, "building controlplane", 3)
	_, err := p.Write([]byte("k8s.io/api\nk8s.io/apimach"))
	require.NoError(t, err)
	p.report()
	assert.Equal(t, "building controlplane: 0s, 1 of at most 3 packages\n", log.String())

	_, err = p.Write([]byte("inery\nmain.go:3: undefined: x"))
	require.NoError(t, err)
	assert.Equal(t, "k8s.io/api\nk8s.io/apimachinery\nmain.go:3: undefined: x", p.tail())
}

func TestProcessOfAnotherLabIsNotSwept(t *testing.T) {
	assert.Equal(t, []int{12, 345}, recordedPids(writePids(t, "12\n345\n1\nx\n")), "never init")
	assert.False(t, belongsTo(1, t.TempDir()))
}

func writePids(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, writeSecret(filepath.Join(dir, pidFile), []byte(content)))
	return dir
}

func TestLinesAreWrittenOverOnATerminalOnly(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, device.Close()) })
	t.Setenv("TERM", "xterm")
	assert.True(t, IsTerminal(device))
	assert.False(t, IsTerminal(&bytes.Buffer{}))
	t.Setenv("TERM", "dumb")
	assert.False(t, IsTerminal(device))
}
