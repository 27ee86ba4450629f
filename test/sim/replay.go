package sim

import (
	"io"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Tell tells a story in the world that it wants, without a look at its outputs. The error is the law that was broken, or
// the command that failed.
func Tell(s story.Story, trace io.Writer) error {
	w, err := NewFor(s, 0, trace)
	if err != nil {
		return err
	}
	_, err = story.Tell(s, lawful{w})
	if broken := w.Laws.Broken(); broken != nil {
		return broken
	}
	return err
}

// lawful is a World in which a story ends with the first law that is broken.
type lawful struct{ *World }

// Do performs a command, and fails if a law is broken then.
func (w lawful) Do(c story.Command) (string, error) {
	output, err := w.World.Do(c)
	if broken := w.Laws.Broken(); broken != nil {
		return output, broken
	}
	return output, err
}

// Retell tells a story in a world of the seed, as NewFor says, and returns it as it turned out.
func Retell(s story.Story, seed uint64, trace io.Writer) (story.Story, error) {
	w, err := NewFor(s, seed, trace)
	if err != nil {
		return s, err
	}
	return story.Tell(s, lawful{w})
}

// Shrink leaves out of a story all that it can without making it hold: commands first in large groups, then in smaller
// ones. It tells the story at most tries times.
func Shrink(s story.Story, holds func(story.Story) bool, tries int) story.Story {
	for size := len(s.Commands) / 2; size > 0; size /= 2 {
		for at := 1; at < len(s.Commands) && tries > 0; {
			shorter := s
			shorter.Commands = without(s.Commands, at, size)
			tries--
			if holds(shorter) {
				at += size
				continue
			}
			s = shorter
		}
	}
	return s
}

// without is a copy that lacks size commands from at on.
func without(commands []story.Command, at, size int) []story.Command {
	kept := append([]story.Command(nil), commands[:at]...)
	return append(kept, commands[min(at+size, len(commands)):]...)
}
