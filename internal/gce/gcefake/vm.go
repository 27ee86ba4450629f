package gcefake

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// The states of a VM, in GCE's words.
const (
	provisioning = "PROVISIONING"
	staging      = "STAGING"
	running      = "RUNNING"
	stopping     = "STOPPING"
	terminated   = "TERMINATED"
)

// What GCE does with a VM when it is preempted or reaches its run limit.
const (
	actionDelete = "DELETE"
	actionStop   = "STOP"
)

// VM is an instance and what only its host and its guest know.
type VM struct {
	gce.Instance
	Project           string
	Spec              gce.InstanceSpec // as inserted, metadata included
	TerminationAction string           // DELETE or STOP
	Noticed           bool             // what the guest reads at instance/preempted of its metadata server
}

type vm struct {
	VM
	number     int // of its creation, from 1
	insert     *operation
	deleted    bool
	generation int // rises with each state, so that a late timer finds its state passed
	stopTimer  func()
	stopLimit  func()
}

// view is a copy that shares no map or slice with the state.
func (v *vm) view() VM {
	c := v.VM
	c.Labels = maps.Clone(v.Labels)
	c.Spec.Labels = maps.Clone(v.Spec.Labels)
	c.Spec.Metadata = maps.Clone(v.Spec.Metadata)
	c.Spec.NetworkTags = slices.Clone(v.Spec.NetworkTags)
	return c
}

func (v *vm) cancel() {
	v.generation++
	if v.stopTimer != nil {
		v.stopTimer()
		v.stopTimer = nil
	}
}

func (f *Fake) find(project, zone, name string) *vm {
	for _, v := range f.vms {
		if v.Project == project && v.Zone == zone && v.Name == name {
			return v
		}
	}
	return nil
}

// byName is the last created VM of this name, of any project and zone.
func (f *Fake) byName(name string) *vm {
	for _, v := range slices.Backward(f.vms) {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// create makes the VM visible; what becomes of it is up to the zone's capacity.
func (f *Fake) create(project string, spec gce.InstanceSpec, action string) *vm {
	id := f.nextID()
	f.created++
	v := &vm{number: f.created, VM: VM{
		Project: project, Spec: spec, TerminationAction: action,
		Instance: gce.Instance{
			Name: spec.Name, Zone: spec.Zone, ID: fmt.Sprint(id), Status: provisioning,
			Labels: maps.Clone(spec.Labels), MachineType: spec.MachineType, ProvisioningModel: spec.ProvisioningModel,
			CreationTime: f.now(), PreemptionNotice: spec.PreemptionNotice, MaxRunDuration: spec.MaxRunDuration,
		},
	}}
	v.VM = v.view() // the caller's maps stay the caller's
	f.vms = append(f.vms, v)
	f.emit(Created, v)
	return v
}

// provision brings a VM that has its place in the zone to RUNNING.
func (f *Fake) provision(v *vm) {
	f.after(f.timings.Provision, v, func() {
		v.Status = staging
		v.InternalIP = fmt.Sprintf("10.128.%d.%d", v.number/250, v.number%250+2)
		if v.Spec.ExternalIP {
			v.ExternalIP = fmt.Sprintf("198.18.%d.%d", v.number/250, v.number%250+2)
		}
		f.after(f.timings.Stage, v, func() { f.run(v) })
	})
}

func (f *Fake) run(v *vm) {
	v.cancel()
	v.Status = running
	f.finish(v.insert, nil)
	f.emit(Running, v)
	if v.MaxRunDuration > 0 {
		v.stopLimit = f.clock.AfterFunc(v.MaxRunDuration, func() {
			f.lock(func() {
				if slices.Contains(f.vms, v) {
					f.expire(v)
				}
			})
		})
	}
}

// stop takes the guest down, and after the given time the VM, or only its power.
func (f *Fake) stop(v *vm, action string, done func()) {
	v.cancel()
	v.Status = stopping
	f.emit(Stopping, v)
	f.after(f.timings.Stop, v, func() {
		if action == actionStop {
			f.terminate(v)
		} else {
			f.remove(v)
		}
		done()
	})
}

func (f *Fake) terminate(v *vm) {
	v.cancel()
	v.Status, v.ExternalIP = terminated, ""
	f.finish(v.insert, nil)
	f.emit(Stopped, v)
}

func (f *Fake) remove(v *vm) {
	v.cancel()
	if v.stopLimit != nil {
		v.stopLimit()
	}
	f.vms = slices.DeleteFunc(f.vms, func(o *vm) bool { return o == v })
	for _, op := range f.operations {
		if op.TargetID == v.ID {
			f.finish(op, nil) // also a stop that a delete or a crash has overtaken
		}
	}
	f.emit(Gone, v)
}
