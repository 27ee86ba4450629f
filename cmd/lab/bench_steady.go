package main

import (
	"context"
	"fmt"
	"time"
)

// periodicFor is how long scheduled checkpoints are counted.
const periodicFor = 8 * time.Minute

// periodicCheckpoints counts the checkpoints that complete while two replicas train, from their start.
func periodicCheckpoints(ctx context.Context, t *trial) error {
	if err := t.apply(ctx, setup{replicas: 2, interval: time.Minute}); err != nil {
		return err
	}
	if err := t.settled(ctx, 2); err != nil {
		return err
	}
	if err := t.lasts(ctx, periodicFor); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note("periodic", "completed", float64(len(t.completed())))
	if len(t.completed()) == 0 {
		return fmt.Errorf("no checkpoint in %s", periodicFor)
	}
	return nil
}

func steadyTwo(ctx context.Context, t *trial) error    { return t.steady(ctx, 2) }
func steadyTwenty(ctx context.Context, t *trial) error { return t.steady(ctx, 20) }

// steady counts, for three minutes in which nothing happens, calls to Compute Engine and writes to the API server.
func (t *trial) steady(ctx context.Context, replicas int32) error {
	if err := t.train(ctx, setup{replicas: replicas}); err != nil {
		return err
	}
	if err := t.lasts(ctx, 2*trainedBefore); err != nil { // what the start has set off
		return err
	}
	vms := fmt.Sprint(replicas)
	for range 3 {
		calls := t.calls()
		before, err := t.bench.writes(ctx)
		if err != nil {
			return err
		}
		if err := t.lasts(ctx, time.Minute); err != nil {
			return err
		}
		after, err := t.bench.writes(ctx)
		if err != nil {
			return err
		}
		t.note("calls", vms, t.calls()-calls)
		t.note("writes", vms, t.bench.sum(before, after))
	}
	return nil
}

// calls is how many calls Compute Engine has got so far.
func (t *trial) calls() float64 {
	total := 0
	for _, n := range t.bench.lab.GCE().Calls() {
		total += n
	}
	return float64(total)
}
