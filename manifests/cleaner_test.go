package manifests_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Images as the stores of a VM name them.
const (
	template   = "docker.io/acme/resnet:v1"
	checkpoint = "docker.io/acme/checkpoints:resnet-scheduled-0123456789-trainer"
	rescue     = "docker.io/acme/checkpoints:resnet-preemption-abcdef0123-trainer"
	built      = "localhost/acme/checkpoints:resnet-suspend-0123456789-trainer"
)

// vm is a VM as the cleaner of the sample startup script sees it: ctr and buildah are stand-ins that keep their stores in files, a line
// NAME DIGEST for each image of containerd, a line NAME for each image of buildah and for each image that containers use.
type vm struct {
	t    *testing.T
	dir  string
	keep string // KEEP_SECONDS: with 0, an image that was known before is old
}

const ctr = `#!/bin/bash
shift 2 # --namespace k8s.io
case "$*" in
  "images ls -q") cut -d ' ' -f 1 images ;;
  "images ls -q target.digest=="*) grep " ${4#*==}\$" images | cut -d ' ' -f 1 ;;
  "images ls name=="*) echo REF TYPE DIGEST; awk -v name="${3#*==}" '$1 == name {print $1, "manifest", $2}' images ;;
  "containers ls") echo CONTAINER IMAGE RUNTIME; sed 's/.*/container & runc/' used ;;
  "images rm --sync "*) for name in "${@:4}"; do sed -i "\\,^$name ,d" images; done ;;
  *) exit 1 ;;
esac
`

const buildah = `#!/bin/bash
[ ! -e buildah-fails ] || exit 1
case $1 in
  images) cat built ;;
  containers) cat working ;;
  rmi) sed -i "\\,^$2\$,d" built ;;
esac
`

