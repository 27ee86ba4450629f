package sim_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

var update = flag.Bool("update", false, "write what the stories tell into their files")

// luck is how many seeds each story without one of its own is told with. All must tell the same.
const luck = 5

// Stories of both worlds are in test/story. Those here need clock jumps, or faults that only this world has.
func TestStories(t *testing.T) {
	for _, dir := range []string{"../story/testdata", "testdata"} {
		stories, err := story.ReadDir(dir)
		require.NoError(t, err)
		for _, s := range stories {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				if *update {
					rewrite(t, filepath.Join(dir, s.Name+".story"), s)
					return
				}
				for seed := range worldsOf(s) {
					told, err := sim.Retell(s, seed, nil)
					require.NoError(t, err, "seed %d", seed)
					assert.Equal(t, s.String(), told.String(), "seed %d", seed)
				}
			})
		}
	}
}

// worldsOf is in how many worlds a story is told.
func worldsOf(s story.Story) uint64 {
	if s.Commands[0].Name == "seed" {
		return 1
	}
	return luck
}

func rewrite(t *testing.T, file string, s story.Story) {
	t.Helper()
	told, err := sim.Retell(s, 0, nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(told.String()), 0o644))
}
