package main

import (
	"context"
	"time"
)

// silenceLasts is longer than Kubernetes takes to call a Node NotReady, and shorter than it takes to evict its pods.
const silenceLasts = 90 * time.Second

// silence lets no Node of so many be heard for silenceLasts, while all VMs and trainings run on. It counts the VMs that are bought
// meanwhile and the trainings that are interrupted, and notes how long after it all train again. By hand: it takes this long to
// start 1,000 jobs.
func silence(row string, size int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		f, err := t.newFleet(ctx, size, 1)
		if err != nil {
			return err
		}
		if err := f.start(ctx, size); err != nil {
			return err
		}
		f.mu.Lock()
		before := len(f.created)
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
		interrupted := 0
		for _, status := range f.status {
			if status.Preemptions > 0 {
				interrupted++
			}
		}
		t.note(row, "bought", float64(len(f.created)-before))
		t.note(row, "interrupted", float64(interrupted))
		return nil
	}
}