func newVM(t *testing.T) *vm {
	t.Helper()
	v := &vm{t: t, dir: t.TempDir(), keep: "0"}
	_, cleaner, found := strings.Cut(sample(t), "<<'CLEANER'\n")
	require.True(t, found)
	cleaner, _, found = strings.Cut(cleaner, "\nCLEANER\n")
	require.True(t, found)
	for name, content := range map[string]string{"clean": cleaner, "ctr": ctr, "buildah": buildah} {
		require.NoError(t, os.WriteFile(filepath.Join(v.dir, name), []byte(content), 0o700))
	}
	for _, name := range []string{"images", "used", "built", "working"} {
		v.write(name)
	}
	require.NoError(t, os.Mkdir(filepath.Join(v.dir, "storage"), 0o700))
	socket, err := net.Listen("unix", filepath.Join(v.dir, "s"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	return v
}

func (v *vm) write(file string, lines ...string) {
	v.t.Helper()
	content := strings.Join(append(lines, ""), "\n")
	require.NoError(v.t, os.WriteFile(filepath.Join(v.dir, file), []byte(content), 0o600))
}

func (v *vm) lines(file string) []string {
	v.t.Helper()
	content, err := os.ReadFile(filepath.Join(v.dir, file))
	require.NoError(v.t, err)
	return strings.Fields(string(content))
}

// clean runs the cleaner once.
func (v *vm) clean() string {
	v.t.Helper()
	command := exec.Command("bash", "clean")
	command.Dir = v.dir
	command.Env = []string{
		"PATH=" + v.dir + ":" + os.Getenv("PATH"), "KEEP_SECONDS=" + v.keep, "KNOWN=" + filepath.Join(v.dir, "known"),
		"CONTAINERD=" + filepath.Join(v.dir, "s"), "ARCHIVES=" + filepath.Join(v.dir, "archives"),
		"CONTAINERS=" + filepath.Join(v.dir, "storage"),
	}
	out, err := command.CombinedOutput()
	require.NoError(v.t, err, string(out))
	return string(out)
}

func TestCleanerRemovesCheckpointsThatWereThereBefore(t *testing.T) {
	v := newVM(t)
	v.write("images", template+" sha256:1", checkpoint+" sha256:2", "docker.io/acme/checkpoints@sha256:2 sha256:2", "sha256:22 sha256:2")
	v.write("built", template, built)
	assert.Empty(t, v.clean(), "all came just now, and may be on their way to a container or to the registry")
	assert.Contains(t, v.clean(), "removed the image "+checkpoint)
	assert.Equal(t, []string{template, "sha256:1"}, v.lines("images"), "all names of the checkpoint went, and the template stays")
	assert.Equal(t, []string{template}, v.lines("built"))
	assert.Empty(t, v.clean())
}

func TestCleanerLeavesAStoreAloneThatNobodyHasUsed(t *testing.T) {
	v := newVM(t)
	require.NoError(t, os.Remove(filepath.Join(v.dir, "storage")))
	v.write("images", checkpoint+" sha256:2")
	v.write("built", built)
	v.clean()
	assert.Contains(t, v.clean(), "removed the image "+checkpoint)
	assert.Equal(t, []string{built}, v.lines("built"))
}

func TestCleanerRemovesNothingYounger(t *testing.T) {
	v := newVM(t)
	v.keep = "600"
	v.write("images", checkpoint+" sha256:2")
	v.clean()
	v.clean()
	assert.Equal(t, []string{checkpoint, "sha256:2"}, v.lines("images"))
}

func TestCleanerKeepsWhatContainersUse(t *testing.T) {
	v := newVM(t)
	v.write("images", checkpoint+" sha256:2", rescue+" sha256:3")
	v.write("used", rescue)
	v.write("built", built)
	v.write("working", built)
	v.clean()
	v.clean()
	assert.Equal(t, []string{rescue, "sha256:3"}, v.lines("images"))
	assert.Equal(t, []string{built}, v.lines("built"))
	v.write("used")
	v.clean()
	assert.Empty(t, v.lines("images"), "its container is gone")
}

func TestCleanerKeepsWhatIsBeingPushed(t *testing.T) {
	v := newVM(t)
	v.write("built", built)
	v.clean()
	push := exec.Command("bash", "-c", "read", "buildah", "push", built)
	stdin, err := push.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, push.Start())
	v.clean()
	assert.Equal(t, []string{built}, v.lines("built"))
	require.NoError(t, stdin.Close())
	_ = push.Wait() // read fails at the end of its input
	v.clean()
	assert.Empty(t, v.lines("built"))
}

func TestCleanerGivesAnImageThatComesBackItsTime(t *testing.T) {
	v := newVM(t)
	v.write("images", checkpoint+" sha256:2")
	v.clean()
	v.write("images")
	v.clean()
	v.write("images", checkpoint+" sha256:2")
	v.clean()
	assert.Equal(t, []string{checkpoint, "sha256:2"}, v.lines("images"))
}

// What cannot be read is not unused.
func TestCleanerRemovesNothingOfAStoreThatDoesNotAnswer(t *testing.T) {
	v := newVM(t)
	v.write("images", checkpoint+" sha256:2")
	v.write("built", built)
	v.clean()
	v.write("buildah-fails")
	v.clean()
	assert.Equal(t, []string{built}, v.lines("built"))
	assert.Empty(t, v.lines("images"), "the other store answers")
	require.NoError(t, os.Remove(filepath.Join(v.dir, "buildah-fails")))
	v.clean()
	assert.Empty(t, v.lines("built"))
}

func TestCleanerRemovesArchivesThatAnAgentLeft(t *testing.T) {
	v := newVM(t)
	archives := filepath.Join(v.dir, "archives")
	require.NoError(t, os.Mkdir(archives, 0o700))
	for name, age := range map[string]time.Duration{
		"checkpoint-pod_ns-trainer-2026-11-30T10:00:00Z.tar": time.Hour, "checkpoint-pod_ns-trainer-2026-11-30T11:00:00Z.tar": -time.Hour, "notes": time.Hour,
	} {
		file := filepath.Join(archives, name)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.NoError(t, os.Chtimes(file, time.Now().Add(-age), time.Now().Add(-age)))
	}
	assert.Equal(t, "removed the archive checkpoint-pod_ns-trainer-2026-11-30T10:00:00Z.tar\n", v.clean())
	left, err := filepath.Glob(filepath.Join(archives, "*"))
	require.NoError(t, err)
	assert.Len(t, left, 2, "one is new, and one is no archive")
}
