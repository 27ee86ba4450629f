// Package release_test runs the release scripts and the Makefile's cluster targets with stand-ins for docker, make and
// kubectl, and checks what they call. It builds no image and touches no cluster.
package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const image = "docker.io/lehuannhatrang/spot-instance-training-operator"

// A workbench runs commands at the root of the repository with stand-ins in front of PATH.
type workbench struct {
	t    *testing.T
	root string
	dir  string // holds the stand-ins and what they recorded
}

func newWorkbench(t *testing.T) workbench {
	t.Helper()
	for _, tool := range []string{"bash", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, file := range []string{"Makefile", "build-and-push.sh", "docker-build.sh", ".ci/run"} {
		// What a subprocess reads is unknown to the test cache: looked at here, a change runs the tests again.
		require.FileExists(t, filepath.Join(root, file))
	}
	return workbench{t: t, root: root, dir: t.TempDir()}
}

// standIn puts a tool on PATH that writes its arguments and its input down and then runs the shell script.
func (w workbench) standIn(tool, script string) {
	w.t.Helper()
	text := "#!/bin/sh\necho " + tool + ` "$@" >> "` + w.dir + `/calls"` + "\n" + script + "\n"
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, tool), []byte(text), 0o755))
}

// run returns what the command printed on both streams, whether it succeeded, and what it called, in order.
func (w workbench) run(command ...string) (output string, succeeded bool, calls []string) {
	w.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "PATH="+w.dir+":"+os.Getenv("PATH"), "MAKEFLAGS=", "MAKELEVEL=0")
	out, err := cmd.CombinedOutput()
	recorded, readErr := os.ReadFile(filepath.Join(w.dir, "calls"))
	if readErr == nil {
		calls = strings.Split(strings.TrimSpace(string(recorded)), "\n")
	}
	return string(out), err == nil, calls
}
