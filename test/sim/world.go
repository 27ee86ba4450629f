package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// What every world has.
const (
	Namespace = "default"
	Project   = "sim"
	ClusterID = "11111111-2222-3333-4444-555555555555"
)

// Timing is how long things take.
type Timing struct {
	GCE        gcefake.Timings
	Boot       time.Duration // RUNNING to the Node's registration
	Pull       time.Duration // pod bound to containers started
	Checkpoint time.Duration // of one container, if the agent's behaviour says nothing else
	Freeze     time.Duration // of each checkpoint: its program stands still for so long
	NotReady   time.Duration // last heartbeat to Ready=Unknown
	Evict      time.Duration // Ready=Unknown to the deletion of the Node's pods
	PodGC      time.Duration // how often pods of Nodes that are gone are looked for
}

// RealTiming is of the order that users report.
func RealTiming() Timing {
	return Timing{
		GCE: gcefake.RealTimings(), Boot: 90 * time.Second, Pull: 5 * time.Second, Checkpoint: 180 * time.Second,
		NotReady: 40 * time.Second, Evict: 300 * time.Second, PodGC: 20 * time.Second,
	}
}

// Config is what a World is made of.
type Config struct {
	Seed   uint64
	Timing Timing
	Zones  []string  // nil: those of gcefake
	Trace  io.Writer // nil: nobody reads it
}

// World is everything around the hooks, and the hooks. It is for one goroutine.
type World struct {
	Clock    *Clock
	Random   *rand.Rand // the only source of chance
	Timing   Timing
	API      *API
	GCE      *gcefake.Fake
	Images   *Images
	Runtimes *Runtimes
	Machines *Machines
	Agent    *Agent
	Cloud    *Cloud
	Servers  *Servers
	Meta     *Metacontroller
	Laws     *Laws
	Counts   Counts

	start    time.Time
	trace    io.Writer
	apiUpAt  time.Time // nobody reaches the API server before
	quota    *podQuota // nil: none
	jobQuota *jobQuota
	commands map[string]func(story.Command) (string, error)
	users    *users

	scheduler *scheduler
}

// Counts is what happened so far.
type Counts struct {
	HookCalls int
	Faults    map[string]int // by kind
}

// New returns a World without objects.
func New(c Config) *World {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &World{
		Clock: NewClock(start), Random: rand.New(rand.NewPCG(c.Seed, 0)), Timing: c.Timing, start: start, trace: c.Trace,
		Counts: Counts{Faults: map[string]int{}}, commands: map[string]func(story.Command) (string, error){},
	}
	w.API = NewAPI(w.Clock)
	newJobQuota(w)
	w.GCE = gcefake.New(gcefake.Config{Clock: w.Clock, Timings: c.Timing.GCE, Zones: c.Zones})
	w.Images = newImages(w)
	w.Runtimes = newRuntimes(w)
	w.Machines = newMachines(w)
	newKubernetes(w)
	w.Agent = newAgent(w)
	w.Cloud = newCloud(w)
	w.Servers = newServers(w)
	w.Meta = newMetacontroller(w)
	w.users = newUsers(w)
	w.Laws = newLaws(w)
	w.addTelling()
	return w
}

// Do performs one command of a story. World is a story.World.
func (w *World) Do(c story.Command) (string, error) {
	do := w.commands[c.Name]
	if do == nil {
		return "", fmt.Errorf("line %d: the simulator has no command %q", c.Line, c.Name)
	}
	w.Tracef("user %s", c.Name)
	return do(c)
}

// command adds a command to those that Do knows. Each part of the world adds its own.
func (w *World) command(name string, do func(story.Command) (string, error)) { w.commands[name] = do }

// Step runs what is due next, then checks the laws. It reports false when nothing is due any more.
func (w *World) Step() bool {
	if !w.Clock.RunNext() {
		return false
	}
	w.Laws.check()
	return true
}

// Advance lets d pass.
func (w *World) Advance(d time.Duration) {
	end := w.Clock.Now().Add(d)
	for w.Laws.Broken() == nil {
		if at, exists := w.Clock.Next(); !exists || at.After(end) {
			break
		}
		w.Step()
	}
	w.Clock.Jump(end)
}

// Until lets time pass until the check returns nil, at most patience. The error is the check's last.
func (w *World) Until(patience time.Duration, check func() error) error {
	end := w.Clock.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if broken := w.Laws.Broken(); broken != nil {
			return broken
		}
		if at, exists := w.Clock.Next(); !exists || at.After(end) {
			return err
		}
		w.Step()
	}
}

// isAPIDown tells whether the API server answers nobody.
func (w *World) isAPIDown() bool { return w.Clock.Now().Before(w.apiUpAt) }

// Tracef writes one line of the trace: seconds since the start, then what happened.
func (w *World) Tracef(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%12.3f "+format+"\n", append([]any{w.Clock.Now().Sub(w.start).Seconds()}, args...)...)
	}
}

// fault counts one fault that really happened, and traces it.
func (w *World) fault(kind, format string, args ...any) {
	w.Counts.Faults[kind]++
	w.Tracef("fault %s: %s", kind, fmt.Sprintf(format, args...))
}
