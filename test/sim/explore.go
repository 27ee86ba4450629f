package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Minimum is what a run by chance must have seen at least. It goes on until it has.
type Minimum struct {
	HookCalls  int
	Faults     int
	FaultKinds int
	Time       time.Duration // of the world
}

// Exploration is a run by chance, and the story that it turned out to be: the same story in a world of the same seed is
// the same run.
type Exploration struct {
	Seed   uint64
	Story  story.Story
	Counts Counts
	Jobs   int
	Pools  int
	Zones  int
	Lasted time.Duration
	Broken error // the first law that was broken, or nil
}

// explorer chooses what happens. Its chance is its own, so that the world's is the same when the story is told again.
type explorer struct {
	world  *World
	chance *rand.Rand
	apart  *rand.Rand // of what keeps pods from VMs; nil: nothing does
	told   []story.Command
	jobs   []jobName
	pools  []string
	calm   time.Duration // mean time between two things that happen
}

type jobName struct {
	name     string
	replicas int
}

// eventsAtMost is about how many things happen in a world that lasts for days.
const eventsAtMost = 200

// setUpFirst is the first command of a seed that applies a pool: after its seed and its runtime.
const setUpFirst = 2

// A world that nothing is wrong with any more may take so long until all is well. Then it is watched for a while.
const (
	recovery = 3 * time.Hour
	watched  = 5 * time.Minute
)

// Explore runs the world of a seed until it has seen enough. trace may be nil.
func Explore(seed uint64, enough Minimum, trace io.Writer) Exploration {
	w := New(Config{Seed: seed, Timing: RealTiming(), Trace: trace})
	e := &explorer{world: w, chance: rand.New(rand.NewPCG(seed, 1))}
	if chance := rand.New(rand.NewPCG(seed, 2)); chance.IntN(2) == 0 {
		e.apart = chance
	}
	e.do("seed", []string{fmt.Sprint(seed)}, nil)
	e.setUp()
	if enough.Time > 0 {
		e.do("let-pools-sleep", nil, nil)
		e.calm = max(e.calm, enough.Time/eventsAtMost)
	}
	e.run(enough)
	e.finish(enough)
	return Exploration{
		Seed: seed, Counts: w.Counts, Jobs: len(e.jobs), Pools: len(e.pools), Zones: 4, Lasted: w.Clock.Now().Sub(w.start),
		Story: story.Story{
			Name: fmt.Sprintf("seed-%d", seed), Comment: fmt.Sprintf("What seed %d turned out to be.", seed),
			Commands: e.told,
		},
		Broken: w.Laws.Broken(),
	}
}

// do performs a command and notes it. What the explorer chooses is never wrong.
func (e *explorer) do(name string, args []string, options map[string]string) {
	c := story.Command{Name: name, Args: args, Options: options}
	e.told = append(e.told, c)
	if _, err := e.world.Do(c); err != nil {
		e.world.Laws.violate("story", "%s %v %v: %v", name, args, options, err)
	}
}

// setUp applies two pools, and two or three jobs.
func (e *explorer) setUp() {
	e.setRuntime()
	zones := []string{"a,b,c", "a,b", "b,c,a", "c,w,a", "w,a,b,c"}
	for i := range 2 {
		name := fmt.Sprintf("pool%d", i)
		options := map[string]string{"zones": pick(e, zones), "idle": pick(e, []string{"1m", "5m"})}
		switch e.chance.IntN(6) {
		case 0:
			options["replicas"] = fmt.Sprint(1 + e.chance.IntN(3))
		case 1:
			options["min"] = "1"
		case 2:
			options["notice"] = "0s"
		case 3:
			options["max-run"] = pick(e, []string{"2h", "6h"})
		case 4:
			options["model"], options["fallback"] = "SpotWithStandardFallback", pick(e, []string{"1m", "10m"})
		}
		e.pools = append(e.pools, name)
		e.do("pool", []string{name}, options)
	}
	for i := range 2 + e.chance.IntN(2) {
		name := jobName{fmt.Sprintf("job%d", i), 1 + e.chance.IntN(3)}
		options := map[string]string{
			"pool": e.pools[i%len(e.pools)], "replicas": fmt.Sprint(name.replicas), "interval": pick(e, []string{"5m", "15m", "1h", "auto"}),
			"work": pick(e, []string{"30m", "2h", "10h", "200h"}), "retain": pick(e, []string{"1", "3"}), "backoff-limit": pick(e, []string{"1", "6"}),
			"sigterm": pick(e, []string{"exit0", "exit143"}),
		}
		if e.chance.IntN(8) == 0 {
			options["shm"] = "yes"
		}
		if e.chance.IntN(3) == 0 {
			options["method"], options["sigterm"] = "Application", pick(e, []string{"exit0", "exit0", "exit143", "ignored"})
		}
		e.jobs = append(e.jobs, name)
		e.do("job", []string{name.name}, options)
	}
	e.calm = time.Duration(20+e.chance.IntN(180)) * time.Second
}

// setRuntime chooses what the VMs restore with: a world has one runtime, and one version of Kubernetes.
func (e *explorer) setRuntime() {
	kind, options := pick(e, []string{runtimeCRIO, runtimeContainerd}), map[string]string{}
	if e.chance.IntN(6) == 0 {
		options["image-volumes"] = "off"
	}
	e.do("runtime", []string{kind}, options)
}

// run lets things happen until there was enough of them. What is missing of the hook calls is made while the world comes
// to rest.
func (e *explorer) run(enough Minimum) {
	w := e.world
	for steps := 0; w.Laws.Broken() == nil; steps++ {
		done := w.Counts.Total() >= enough.Faults && len(w.Counts.Faults) >= enough.FaultKinds
		if done && w.Counts.HookCalls >= enough.HookCalls*2/3 && w.Clock.Now().Sub(w.start) >= enough.Time {
			return
		}
		e.advance(time.Duration(e.chance.ExpFloat64() * float64(e.calm)))
		e.something()
		e.keepApart()
		e.renew()
	}
}

// renew lets users delete a job that is over and apply it again, so that there is always something to lose.
func (e *explorer) renew() {
	for i, job := range e.jobs {
		r := e.world.API.Get(Key{"SpotInstanceJob", Namespace, job.name})
		over := r != nil && As[*v1alpha1.SpotInstanceJob](r).Status.CompletionTime != nil
		if over && e.chance.IntN(4) == 0 {
			e.do("delete", []string{"job", job.name}, nil)
			e.applyJob(i)
		}
	}
}

// applyJob applies the job with this number as it was told first.
func (e *explorer) applyJob(i int) {
	c := e.told[setUpFirst+len(e.pools)+i]
	e.do(c.Name, c.Args, c.Options)
}

// finish leaves the world alone, then takes everything away, and looks whether anything is left.
func (e *explorer) finish(enough Minimum) {
	if e.world.Laws.Broken() != nil {
		return
	}
	e.do("calm", nil, nil)
	e.do("rest", nil, nil)
	for e.world.Counts.HookCalls < enough.HookCalls && e.world.Laws.Broken() == nil {
		e.advance(watched)
	}
	e.do("end", nil, nil)
}

func (e *explorer) advance(d time.Duration) {
	e.do("advance", []string{d.Round(time.Second).String()}, nil)
}

// Total is how many faults there were.
func (c Counts) Total() int {
	sum := 0
	for _, n := range c.Faults {
		sum += n
	}
	return sum
}

func pick[T any](e *explorer, from []T) T { return from[e.chance.IntN(len(from))] }
