package story_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

const text = `# Why this is told,
# in two lines.
pool t4 zones=a,b
job resnet interval=5m replicas=2
status job resnet
----
Running

end
`

func TestAStoryIsReadAndWritten(t *testing.T) {
	s, err := story.Parse("told", text)
	require.NoError(t, err)
	assert.Equal(t, "Why this is told,\nin two lines.\n", s.Comment)
	require.Len(t, s.Commands, 4)
	assert.Equal(t, story.Command{Line: 4, Name: "job", Args: []string{"resnet"}, Options: map[string]string{"interval": "5m", "replicas": "2"}}, s.Commands[1])
	assert.Equal(t, story.Command{Line: 5, Name: "status", Args: []string{"job", "resnet"}, Want: "Running\n", HasWant: true}, s.Commands[2])
	assert.Equal(t, text, s.String())
}

func TestOutputWithoutACommandIsRefused(t *testing.T) {
	_, err := story.Parse("told", "# nothing\n----\nRunning\n")
	assert.EqualError(t, err, "told:2: ---- without a command above it")
}

// echo prints a command's name, and fails at end.
type echo struct{}

func (echo) Do(c story.Command) (string, error) {
	if c.Name == "end" {
		return "", errors.New("something is left")
	}
	return c.Name, nil
}

func TestTellPutsWhatHappenedInPlaceOfWhatWasWanted(t *testing.T) {
	s, err := story.Parse("told", text)
	require.NoError(t, err)
	told, err := story.Tell(s, echo{})
	assert.EqualError(t, err, "told:9: end: something is left")
	assert.Equal(t, "status\n", told.Commands[2].Want)
	assert.Equal(t, "Running\n", s.Commands[2].Want, "the story itself stays as it was")
	assert.Empty(t, told.Commands[0].Want, "it wanted no output")
}

// A file that is not as String writes it would differ from what is told for its form alone.
func TestStoriesAreWrittenAsTheyAreTold(t *testing.T) {
	for _, dir := range []string{"testdata", "../sim/testdata"} {
		stories, err := story.ReadDir(dir)
		require.NoError(t, err)
		require.NotEmpty(t, stories, dir)
		for _, s := range stories {
			text, err := os.ReadFile(filepath.Join(dir, s.Name+".story"))
			require.NoError(t, err)
			assert.Equal(t, string(text), s.String(), s.Name)
			assert.NotEmpty(t, s.Comment, "%s does not tell why", s.Name)
			if dir == "testdata" {
				assert.Equal(t, "end", lastDeed(s).Name, "%s does not look whether anything is left", s.Name)
			}
		}
	}
}

// lastDeed is the last command of a story that does more than look.
func lastDeed(s story.Story) (last story.Command) {
	for _, c := range s.Commands {
		if !slices.Contains(story.Looks(), c.Name) {
			last = c
		}
	}
	return last
}
