package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

func (m *Metacontroller) addCommands() {
	w := m.world
	w.command("restart-metacontroller", m.restartCommand)
	w.command("stale-cache", m.staleCommand)
	w.command("slow-writes", m.slowCommand)
	w.command("duplicate-syncs", m.duplicateCommand)
	w.command("resync-wave", func(story.Command) (string, error) {
		m.wave()
		w.fault("resync-wave", "all parents")
		return "", nil
	})
}

// isCutOff tells whether the API server answers nobody.
func (m *Metacontroller) isCutOff() bool { return m.world.isAPIDown() }

// restartCommand is `restart-metacontroller down=D`.
func (m *Metacontroller) restartCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "down", 10*time.Second)
	if err != nil {
		return "", err
	}
	m.restart(d)
	m.world.fault("metacontroller-restart", "down for %s", d)
	return "", nil
}

// staleCommand is `stale-cache KIND delay=D for=D`: Metacontroller learns of changes of this kind so much later.
func (m *Metacontroller) staleCommand(c story.Command) (string, error) {
	delay, err := durationOf(c, "delay", 5*time.Second)
	if err != nil {
		return "", err
	}
	d, err := durationOf(c, "for", time.Minute)
	if err != nil {
		return "", err
	}
	if len(c.Args) != 1 || !slices.Contains(cached, c.Args[0]) {
		return "", fmt.Errorf("line %d: stale-cache %v: name one of %s", c.Line, c.Args, strings.Join(cached, ", "))
	}
	kind := c.Args[0]
	m.cache.latency[kind] = delay
	m.world.fault("stale-cache", "%s by %s for %s", kind, delay, d)
	m.world.Clock.AfterFunc(d, func() { delete(m.cache.latency, kind) })
	return "", nil
}

// slowCommand is `slow-writes delay=D for=D`: answers are written so much later.
func (m *Metacontroller) slowCommand(c story.Command) (string, error) {
	delay, err := durationOf(c, "delay", 2*time.Second)
	if err != nil {
		return "", err
	}
	d, err := durationOf(c, "for", time.Minute)
	if err != nil {
		return "", err
	}
	m.slowness.writes = delay
	m.world.fault("slow-writes", "by %s for %s", delay, d)
	m.world.Clock.AfterFunc(d, func() { m.slowness.writes = 0 })
	return "", nil
}

// duplicateCommand is `duplicate-syncs for=D`: every successful sync is done once more, soon after.
func (m *Metacontroller) duplicateCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	if err != nil {
		return "", err
	}
	m.slowness.repeating = true
	m.world.fault("duplicate-syncs", "for %s", d)
	m.world.Clock.AfterFunc(d, func() { m.slowness.repeating = false })
	return "", nil
}
