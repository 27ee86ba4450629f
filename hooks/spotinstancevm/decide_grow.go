package spotinstancevm

import (
	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// cancel drops the plans that must not be carried out any more. Nothing was sent for them, or if the sender was killed,
// the VM shows up in a list and is taken in.
func cancel(o observed, d *decision) {
	for i := range d.machines {
		m := &d.machines[i]
		if m.state == v1alpha1.InstancePlanned && m.presence == absent && (!m.idleSince.IsZero() || len(o.problems) > 0 || !isOpen(o, d.zones, m.zone)) {
			m.state, m.since, m.reason = v1alpha1.InstanceGone, o.now, v1alpha1.VMNotNeeded
		}
	}
}

// grow writes down the VMs to insert. They are sent once a sync has read them back from status.
func grow(o observed, d *decision) {
	d.missing = max(0, d.desired-supply(o, d.machines))
	zone, found := openZone(o, d.zones)
	if len(o.problems) > 0 || !found {
		return
	}
	n := min(d.missing, d.starts.allowed(o, d.machines), maxMutations-planned(d.machines))
	for range n {
		ordinal := highest(o, d.machines) + 1
		name := o.id.vmName(ordinal)
		d.machines = append(d.machines, machine{
			name: name, ordinal: ordinal, zone: zone, gpus: o.settings.gpus,
			state: v1alpha1.InstancePlanned, since: o.now, presence: absent,
			requestID: o.id.insertID(name, zone), seen: seen{model: o.settings.model},
		})
		d.missing--
	}
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

// openZone is the first zone of the spec that can be read and is not blocked.
func openZone(o observed, zones []zone) (string, bool) {
	for _, z := range zones {
		if isOpen(o, zones, z.name) {
			return z.name, true
		}
	}
	return "", false
}

func isOpen(o observed, zones []zone, name string) bool {
	for _, z := range zones {
		if z.name == name {
			return z.wanted && z.read && !o.now.Before(z.blockedUntil)
		}
	}
	return false
}
