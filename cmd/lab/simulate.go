package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// comparison is what all policies came to, in the same circumstances.
type comparison struct {
	simulation
	circumstances sim.Circumstances
	outcomes      []sim.Outcome // in the order of the policies
	prices        *cost.Table   // nil: unknown
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
	fmt.Fprint(out, c.table())
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
func (s simulation) readPrices() (*cost.Table, error) {
	if s.prices == "" {
		return nil, nil
	}
	content, err := os.ReadFile(s.prices)
	if err != nil {
		return nil, fmt.Errorf("--prices: %w", err)
	}
	prices, err := cost.Parse(s.prices, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	for _, zone := range s.zones {
		if line := prices.Missing(cost.VM{Zone: zone, MachineType: s.machineType}, true); line != "" {
			return nil, fmt.Errorf("%s: no price of %s: add a line, or choose others with --zones and --machine-type", s.prices, line)
		}
	}
	return prices, nil
}

// price is what an hour of a VM costs in a zone.
func (c comparison) price(zone string) cost.Price {
	return c.prices.Of(cost.VM{Zone: zone, MachineType: c.machineType})
}

// spot is what spot VMs cost that were billed for so long in each zone, in USD.
func (c comparison) spot(billed map[string]time.Duration) float64 {
	usd := 0.0
	for _, zone := range slices.Sorted(maps.Keys(billed)) {
		usd += c.price(zone).Spot * billed[zone].Hours()
	}
	return usd
}

// onDemand is the lowest price of an on-demand VM in any of the zones, in USD an hour.
func (c comparison) onDemand() float64 {
	lowest := math.Inf(1)
	for _, zone := range c.zones {
		lowest = min(lowest, c.price(zone).OnDemand)
	}
	return lowest
}

// source says where the capacity of zones is from.
func (s simulation) source() string {
	return "from " + cmp.Or(s.trace, fmt.Sprintf("a trace made up from seed %d", s.seed))
}
