package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// comparison is what all policies came to, in the same circumstances.
type comparison struct {
	simulation
	circumstances sim.Circumstances
	outcomes      []sim.Outcome // in the order of the policies
	prices        sim.Prices    // nil: unknown
}

// simulate compares ways to run one training job on spot VMs whose zones have the capacity that a trace says. It prints
// the table to out; what happens meanwhile goes to the standard error stream.
func simulate(ctx context.Context, args []string, out io.Writer) error {
	s, err := chooseSimulation(args)
	if err != nil {
		return err
	}
	c := comparison{simulation: s}
	if c.circumstances, err = s.circumstances(); err != nil {
		return err
	}
	if c.prices, err = s.readPrices(); err != nil {
		return err
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	table, err := c.table()
	if err != nil {
		return err
	}
	fmt.Fprint(out, table)
	return errors.Join(c.writeJSON(), c.writePlot())
}

// run runs all policies, each in a world of its own, on all cores.
func (c *comparison) run(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and make much garbage
	policies := c.policies()
	c.outcomes = make([]sim.Outcome, len(policies))
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range policies {
		all.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			begun := time.Now()
			outcome, err := sim.Run(c.circumstances, p)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			c.outcomes[i] = outcome
			fmt.Fprintf(os.Stderr, "%s: goodput %.1f %%, %d hook calls, in %s\n",
				p.Name, 100*outcome.Goodput(), outcome.HookCalls, time.Since(begun).Round(100*time.Millisecond))
			return nil
		})
	}
	return all.Wait()
}

// circumstances reads the trace, or makes one up.
func (s simulation) circumstances() (sim.Circumstances, error) {
	c := sim.Circumstances{
		Seed: s.seed, Lasts: time.Duration(s.days * float64(24*time.Hour)), Boot: inSeconds(s.boot), Checkpoint: inSeconds(s.checkpoint),
		Freeze: inSeconds(s.freeze), Notice: inSeconds(s.notice), Restless: s.everyPoll,
	}
	if s.trace == "" {
		c.Trace = sim.Synthesize(s.seed, s.zones, c.Lasts)
		return c, nil
	}
	content, err := os.ReadFile(s.trace)
	if err != nil {
		return c, fmt.Errorf("--trace: %w", err)
	}
	c.Trace, err = sim.ReadTrace(s.trace, bytes.NewReader(content), s.zones)
	return c, err
}

// readPrices reads what VMs cost in the zones, or nothing.
func (s simulation) readPrices() (sim.Prices, error) {
	if s.prices == "" {
		return nil, nil
	}
	content, err := os.ReadFile(s.prices)
	if err != nil {
		return nil, fmt.Errorf("--prices: %w", err)
	}
	prices, err := sim.ReadPrices(s.prices, bytes.NewReader(content), s.machineType)
	if err != nil {
		return nil, err
	}
	_, err = prices.OnDemand(s.zones)
	return prices, err
}

// source says where the capacity of zones is from.
func (s simulation) source() string {
	return "from " + cmp.Or(s.trace, fmt.Sprintf("a trace made up from seed %d", s.seed))
}
