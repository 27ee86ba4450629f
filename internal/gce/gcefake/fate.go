package gcefake

import (
	"fmt"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Preempt does to the VM of this name what GCE does when it wants the machine back. If the VM asked for a notice,
// its metadata says so from now on and it keeps running for Timings.Notice; then, or else at once, it is
// STOPPING, and after Timings.Stop it is gone or, with the termination action STOP, TERMINATED. A system
// operation says why once it stops. A VM that is still being created is gone and its insert fails.
func (f *Fake) Preempt(name string) error {
	return f.fate(name, func(v *vm) error {
		if v.Status != running {
			return f.preemptNow(v)
		}
		if v.Noticed {
			return fmt.Errorf("preempt %s: it has its notice already", name)
		}
		v.Noticed = true
		f.emit(Notice, v)
		if v.PreemptionNotice == 0 {
			return f.preemptNow(v)
		}
		f.after(f.timings.Notice, v, func() { _ = f.preemptNow(v) })
		return nil
	})
}

// PreemptWithoutNotice is a preemption whose notice nobody saw: STOPPING at once.
func (f *Fake) PreemptWithoutNotice(name string) error {
	return f.fate(name, f.preemptNow)
}

// Crash takes the VM away at once: no notice, no STOPPING, no operation that says why.
func (f *Fake) Crash(name string) error {
	return f.fate(name, func(v *vm) error {
		f.remove(v)
		return nil
	})
}

// EndRun lets the VM's run limit pass now.
func (f *Fake) EndRun(name string) error {
	return f.fate(name, func(v *vm) error {
		if v.Status != running {
			return fmt.Errorf("end run of %s: it is %s, not RUNNING", name, v.Status)
		}
		f.expire(v)
		return nil
	})
}

// Stop is somebody else's stop of the VM: after Timings.Stop it is TERMINATED, and its name stays taken.
func (f *Fake) Stop(name string) error {
	return f.fate(name, func(v *vm) error {
		if v.Status != running {
			return fmt.Errorf("stop %s: it is %s, not RUNNING", name, v.Status)
		}
		op := f.begin("stop", v, "")
		f.stop(v, actionStop, func() { f.finish(op, nil) })
		return nil
	})
}

// Delete is somebody else's delete of the VM.
func (f *Fake) Delete(name string) error {
	return f.fate(name, func(v *vm) error {
		if _, err := f.delete(v.Project, v.Zone, v.Name, ""); err != nil {
			return err
		}
		return nil
	})
}

// Age makes the VM older than it is, for what only happens to old ones. Its run limit comes no sooner.
func (f *Fake) Age(name string, by time.Duration) error {
	return f.fate(name, func(v *vm) error {
		v.CreationTime = v.CreationTime.Add(-by)
		return nil
	})
}

func (f *Fake) fate(name string, change func(*vm) error) (err error) {
	f.lock(func() {
		v := f.byName(name)
		if v == nil {
			err = fmt.Errorf("no instance %s", name)
			return
		}
		err = change(v)
	})
	return err
}

func (f *Fake) preemptNow(v *vm) error {
	if v.Status == stopping || v.Status == terminated {
		return fmt.Errorf("preempt %s: it is %s already", v.Name, v.Status)
	}
	f.system(opPreempted, "Instance was preempted.", v)
	v.Noticed = true
	if v.insert.Done {
		f.stop(v, v.TerminationAction, func() {})
		return nil
	}
	f.finish(v.insert, &gce.Error{
		Kind: gce.Preempted, Call: operationCall(v.insert), Code: "UNSUPPORTED_OPERATION", HTTPStatus: 400,
		Message: "Instance failed to start due to preemption.",
	})
	f.stop(v, v.TerminationAction, func() {})
	return nil
}

// expire is the end of the time that the VM asked for.
func (f *Fake) expire(v *vm) {
	if v.Status != running {
		return
	}
	kind := opDeferredDelete
	if v.TerminationAction == actionStop {
		kind = opDeferredStop
	}
	f.system(kind, "Instance reached its run limit.", v)
	f.stop(v, v.TerminationAction, func() {})
}
