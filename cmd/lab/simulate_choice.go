package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// simulation is what the user asked to be simulated.
type simulation struct {
	trace, prices, machineType, plot, json string
	zones                                  []string
	replicas                               int
	interval                               v1alpha1.CheckpointInterval
	boot, checkpoint, freeze, notice       int // seconds
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
	interval := flags.String("interval", "30m", "time between two checkpoints of a replica, or auto")
	flags.IntVar(&s.checkpoint, "checkpoint-seconds", 180, "`seconds` that a checkpoint takes, from the freeze to the image in its registry")
	freeze := flags.String("freeze-seconds", "", "`seconds` of them for which the training stands still (default half of them)")
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
	s.zones, s.freeze = strings.Split(*zones, ","), s.checkpoint/2
	if *freeze != "" {
		var err error
		if s.freeze, err = strconv.Atoi(*freeze); err != nil {
			return s, fmt.Errorf("--freeze-seconds %s: write a number", *freeze)
		}
	}
	if s.interval.Auto = *interval == "auto"; !s.interval.Auto {
		var err error
		if s.interval.Duration, err = time.ParseDuration(*interval); err != nil {
			return s, fmt.Errorf("--interval %s: write auto, or a duration such as 30m", *interval)
		}
	}
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
	require(s.interval.Auto || s.interval.Duration >= time.Minute, "--interval %s: one minute or more; what no checkpoints come to is always shown", s.interval.Duration)
	require(s.checkpoint > 0, "--checkpoint-seconds %d: more than 0", s.checkpoint)
	require(s.freeze >= 0 && s.freeze <= s.checkpoint, "--freeze-seconds %d: from 0 to --checkpoint-seconds %d", s.freeze, s.checkpoint)
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
	add("no checkpoints", func(p *sim.Policy) { p.Interval = v1alpha1.CheckpointInterval{} })
	for _, interval := range []v1alpha1.CheckpointInterval{
		{Auto: true}, {Duration: 10 * time.Minute}, {Duration: 30 * time.Minute}, {Duration: time.Hour}, {Duration: 3 * time.Hour},
	} {
		if interval != s.interval {
			add(pace(interval), func(p *sim.Policy) { p.Interval = interval })
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
	add("one plain VM in "+one[0], func(p *sim.Policy) { p.Zones, p.Replicas, p.Interval = one, 1, v1alpha1.CheckpointInterval{} })
	add("serial recovery in "+one[0], func(p *sim.Policy) {
		p.Zones, p.Interval, p.Operator = one, v1alpha1.CheckpointInterval{}, sim.Original
	})
	add("serial recovery, nursed", func(p *sim.Policy) { p.Zones, p.Interval, p.Operator = one, v1alpha1.CheckpointInterval{}, sim.Nursed })
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// pace is an interval in words.
func pace(i v1alpha1.CheckpointInterval) string {
	if i.Auto {
		return "auto interval"
	}
	return "every " + short(i.Duration)
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
