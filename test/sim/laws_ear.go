package sim

import (
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// ear hears the commands of the story: what users and fate do now makes some laws lenient for a while.
type ear struct {
	world   *World
	listens bool
	until   map[string]time.Time // when what a command did is over, by the command's name
	calm    time.Time            // since when nothing but time passes, and nothing is wrong; zero: something may be
}

func newEar(w *World) ear { return ear{world: w, until: map[string]time.Time{}, calm: w.start} }

// listen puts the ear before every command that the world has.
func (e *ear) listen() {
	e.listens = true
	for name, do := range e.world.commands {
		e.world.commands[name] = func(c story.Command) (string, error) {
			e.hear(c)
			return do(c)
		}
	}
}

// hear notes a command and how long its doing lasts at most.
func (e *ear) hear(c story.Command) {
	lasts := time.Duration(0)
	for _, option := range []string{"for", "down", "delay"} {
		if d, err := time.ParseDuration(c.Options[option]); err == nil {
			lasts += d
		}
	}
	now := e.world.Clock.Now()
	if until := now.Add(lasts); until.After(e.until[c.Name]) {
		e.until[c.Name] = until
	}
	switch {
	case c.Name == "calm":
		e.calm = now
	case !slices.Contains([]string{"seed", "pool", "job", "runtime", "advance", "rest", "let-pools-sleep"}, c.Name):
		e.calm = time.Time{}
	}
}

// lately tells whether what one of these commands did lasts still, or did margin ago.
func (e *ear) lately(margin time.Duration, commands ...string) bool {
	now := e.world.Clock.Now()
	return slices.ContainsFunc(commands, func(name string) bool {
		until, heard := e.until[name]
		return heard && !now.After(until.Add(margin))
	})
}

// ever tells whether one of these commands was heard.
func (e *ear) ever(commands ...string) bool {
	return slices.ContainsFunc(commands, func(name string) bool { return !e.until[name].IsZero() })
}

// behind are the commands after which Metacontroller shows the hooks, or writes, what has passed already. What the hooks
// decide then is judged by what they were shown, not by what is.
func behind() []string {
	return []string{"rollback", "stale-cache", "slow-writes", "duplicate-syncs", "restart-metacontroller", "two-hook-servers", "api"}
}
