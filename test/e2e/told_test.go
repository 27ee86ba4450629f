package e2e

import (
	"fmt"
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
			if reason := untellable(wanted); reason != nil {
				t.Skipf("this story cannot be told here: %v", reason)
			}
			s := begin(t)
			told, err := story.Tell(wanted, s)
			require.NoError(t, err)
			assert.Equal(t, wanted.String(), told.String())
		})
	}
}

// untellable is why the lab cannot tell a story: the real checkpoint agent cannot be told how to behave.
func untellable(s story.Story) error {
	for _, c := range s.Commands {
		if c.Name != "agent" {
			continue
		}
		behaviour, err := behaviourOf(&story.Options{Command: c})
		if err == nil { // else telling the story says so
			err = lab.CanBehave(behaviour)
			if err != nil {
				return fmt.Errorf("line %d: %w", c.Line, err)
			}
		}
	}
	return nil
}
