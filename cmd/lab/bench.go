package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// bench is one round of measuring: a lab, and what was measured in it so far.
type bench struct {
	lab       *cluster.Cluster
	screen    *screen
	hookCalls *atomic.Int64 // that were answered so far

	mu       sync.Mutex
	measured measurements
	failures []error
}

// scenario is something that is let happen several times, each time in a namespace of its own.
type scenario struct {
	name  string
	runs  int           // 0: only when somebody names it, and then once
	limit time.Duration // of one run
	play  func(context.Context, *trial) error
}

// lane is scenarios of which so many runs happen at the same time.
type lane struct {
	width     int
	scenarios []scenario
}

// choice is what the user asked for.
type choice struct {
	json string   // file for the raw samples
	only []string // names of scenarios; none: all
	real bool     // on real nodes, which have scenarios of their own
	runs int      // of each scenario; 0: its own number
}

func choose(args []string) (choice, error) {
	flags := flag.NewFlagSet("lab bench", flag.ContinueOnError)
	var c choice
	flags.StringVar(&c.json, "json", "", "write the raw samples and their percentiles to this `file`")
	flags.IntVar(&c.runs, "runs", 0, "how often each scenario is repeated; 0: as often as it deserves")
	nodes := flags.String("nodes", "", "real: measure checkpoints on real nodes")
	only := flags.String("only", "", "measure these `scenarios` only, separated by commas")
	if err := flags.Parse(args); err != nil {
		return choice{}, err
	}
	if flags.NArg() > 0 {
		return choice{}, fmt.Errorf("lab bench does not know %q", flags.Args())
	}
	if *nodes != "" && *nodes != "real" {
		return choice{}, fmt.Errorf("lab bench knows --nodes=real, not %q", *nodes)
	}
	c.real = *nodes == "real"
	if *only != "" {
		c.only = strings.Split(*only, ",")
	}
	return c, c.check()
}

// check refuses names that no scenario has.
func (c choice) check() error {
	var known []string
	for _, stage := range c.stages() {
		for _, l := range stage {
			for _, s := range l.scenarios {
				known = append(known, s.name)
			}
		}
	}
	for _, name := range c.only {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no scenario %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// measure runs the scenarios and prints the table to out; what happens meanwhile goes to the standard error stream. It
// returns an error if any run did not happen as it should, after the table.
func measure(ctx context.Context, args []string, out io.Writer) error {
	c, err := choose(args)
	if err != nil {
		return err
	}
	b, err := startBench(ctx, newScreen(os.Stderr), c.real)
	if err != nil {
		return err
	}
	defer b.lab.Stop()
	for _, stage := range c.stages() {
		b.run(ctx, c, stage)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprint(out, markdown(c.rows(), b.measured))
	if c.json != "" {
		b.failures = append(b.failures, writeSamples(c.json, b.measured))
	}
	return errors.Join(b.failures...)
}

func (c choice) stages() [][]lane {
	if c.real {
		return realStages()
	}
	return stages()
}

func (c choice) rows() []row {
	if c.real {
		return realRows()
	}
	return rows()
}

// run runs the lanes of one stage at the same time and returns when all of them have ended.
func (b *bench) run(ctx context.Context, c choice, stage []lane) {
	var all sync.WaitGroup
	for _, l := range stage {
		all.Go(func() {
			var runs errgroup.Group
			runs.SetLimit(l.width)
			for _, s := range c.of(l.scenarios) {
				for i := range s.runs {
					runs.Go(func() error { b.try(ctx, s, i); return nil })
				}
			}
			_ = runs.Wait() // failures are kept by try
		})
	}
	all.Wait()
}

// of is the scenarios that were asked for.
func (c choice) of(all []scenario) []scenario {
	var chosen []scenario
	for _, s := range all {
		if c.runs > 0 {
			s.runs = c.runs
		}
		if slices.Contains(c.only, s.name) {
			s.runs = max(s.runs, 1) // those of no runs are only measured when somebody names them
		}
		if len(c.only) == 0 || slices.Contains(c.only, s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// try lets one run happen, cleans up after it, and keeps its failure.
func (b *bench) try(ctx context.Context, s scenario, run int) {
	if ctx.Err() != nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	t, err := b.begin(bounded, s.name, run)
	if err == nil {
		err = errors.Join(s.play(bounded, t), t.end(ctx))
	}
	outcome := "done"
	if err != nil {
		outcome = "FAILED: " + err.Error()
		b.mu.Lock()
		b.failures = append(b.failures, fmt.Errorf("%s, run %d: %w", s.name, run+1, err))
		b.mu.Unlock()
	}
	b.screen.say(time.Now(), "%s, run %d of %d: %s", s.name, run+1, s.runs, outcome)
}
