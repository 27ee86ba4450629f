package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Circumstances are what policies are compared in.
type Circumstances struct {
	Seed       uint64
	Trace      Trace
	Lasts      time.Duration // of the run
	Boot       time.Duration // RUNNING to the Node's registration, at least: up to a quarter more, by chance
	Checkpoint time.Duration // of the one container
	Freeze     time.Duration // of it: the training stands still
	Notice     time.Duration // 0 or 2 minutes, that VMs of the hooks' policies ask for
	Restless   bool          // pools at rest are looked at as often as they ask for, too: see sleeper
}

// Policy is one way to run a training job on spot VMs.
type Policy struct {
	Name     string
	Replicas int
	Interval v1alpha1.CheckpointInterval // of periodic checkpoints; zero: no checkpoints at all
	Zones    []string                    // by preference
	Operator Operator
}

// Operator is who carries a policy out.
type Operator string

// The operators.
const (
	Hooks    Operator = "hooks"    // those that ship
	Original Operator = "original" // a model of the first operator, in the first zone: see original
	Nursed   Operator = "nursed"   // the same with somebody at hand for its faults
)

// Outcome is what came of a policy.
type Outcome struct {
	Policy
	Lasted      time.Duration
	Progress    time.Duration            // training that the best replica, or the best checkpoint, has at the end
	Lost        time.Duration            // progress that was there and was lost
	Stalled     time.Duration            // in which progress did not grow
	Billed      map[string]time.Duration // by zone, of VMs
	Preemptions int
	Checkpoints int // that completed
	Inserts     int // VMs that were asked for
	HookCalls   int
	Curve       []time.Duration // progress, every curveStep and at the end
	Times       []time.Duration // of the curve
}

// Goodput is progress by the time passed, from 0 to 1.
func (o Outcome) Goodput() float64 { return float64(o.Progress) / float64(o.Lasted) }

// VMTime is the time that VMs were billed for.
func (o Outcome) VMTime() time.Duration {
	sum := time.Duration(0)
	for _, d := range o.Billed {
		sum += d
	}
	return sum
}

// Run runs a policy. The laws are off, since they cost more than the hooks: they see no answer and are not asked after a
// step. What they note of changes in the API stays, and costs little.
func Run(c Circumstances, p Policy) (Outcome, error) {
	w, at := worldOf(c)
	m := newMeter(w)
	if err := start(w, c, p); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Policy: p, Lasted: c.Lasts}
	for next := time.Duration(0); next < c.Lasts; {
		next = min(next+curveStep, c.Lasts)
		pass(w, w.start.Add(next), m.look)
		o.Curve, o.Times = append(o.Curve, m.progress), append(o.Times, next)
	}
	o.Progress, o.Lost, o.Stalled = m.progress, m.lost, c.Lasts-m.progress-m.lost
	o.Billed, o.Preemptions, o.Checkpoints = m.bill(), at.preemptions, m.saves
	o.Inserts, o.HookCalls = w.GCE.Calls()[gcefake.Insert], w.Counts.HookCalls
	return o, nil
}

// worldOf is a world without laws whose zones have the capacity of the trace from now on.
func worldOf(c Circumstances) (*World, *market) {
	w := New(Config{Seed: c.Seed, Timing: c.timing(), Zones: c.Trace.Zones})
	w.Servers.observe = nil // nobody but the laws
	at := &market{world: w, trace: c.Trace, chance: rand.New(rand.NewPCG(c.Seed, 2))}
	at.open()
	return w, at
}

// curveStep is the time between two points of a curve.
const curveStep = 10 * time.Minute

// timing is real, with insert operations that take as long as the median that was measured.
func (c Circumstances) timing() Timing {
	t := RealTiming()
	t.GCE.Stage = 20500*time.Millisecond - t.GCE.Provision
	t.Boot, t.Checkpoint, t.Freeze = c.Boot, c.Checkpoint, c.Freeze
	return t
}

// pass lets time pass without a look at the laws, and has somebody else look after every step and at the end.
func pass(w *World, until time.Time, look func()) {
	for {
		at, exists := w.Clock.Next()
		if !exists || at.After(until) {
			break
		}
		w.Clock.RunNext()
		look()
	}
	w.Clock.Jump(until)
	look()
}

// start applies a pool and a job, or lets the original begin.
func start(w *World, c Circumstances, p Policy) error {
	if p.Operator != Hooks {
		newOriginal(w, p).poll()
		return nil
	}
	const pool = "spot"
	if !c.Restless {
		letSleep(w)
	}
	job := map[string]string{"pool": pool, "replicas": fmt.Sprint(p.Replicas), "interval": p.Interval.Duration.String()}
	switch {
	case p.Interval.Auto:
		job["interval"] = "auto"
	case p.Interval.Duration == 0:
		job["interval"], job["on-preemption"] = (2 * c.Lasts).String(), "None"
	}
	commands := []story.Command{
		{Name: "pool", Args: []string{pool}, Options: map[string]string{"zones": strings.Join(p.Zones, ","), "notice": c.Notice.String()}},
		{Name: "job", Args: []string{"training"}, Options: job},
	}
	for _, command := range commands {
		if _, err := w.Do(command); err != nil {
			return err
		}
	}
	return nil
}
