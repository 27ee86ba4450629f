package sim

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// patience is how long a story may take before the thing that it waits for is given up.
const patience = 30 * time.Minute

// LabTiming is the timing of the lab, where test/e2e tells the same stories.
func LabTiming() Timing {
	return Timing{
		GCE: gcefake.Timings{
			Provision: 500 * time.Millisecond, Stage: 500 * time.Millisecond, Stockout: time.Second,
			Delete: time.Second, Stop: 2 * time.Second, Notice: 15 * time.Second,
		},
		Boot: time.Second, Pull: 500 * time.Millisecond, Checkpoint: time.Second,
		NotReady: 12 * time.Second, Evict: 5 * time.Second, PodGC: 20 * time.Second,
	}
}

// NewFor returns the World that a story wants: with the seed of its command `seed N` and real timing, or with the lab's
// timing and the given seed, which then must make no difference to what the story tells.
func NewFor(s story.Story, seed uint64, trace io.Writer) (*World, error) {
	timing := LabTiming()
	if len(s.Commands) > 0 && s.Commands[0].Name == "seed" {
		var err error
		if seed, err = seedOf(s.Commands[0]); err != nil {
			return nil, err
		}
		timing = RealTiming()
	}
	w := New(Config{Seed: seed, Timing: timing, Trace: trace})
	w.addScene()
	return w, nil
}

// seedOf reads `seed N`.
func seedOf(c story.Command) (uint64, error) {
	if len(c.Args) != 1 {
		return 0, fmt.Errorf("line %d: write seed N", c.Line)
	}
	seed, err := strconv.ParseUint(c.Args[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("line %d: seed %s is no whole number", c.Line, c.Args[0])
	}
	return seed, nil
}

// addTelling adds the commands that move a story on.
func (w *World) addTelling() {
	w.command("seed", func(story.Command) (string, error) { return "", nil })
	w.command("advance", w.advanceCommand)
	w.command("calm", w.calmCommand)
	w.command("let-pools-sleep", w.sleepCommand)
	w.command("rest", w.restCommand)
	w.command("end", func(story.Command) (string, error) { return "", w.end() })
}

// advanceCommand is `advance D`.
func (w *World) advanceCommand(c story.Command) (string, error) {
	if len(c.Args) != 1 {
		return "", fmt.Errorf("line %d: write for example advance 5m", c.Line)
	}
	d, err := time.ParseDuration(c.Args[0])
	if err != nil {
		return "", fmt.Errorf("line %d: advance %s: write for example advance 5m", c.Line, c.Args[0])
	}
	w.Advance(d)
	return "", nil
}

// calmCommand is `calm`: whatever can be put right is: capacity, agents, how VMs boot, what users suspended. Faults that last for a
// time end by themselves.
func (w *World) calmCommand(story.Command) (string, error) {
	for _, zone := range zoneNames {
		w.GCE.SetCapacity(zone, -1)
	}
	w.Agent.Behave("works", 0)
	w.Machines.boots = nil
	w.API.quota.most = nil
	for _, r := range w.API.List("SpotInstanceJob") {
		if As[*v1alpha1.SpotInstanceJob](r).Spec.Suspend {
			if err := w.API.Edit(r.Key, "", func(o Object) { o.(*v1alpha1.SpotInstanceJob).Spec.Suspend = false }); err != nil {
				return "", err
			}
		}
	}
	w.users.createSecret()
	return "", nil
}

// restCommand is `rest`: time passes until all jobs run on spot VMs, and some more.
func (w *World) restCommand(story.Command) (string, error) {
	for _, law := range []struct {
		name  string
		check func() error
	}{{"all-replicas-run", w.Laws.allRun}, {"spot-comes-back", w.Laws.spotIsBack}} {
		if err := w.Until(recovery, law.check); err != nil && w.Laws.Broken() == nil {
			w.Laws.violate(law.name, "nothing has been wrong for %s, and %v", recovery, err)
		}
	}
	w.Advance(watched)
	return "", nil
}

// end deletes all jobs and pools, and waits until nothing is left of them.
func (w *World) end() error {
	for _, kind := range []string{"SpotInstanceJob", "SpotInstanceVM"} {
		for _, r := range w.API.List(kind) {
			if err := w.API.Delete(r.Key, ""); err != nil {
				return err
			}
		}
	}
	err := w.Until(2*time.Hour, func() error {
		for _, op := range w.GCE.OperationsInFlight() {
			return fmt.Errorf("nothing-left: operation %s of VM %s is still in flight", op.Type, op.Target)
		}
		return w.Laws.End()
	})
	return errors.Join(err, w.Laws.Broken())
}
