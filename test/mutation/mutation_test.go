// Package mutation_test breaks the hooks on purpose, one patch at a time, and has the simulator find out. A simulator
// that passes with a broken hook would prove nothing about a whole one. What no simulator runs has tests of its own, and a patch
// that breaks it names them: "Found by TestGC in ./cmd/hooks."
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
			by := finderOf(t, patch)
			out, err := by.look(build(t, patch, by.where))
			require.Error(t, err, "nobody found it:\n%s", out)
			found := by.says.FindString(out)
			assert.NotEmpty(t, found, "something failed, but does not say what:\n%s", out)
			t.Log(found)
		})
	}
}

// finder is the tests that must find a mutation.
type finder struct {
	where string // package, from the root of the module
	flags []string
	says  *regexp.Regexp // what they print of what they found
}

var (
	named = regexp.MustCompile(`(?m)^Found by (Test\w+) in \./(\S+)\.$`)
	// broken is how the simulator says which seed broke which law.
	broken = regexp.MustCompile(`seed \d+: [a-z-]+: .*`)
	failed = regexp.MustCompile(`--- FAIL: .*`)
)

// finderOf is the simulator, unless a patch names tests. It looks for a broken law always at the same worlds.
func finderOf(t *testing.T, patch string) finder {
	t.Helper()
	diff, err := os.ReadFile(patch)
	require.NoError(t, err)
	if tests := named.FindSubmatch(diff); tests != nil {
		return finder{string(tests[2]), []string{"-test.run=^" + string(tests[1])}, failed}
	}
	return finder{"test/sim", []string{"-test.run=^TestSeeds$", "-first=1", fmt.Sprintf("-seeds=%d", *seeds), "-shrink=0"}, broken}
}

// look runs the tests one after the other: what they find is the first, and the mutations share the cores.
func (f finder) look(binary string) (string, error) {
	cmd := exec.Command(binary, append(f.flags, "-test.timeout=10m")...)
	cmd.Dir = filepath.Join(module, f.where)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// build is the tests of a package with the mutation in them.
func build(t *testing.T, patch, where string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": mutated(t, patch, dir)})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, content, 0o600))
	binary := filepath.Join(dir, "mutated.test")
	run(t, module, "go", "test", "-overlay="+overlay, "-vet=off", "-ldflags=-s -w", "-c", "-o", binary, "./"+where)
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
