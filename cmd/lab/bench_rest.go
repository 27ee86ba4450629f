package main

import (
	"context"
	"time"
)

// restPreemptions are made one after the other, each of another job.
const restPreemptions = 5

// rest measures what jobs cost that nothing happens to: hook calls, CPU seconds of the hooks and of Metacontroller and writes, each in
// three minutes in a row, the first after the start's own work is done. Then single notices are measured, as with few jobs.
func (f *fleet) rest(ctx context.Context, row string) error {
	if err := f.lasts(ctx, 2*time.Minute); err != nil {
		return err
	}
	for range 3 {
		before, err := f.bench.load(ctx)
		if err != nil {
			return err
		}
		if err := f.lasts(ctx, time.Minute); err != nil {
			return err
		}
		after, err := f.bench.load(ctx)
		if err != nil {
			return err
		}
		for name, value := range after.values {
			f.note(row, name, value-before.values[name])
		}
		f.note(row, "writes", f.bench.sum(before.writes, after.writes))
	}
	for i := range restPreemptions {
		at, err := f.notice(f.jobOf(i*jobsPerPool), 0)
		if err != nil {
			return err
		}
		seen, err := f.answered(ctx, f.jobOf(i*jobsPerPool), at)
		if err != nil {
			return err
		}
		f.note(row, "object", seen.Sub(at).Seconds())
		if err := f.settled(ctx, f.jobOf(i*jobsPerPool)); err != nil {
			return err
		}
	}
	return nil
}

// load is how much has been done so far.
type load struct {
	values map[string]float64 // calls of hooks, and CPU seconds by process
	writes map[string]float64
}

func (b *bench) load(ctx context.Context) (load, error) {
	values, err := b.lab.OperatorCPU()
	if err != nil {
		return load{}, err
	}
	values["calls"] = float64(b.hookCalls.Load())
	writes, err := b.writes(ctx)
	return load{values, writes}, err
}
