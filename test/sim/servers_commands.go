package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// crashCommand is `crash-hooks after=N`: the server that makes the next effect dies after the Nth of that call, N from 1,
// before it answers.
func (s *Servers) crashCommand(c story.Command) (string, error) {
	after, err := strconv.Atoi(c.Options["after"])
	if err != nil || after < 1 {
		return "", fmt.Errorf("line %d: crash-hooks after=%q: write a whole number from 1", c.Line, c.Options["after"])
	}
	s.crash = after
	return "", nil
}

// stopCommand is `stop-hooks for=D`: nobody answers for so long, and the servers come back with nothing in memory.
func (s *Servers) stopCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", 10*time.Second)
	if err != nil {
		return "", err
	}
	s.upAt = s.world.Clock.Now().Add(d)
	s.run(len(s.handlers))
	s.world.fault("hook-stop", "for %s", d)
	return "", nil
}

// twoCommand is `two-hook-servers for=D`: a second server shares the calls for so long.
func (s *Servers) twoCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	if err != nil || len(s.handlers) > 1 {
		return "", err
	}
	s.handlers = append(s.handlers, s.handler())
	s.world.fault("two-hook-servers", "for %s", d)
	s.world.Clock.AfterFunc(d, func() { s.handlers = s.handlers[:1] })
	return "", nil
}

// skewCommand is `skew-hooks by=D for=D`: the hooks' clocks are ahead, or behind if negative.
func (s *Servers) skewCommand(c story.Command) (string, error) {
	by, err := durationOf(c, "by", 10*time.Second)
	if err != nil {
		return "", err
	}
	d, err := durationOf(c, "for", time.Minute)
	if err != nil {
		return "", err
	}
	s.skew = by
	s.world.fault("clock-skew", "%s for %s", by, d)
	s.world.Clock.AfterFunc(d, func() { s.skew = 0 })
	return "", nil
}

// durationOf is an option of a command that is a time, or the default if it is not given.
func durationOf(c story.Command, option string, otherwise time.Duration) (time.Duration, error) {
	text, given := c.Options[option]
	if !given {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("line %d: %s %s=%q is no duration: write for example %s=30s", c.Line, c.Name, option, text, option)
	}
	return d, nil
}
