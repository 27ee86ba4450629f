package main

import (
	"context"
	"fmt"
	"time"
)

// silenceLasts is longer than Kubernetes takes to call a Node NotReady, and shorter than it takes to evict its pods.
const silenceLasts = 90 * time.Second

// silenceLimit is how many VMs may be bought for silence alone meanwhile: three in a minute over all pools (docs/design.md).
const silenceLimit = 6

// silence measures so many jobs at rest, and then lets no Node be heard for silenceLasts, while all VMs and trainings run on. It counts
// the VMs that are bought meanwhile and the trainings that are interrupted, and notes how long after it all train again. By hand: it
// takes this long to start 1,000 jobs.
func silence(row string, size int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		f, err := t.newFleet(ctx, size, 1)
		if err != nil {
			return err
		}
		if err := f.start(ctx, size); err != nil {
			return err
		}
		if err := f.rest(ctx, row); err != nil {
			return err
		}
		f.mu.Lock()
		before, preempted := len(f.created), f.preempted()
		f.mu.Unlock()
		resume, err := t.bench.lab.StopHeartbeats()
		if err != nil {
			return err
		}
		waited := t.lasts(ctx, silenceLasts)
		if err := resume(); err != nil {
			return err
		}
		if waited != nil {
			return waited
		}
		heard := time.Now()
		for i := range size {
			if err := f.settled(ctx, f.jobOf(i)); err != nil {
				return err
			}
		}
		t.note(row, "all train", time.Since(heard).Seconds())
		if err := t.lasts(ctx, time.Minute); err != nil { // what was decided meanwhile shows by then
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		bought, interrupted := len(f.created)-before, f.preempted()-preempted
		t.note(row, "bought", float64(bought))
		t.note(row, "interrupted", float64(interrupted))
		if bought > silenceLimit || interrupted > 0 {
			return fmt.Errorf("silence alone bought %d VMs, where %d is the limit, and interrupted %d trainings", bought, silenceLimit, interrupted)
		}
		return nil
	}
}

// preempted is how many preemptions all jobs count. It is called with the fleet locked.
func (f *fleet) preempted() int {
	sum := 0
	for _, status := range f.status {
		sum += int(status.Preemptions)
	}
	return sum
}
