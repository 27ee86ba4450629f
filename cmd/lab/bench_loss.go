package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// benchLoss is the preemption of a replica's VM.
type benchLoss struct {
	replica string
	vm      string
	at      time.Time
	trained time.Duration // by the replica, until then
}

// preempt lets Compute Engine take the VMs of replicas at the same moment: STOPPING, and then gone.
func (t *trial) preempt(ctx context.Context, replicas ...string) ([]benchLoss, error) {
	return t.strike(ctx, t.bench.lab.GCE().PreemptWithoutNotice, replicas...)
}

// strike does something to the VMs of replicas at the same moment.
func (t *trial) strike(ctx context.Context, blow func(vm string) error, replicas ...string) ([]benchLoss, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var lost []benchLoss
	t.mu.Lock()
	now := time.Now()
	for _, a := range t.attempts {
		for _, replica := range replicas {
			if a.trains && a.replica == replica {
				lost = append(lost, benchLoss{replica: replica, vm: a.vm, at: now, trained: a.progress()})
			}
		}
	}
	t.mu.Unlock()
	if len(lost) != len(replicas) {
		return nil, fmt.Errorf("%d of the replicas %v train", len(lost), replicas)
	}
	for _, l := range lost {
		if err := blow(l.vm); err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// trainsAgain returns the attempt in which a lost replica trains.
func (t *trial) trainsAgain(ctx context.Context, l benchLoss) (attempt, error) {
	var again attempt
	err := t.await(ctx, "replica "+l.replica+" trains again", func() bool {
		for _, a := range t.attempts {
			if a.replica == l.replica && a.training.After(l.at) {
				again = *a
				return true
			}
		}
		return false
	})
	return again, err
}

// lostBy is the training in seconds that a replica has to do again.
func (t *trial) lostBy(l benchLoss, again attempt) float64 {
	restored, _ := t.bench.lab.Trained(again.image)
	return max(0, l.trained-restored).Seconds()
}

// checkpointOf is the checkpoint that made an image, or nil. The caller holds the lock.
func (t *trial) checkpointOf(image string) *checkpoint {
	for _, c := range t.checkpoints {
		if c.image == image {
			return c
		}
	}
	return nil
}

// completed are the checkpoints that are done. The caller holds the lock.
func (t *trial) completed() []*checkpoint {
	var done []*checkpoint
	for _, c := range t.checkpoints {
		if !c.completed.IsZero() {
			done = append(done, c)
		}
	}
	return done
}

// requestedAfter is when VMs were asked for after a moment, in order. The caller holds the lock.
func (t *trial) requestedAfter(at time.Time) []time.Time {
	var times []time.Time
	for _, e := range t.requested {
		if e.Time.After(at) {
			times = append(times, e.Time)
		}
	}
	return times
}

// history is when checkpoints were asked for and completed, counted from a moment. The caller holds the lock.
func (t *trial) history(from time.Time) string {
	var lines []string
	for _, name := range sortedKeys(t.checkpoints) {
		c := t.checkpoints[name]
		lines = append(lines, fmt.Sprintf("%s of replica %s: asked for %s, completed %s", name, c.replica, since(from, c.seen), since(from, c.completed)))
	}
	return strings.Join(lines, "; ")
}
