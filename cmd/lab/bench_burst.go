package main

import (
	"context"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// burst gives one VM of each job its notice in the same second, and counts the lists that GCE is asked for: in the minute
// before, in the minute from then on, and later in the minute after one VM of each pool got its notice.
func burst(row string, size int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		f, err := t.newFleet(ctx, size, 2)
		if err != nil {
			return err
		}
		if err := f.start(ctx, size); err != nil {
			return err
		}
		if err := t.lasts(ctx, time.Minute); err != nil { // VMs that were just made are looked at more often
			return err
		}
		if err := f.countLists(ctx, row, "lists before", time.Now(), func() error { return nil }); err != nil {
			return err
		}
		first := time.Now()
		recovered := make(chan error, 1)
		strike := func() error {
			err := f.strikeAll(ctx, row, size)
			go func() { recovered <- f.noteRecovered(ctx, row, size, first) }()
			return err
		}
		if err := f.countLists(ctx, row, "lists after", first, strike); err != nil {
			return err
		}
		for i := range size {
			t.note(row, "told", f.toldAfter(f.jobOf(i), first))
		}
		if err := <-recovered; err != nil {
			return err
		}
		if err := t.lasts(ctx, time.Minute); err != nil {
			return err
		}
		return f.countLists(ctx, row, "lists after one of each pool", time.Now(), func() error {
			for i := 0; i < size && err == nil; i += jobsPerPool {
				_, err = f.notice(f.jobOf(i), 0)
			}
			return err
		})
	}
}

// strikeAll gives a VM of each job its notice, and notes when each had its checkpoint.
func (f *fleet) strikeAll(ctx context.Context, row string, size int) error {
	began := make([]time.Time, size)
	for i := range size {
		var err error
		if began[i], err = f.notice(f.jobOf(i), 1); err != nil {
			return err
		}
	}
	f.note(row, "struck", began[size-1].Sub(began[0]).Seconds())
	for i := range size {
		seen, err := f.answered(ctx, f.jobOf(i), began[0])
		if err != nil {
			return err
		}
		f.note(row, "object", seen.Sub(began[i]).Seconds())
	}
	return nil
}

// countLists notes how often GCE is asked for a list of instances in the minute from a moment on in which something is done.
func (f *fleet) countLists(ctx context.Context, row, metric string, from time.Time, do func() error) error {
	lists := func() float64 { return float64(f.bench.lab.GCE().Calls()[gcefake.ListInstances]) }
	before := lists()
	if err := do(); err != nil {
		return err
	}
	if err := f.lasts(ctx, time.Until(from.Add(time.Minute))); err != nil {
		return err
	}
	f.note(row, metric, lists()-before)
	return nil
}

// noteRecovered notes how long after a moment each job has a pod that began to train since, and both of its replicas train.
func (f *fleet) noteRecovered(ctx context.Context, row string, size int, after time.Time) error {
	for i := range size {
		job := f.jobOf(i)
		if err := f.poll(ctx, "a new pod of "+job+" trains", func() bool { return f.trainsSince(job).After(after) }); err != nil {
			return err
		}
		if err := f.settled(ctx, job); err != nil {
			return err
		}
	}
	f.note(row, "all train", time.Since(after).Seconds())
	return nil
}
