package sim_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// What TestSeeds explores. The defaults are CI's share: always the same worlds, so that nobody's change fails by chance.
var (
	seeds  = flag.Int("seeds", 10, "how many worlds to explore")
	first  = flag.Uint64("first", 1, "the first seed; 0: a fresh one")
	days   = flag.Float64("days", 0, "how many days of its own time each world lasts at least")
	shrink = flag.Int("shrink", 150, "how often a story that breaks a law is told again to make it shorter")
)

// enough is what each world must have seen.
func enough() sim.Minimum {
	return sim.Minimum{HookCalls: 1000, Faults: 10, FaultKinds: 5, Time: time.Duration(*days * float64(24*time.Hour))}
}

func TestSeeds(t *testing.T) {
	if *first == 0 {
		*first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("exploring %d worlds from seed %d on; the same again: go test ./test/sim -run TestSeeds -first=%d -seeds=%d -days=%v", *seeds, *first, *first, *seeds, *days)
	begun := time.Now()
	all := explore(*first, *seeds)
	took := time.Since(begun)
	total := summary{kinds: map[string]int{}}
	for _, e := range all {
		total.add(e)
		if e.Broken != nil {
			report(t, e)
			continue
		}
		assert.GreaterOrEqual(t, e.Jobs, 2)
		assert.GreaterOrEqual(t, e.Pools, 2)
		assert.GreaterOrEqual(t, e.Zones, 3)
		assert.GreaterOrEqual(t, e.Counts.HookCalls, enough().HookCalls)
		assert.GreaterOrEqual(t, e.Counts.Total(), enough().Faults)
		assert.GreaterOrEqual(t, len(e.Counts.Faults), enough().FaultKinds)
	}
	t.Logf("%s, in %s", total, took.Round(time.Second))
}

// explore explores worlds on all cores, each world on one, until one breaks a law.
func explore(from uint64, worlds int) []sim.Exploration {
	var next atomic.Uint64
	var stop atomic.Bool
	var mu sync.Mutex
	var all []sim.Exploration
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < uint64(worlds) && !stop.Load(); n = next.Add(1) - 1 {
				e := sim.Explore(from+n, enough(), nil)
				if e.Broken != nil {
					stop.Store(true)
				}
				mu.Lock()
				all = append(all, e)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return all
}

// report tells which law was broken, and the shortest story that breaks it.
func report(t *testing.T, e sim.Exploration) {
	law := lawOf(e.Broken)
	short := sim.Shrink(e.Story, func(s story.Story) bool { return lawOf(sim.Tell(s, nil)) != law }, *shrink)
	t.Errorf("seed %d: %v\n\nA shorter story that breaks it, of %d commands for %d (keep it as testdata/NAME.story once it is fixed):\n\n%s",
		e.Seed, e.Broken, len(short.Commands), len(e.Story.Commands), short)
}

// lawOf is the name of the law that an error is about.
func lawOf(err error) string {
	if err == nil {
		return ""
	}
	name, _, _ := strings.Cut(err.Error(), ":")
	return name
}

// summary is what all worlds saw.
type summary struct {
	worlds, calls, faults int
	lasted                time.Duration
	kinds                 map[string]int
}

func (s *summary) add(e sim.Exploration) {
	s.worlds++
	s.calls += e.Counts.HookCalls
	s.lasted += e.Lasted
	for kind, n := range e.Counts.Faults {
		s.kinds[kind] += n
		s.faults += n
	}
}

func (s summary) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, s.kinds[kind]))
	}
	return fmt.Sprintf("%d worlds, %d hook calls, %d faults of %d kinds (%s), %.1f days of their time",
		s.worlds, s.calls, s.faults, len(s.kinds), strings.Join(kinds, ", "), s.lasted.Hours()/24)
}

// The same seed is the same run, byte for byte, and so is the story that it turned out to be.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := range uint64(3) {
		var one, two, told bytes.Buffer
		e := sim.Explore(seed, enough(), &one)
		sim.Explore(seed, enough(), &two)
		requireSame(t, one.String(), two.String(), "seed %d", seed)
		_ = sim.Tell(e.Story, &told)
		requireSame(t, one.String(), told.String(), "the story of seed %d", seed)
	}
}

// requireSame shows the first line in which two traces differ. They have thousands.
func requireSame(t *testing.T, want, got, format string, args ...any) {
	t.Helper()
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wants), len(gots)) {
		require.Equalf(t, wants[i], gots[i], "line %d: "+format, append([]any{i + 1}, args...)...)
	}
	require.Lenf(t, gots, len(wants), format, args...)
}

// TestMain lets garbage pile up: the worlds are small, and their requests are short-lived.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1200)
	os.Exit(m.Run())
}
