package spotinstancevm

import (
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// cancel drops the plans that must not be carried out any more. Nothing was sent for them, or if the sender was killed,
// the VM shows up in a list and is taken in. An unanswered insert to a zone that is blocked meanwhile is given up in its time.
func cancel(o observed, d *decision) {
	for i := range d.machines {
		m := &d.machines[i]
		isClosed := !isAskable(o, d.zones, *m) && !m.isUnanswered()
		if m.state == v1alpha1.InstancePlanned && m.presence == absent && (!m.idleSince.IsZero() || len(o.problems) > 0 || isClosed) {
			m.state, m.since, m.reason = v1alpha1.InstanceGone, o.now, v1alpha1.VMNotNeeded
		}
	}
}

// grow writes down the VMs to insert. They are sent once a sync has read them back from status.
func grow(o observed, d *decision) {
	d.missing = max(0, d.desired-supply(o, d.machines))
	if len(o.problems) > 0 {
		return
	}
	p := placementNow(o, d.machines)
	defer func() { d.unserved = p.unserved }()
	for range min(d.missing, d.starts.allowed(o, d.machines), maxMutations-planned(d.machines)) {
		if !d.plan(o, &p, modelsNow(o, *d)...) {
			return
		}
		d.missing--
	}
	if triesSpotAgain(o, *d) {
		d.plan(o, &p, gce.ModelSpot)
	}
}

// plan writes down one VM, of the first model that a zone may be asked for. It is false if there is none.
func (d *decision) plan(o observed, p *placement, models ...string) bool {
	for _, model := range models {
		zone, found := p.take(o, elsewhere(o, d.zones, d.machines), model)
		if !found {
			zone, found = p.take(o, d.zones, model)
		}
		if found {
			d.planIn(o, zone, model)
			return true
		}
	}
	return false
}

func (d *decision) planIn(o observed, zone, model string) {
	ordinal := highest(o, d.machines) + 1
	name := o.id.vmName(ordinal)
	d.machines = append(d.machines, machine{
		name: name, ordinal: ordinal, zone: zone, gpus: o.settings.gpus,
		state: v1alpha1.InstancePlanned, since: o.now, presence: absent,
		requestID: o.id.insertID(name, zone), seen: seen{model: model},
	})
}

// highest is the highest ordinal ever used, as far as anything remembers. No name is used twice.
func highest(o observed, machines []machine) int {
	top := o.highest
	for _, m := range machines {
		top = max(top, m.ordinal)
	}
	return top
}

func planned(machines []machine) int {
	n := 0
	for _, m := range machines {
		if isPlanned(m) {
			n++
		}
	}
	return n
}

// isAskable tells whether a plan for a VM may still be carried out.
func isAskable(o observed, zones []zone, m machine) bool {
	return slices.ContainsFunc(zones, func(z zone) bool { return z.name == m.zone && isOpen(o, z, m.model(o)) })
}
