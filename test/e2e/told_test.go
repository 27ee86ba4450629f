package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// The stories that the simulator tells, too, and that must turn out the same here.
func TestStories(t *testing.T) {
	stories, err := story.ReadDir("../story/testdata")
	require.NoError(t, err)
	if *realNodes { // what only real programs can tell
		more, err := story.ReadDir("../realnode/testdata")
		require.NoError(t, err)
		stories = append(stories, more...)
	}
	for _, wanted := range stories {
		t.Run(wanted.Name, func(t *testing.T) {
			s := begin(t)
			told, err := story.Tell(wanted, s)
			require.NoError(t, err)
			assert.Equal(t, wanted.String(), told.String())
		})
	}
}
