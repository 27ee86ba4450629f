package main

import (
	"context"
	"errors"
	"time"
)

// twentyReplicas measures the start of a job of 20 replicas, and its end.
func twentyReplicas(ctx context.Context, t *trial) error {
	began := time.Now()
	if err := t.apply(ctx, setup{replicas: 20}); err != nil {
		return err
	}
	if err := t.settled(ctx, 20); err != nil {
		return err
	}
	t.mu.Lock()
	first, last := time.Time{}, time.Time{}
	pods, most := map[string]int{}, 0
	for _, a := range t.attempts {
		if first.IsZero() || a.training.Before(first) {
			first = a.training
		}
		if a.training.After(last) {
			last = a.training
		}
		pods[a.replica]++
		most = max(most, pods[a.replica])
	}
	t.mu.Unlock()
	t.note("twenty", "first", first.Sub(began).Seconds())
	t.note("twenty", "last", last.Sub(began).Seconds())
	t.note("twenty", "pods", float64(most))
	return t.deletes(ctx, "20")
}

func deleteFour(ctx context.Context, t *trial) error {
	if err := t.train(ctx, setup{replicas: 4}); err != nil {
		return err
	}
	return t.deletes(ctx, "4")
}

// deletes measures how long it takes until nothing is left: in every second run of job and pool, else of the job, whose
// pool stays and keeps no VM that nobody needs.
func (t *trial) deletes(ctx context.Context, metric string) error {
	withPool := t.run%2 == 1
	began := time.Now()
	if err := t.remove(ctx, jobs); err != nil {
		return err
	}
	if withPool {
		metric += " with pool"
		if err := t.remove(ctx, pools); err != nil {
			return err
		}
	}
	if err := t.clean(ctx, withPool); err != nil {
		return err
	}
	t.note("delete", metric, time.Since(began).Seconds())
	return nil
}

// deleteWhileInserting deletes job and pool, in every second run the job alone, while a VM is being created, and looks
// whether anything of it stays.
func deleteWhileInserting(ctx context.Context, t *trial) error {
	if err := t.apply(ctx, setup{replicas: 2}); err != nil {
		return err
	}
	err := t.poll(ctx, "a VM is being created", func() bool {
		vms := t.vms()
		return len(vms) > 0 && vms[0].Status == "PROVISIONING"
	})
	if err != nil {
		return err
	}
	if err := t.remove(ctx, jobs); err != nil {
		return err
	}
	withPool := t.run%2 == 1
	if withPool {
		if err := t.remove(ctx, pools); err != nil {
			return err
		}
	}
	err = t.clean(ctx, withPool)
	if err == nil {
		// Longer than a VM takes to appear and to join.
		err = errors.Join(t.lasts(ctx, 4*benchBoot), t.clean(ctx, withPool))
	}
	leaks := 0.0
	if err != nil {
		leaks = 1
	}
	t.note("insert", "leaks", leaks)
	return err
}
