package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// simulation is what the user asked to be simulated.
type simulation struct {
	trace, prices, machineType, plot, json string
	zones                                  []string
	replicas                               int
	interval                               time.Duration
	boot, checkpoint, notice               int // seconds
	days                                   float64
	seed                                   uint64
	everyPoll                              bool
}

func chooseSimulation(args []string) (simulation, error) {
	var s simulation
	flags := flag.NewFlagSet("lab simulate", flag.ContinueOnError)
	flags.StringVar(&s.trace, "trace", "", "CSV `file` with the capacity of zones over time: scheduled_at, then a column for each zone; without it a trace is made up")
	zones := flags.String("zones", "us-central1-a,us-central1-b,us-central1-c", "`zones` to use, separated by commas, the preferred one first")
	flags.IntVar(&s.replicas, "replicas", 2, "replicas of the training job")
	flags.DurationVar(&s.interval, "interval", 30*time.Minute, "time between two checkpoints of a replica")
	flags.IntVar(&s.checkpoint, "checkpoint-seconds", 180, "`seconds` that a checkpoint takes, from the freeze to the image in its registry")
	flags.IntVar(&s.boot, "boot-seconds", 120, "`seconds` from a VM's start to its Node")
	flags.IntVar(&s.notice, "notice-seconds", 120, "`seconds` of notice before a preemption: 0 or 120")
	flags.Float64Var(&s.days, "days", 7, "`days` to simulate; a trace that is shorter begins anew")
	flags.StringVar(&s.prices, "prices", "", "CSV `file` with the columns region, machine_type, on_demand_usd_h, spot_usd_h")
	flags.StringVar(&s.machineType, "machine-type", "a3-highgpu-1g", "machine type whose prices are used")
	flags.StringVar(&s.plot, "plot", "", "write a picture to this SVG `file`")
	flags.StringVar(&s.json, "json", "", "write all figures to this `file`")
	flags.Uint64Var(&s.seed, "seed", 1, "of all chance: the same seed gives the same figures")
	flags.BoolVar(&s.everyPoll, "every-poll", false, "let the pool hook look at GCE every 10 s even when nothing happens: slower, nearly the same figures")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("lab simulate does not know %q", flags.Args())
	}
	s.zones = strings.Split(*zones, ",")
	return s, s.check()
}

// check refuses what makes no sense, and says what does.
func (s simulation) check() error {
	var wrong []error
	require := func(holds bool, format string, args ...any) {
		if !holds {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	for i, zone := range s.zones {
		require(gce.ValidateZone(zone) == nil, "--zones: %q is no zone: write for example us-central1-a,us-central1-b", zone)
		require(!slices.Contains(s.zones[:i], zone), "--zones: %s is named twice: name it once", zone)
	}
	require(s.replicas >= 1 && s.replicas <= 10, "--replicas %d: from 1 to 10", s.replicas)
	require(s.interval >= time.Minute, "--interval %s: one minute or more; what no checkpoints come to is always shown", s.interval)
	require(s.checkpoint > 0, "--checkpoint-seconds %d: more than 0", s.checkpoint)
	require(s.boot >= 0, "--boot-seconds %d: 0 or more", s.boot)
	require(s.notice == 0 || s.notice == 120, "--notice-seconds %d: 0 or 120, GCE knows no other", s.notice)
	require(s.days > 0 && s.days <= 366, "--days %v: more than 0, at most 366", s.days)
	return errors.Join(wrong...)
}

// policies are what is compared: the one that was asked for, and others that differ from it in one thing each.
func (s simulation) policies() []sim.Policy {
	asked := sim.Policy{Name: "as asked", Replicas: s.replicas, Interval: s.interval, Zones: s.zones, Operator: sim.Hooks}
	all := []sim.Policy{asked}
	add := func(name string, change func(*sim.Policy)) {
		p := asked
		p.Name = name
		change(&p)
		all = append(all, p)
	}
	add("no checkpoints", func(p *sim.Policy) { p.Interval = 0 })
	for _, interval := range []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour} {
		if interval != s.interval {
			add("every "+short(interval), func(p *sim.Policy) { p.Interval = interval })
		}
	}
	for _, replicas := range []int{1, 2, 3} {
		if replicas != s.replicas {
			add(plural(replicas, "replica"), func(p *sim.Policy) { p.Replicas = replicas })
		}
	}
	one := s.zones[:1]
	if len(s.zones) > 1 {
		add("only "+one[0], func(p *sim.Policy) { p.Zones = one })
	}
	add("one plain VM in "+one[0], func(p *sim.Policy) { p.Zones, p.Replicas, p.Interval = one, 1, 0 })
	add("serial recovery in "+one[0], func(p *sim.Policy) { p.Zones, p.Interval, p.Operator = one, 0, sim.Original })
	add("serial recovery, nursed", func(p *sim.Policy) { p.Zones, p.Interval, p.Operator = one, 0, sim.Nursed })
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short is a duration without the zeros at its end.
func short(d time.Duration) string {
	text := d.String()
	if trimmed := strings.TrimSuffix(text, "0s"); strings.HasSuffix(trimmed, "m") {
		text = trimmed
	}
	if trimmed := strings.TrimSuffix(text, "0m"); strings.HasSuffix(trimmed, "h") {
		text = trimmed
	}
	return text
}
