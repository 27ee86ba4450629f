// Package mutation_test breaks the hooks on purpose, one patch at a time, and has the simulator find out. A simulator
// that passes with a broken hook would prove nothing about a whole one.
//
// A patch is testdata/NAME.patch: what is broken and why that is bad, then a unified diff against this module. It is
// applied to copies of the files that it touches; the compiler takes these in place of the files (go build -overlay), so
// that nothing in the tree changes. All patches together take one core four minutes, and as many cores as there are share
// them; half of that is for the one that is found last.
package mutation_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seeds is how many worlds the simulator may look at to find a mutation.
var seeds = flag.Int("seeds", 1000, "how many worlds may be explored for each mutation")

// module is the root of the module, from here.
const module = "../.."

func TestEveryMutationIsCaught(t *testing.T) {
	patches, err := filepath.Glob("testdata/*.patch")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(patches), 10)
	for _, patch := range patches {
		t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
			t.Parallel()
			binary := build(t, patch)
			out, err := explore(binary)
			require.Error(t, err, "no world of %d found it:\n%s", *seeds, out)
			found := broken.FindString(out)
			assert.NotEmpty(t, found, "the simulator failed, but not by a law:\n%s", out)
			t.Log(found)
		})
	}
}

// broken is how the simulator says which seed broke which law.
var broken = regexp.MustCompile(`seed \d+: [a-z-]+: .*`)

// explore lets the simulator look for a broken law, always at the same worlds and one after the other: what it finds is
// the first, and the mutations share the cores.
func explore(binary string) (string, error) {
	cmd := exec.Command(binary, "-test.run=^TestSeeds$", "-first=1", fmt.Sprintf("-seeds=%d", *seeds), "-shrink=0", "-test.timeout=10m")
	cmd.Dir = filepath.Join(module, "test/sim")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// build is the simulator's tests with the mutation in them.
func build(t *testing.T, patch string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": mutated(t, patch, dir)})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, content, 0o600))
	binary := filepath.Join(dir, "sim.test")
	run(t, module, "go", "test", "-overlay="+overlay, "-vet=off", "-ldflags=-s -w", "-c", "-o", binary, "./test/sim")
	return binary
}

// mutated are the files that a patch touches, and their copies with the patch applied.
func mutated(t *testing.T, patch, dir string) map[string]string {
	t.Helper()
	patch, err := filepath.Abs(patch)
	require.NoError(t, err)
	diff, err := os.ReadFile(patch)
	require.NoError(t, err)
	root, err := filepath.Abs(module)
	require.NoError(t, err)
	replaced := map[string]string{}
	for _, touched := range regexp.MustCompile(`(?m)^--- a/(.+)$`).FindAllSubmatch(diff, -1) {
		name := string(touched[1])
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		at := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(t, os.WriteFile(at, content, 0o600))
		replaced[filepath.Join(root, name)] = at
	}
	require.NotEmpty(t, replaced, "%s touches no file", patch)
	// A directory that is in a repository has git apply look at that one.
	run(t, dir, "git", "-c", "core.autocrlf=false", "apply", "-C1", patch)
	return replaced
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), out.String())
}
