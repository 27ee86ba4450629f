package spotinstancevm

import "slices"

// What is known before the scheduler says it: which replicas no VM of the pool can run, and in which zones the others can run.
//
//	no VM of the pool can run the replica's pod              it is no demand, unless it runs: no VM is bought for it
//	its pod asks for some of the pool's zones                VMs are bought for it there alone, and a free VM elsewhere does not serve it
//	free VMs that no replica that waits can use              they are no supply, and go after idleTimeout
//
// Where no pod asks for zones, nothing of this makes a difference.

// allows tells whether the replica's pod may run in a zone.
func (w want) allows(zone string) bool { return w.zones == nil || slices.Contains(w.zones, zone) }

// setAside is the replicas, with those noted that no VM can run and that are on none.
func setAside(o observed, machines []machine) []want {
	wants := slices.Clone(o.wants)
	for i := range wants {
		w := &wants[i]
		w.unfit = w.misfit != nil && !slices.ContainsFunc(w.vms, func(vm string) bool { return isThere(o, machines, vm) })
	}
	return wants
}

// isThere tells whether pods on a Node go on: it is one of a VM that is not on its way out, or the user's own.
func isThere(o observed, machines []machine, name string) bool {
	return slices.ContainsFunc(machines, func(m machine) bool { return m.name == name && isCounted(m) }) ||
		slices.ContainsFunc(o.lent, func(n node) bool { return n.name == name })
}

// restricts tells whether a replica can run in some of the zones only.
func restricts(wants []want) bool {
	return slices.ContainsFunc(wants, func(w want) bool { return w.zones != nil })
}

// misplace notes which VMs serve somebody and which free ones nobody that waits can use. A pool of fixed size has VMs whoever uses them.
func misplace(o observed, machines []machine) {
	if o.settings.fixed != nil || !restricts(demanding(o)) {
		return
	}
	p := placementNow(o, machines)
	for i := range machines {
		m := &machines[i]
		m.matched = p.taken[m.name]
		m.misplaced = len(p.unserved) > 0 && !m.matched && m.pods == 0 && isSupply(o, *m)
	}
}

// useful are the zones where a VM helps: those that a replica without a VM may run in, if each asks for some; else all.
func useful(zones []zone, unserved []want) []zone {
	if len(unserved) == 0 {
		return zones
	}
	return slices.DeleteFunc(slices.Clone(zones), func(z zone) bool {
		return !slices.ContainsFunc(unserved, func(w want) bool { return w.allows(z.name) })
	})
}

// waitFor are the replicas that wait for a Node and could have this one, by its zone.
func waitFor(o observed, zone string) bool {
	return slices.ContainsFunc(o.wants, func(w want) bool { return w.isWaiting(o.now) && w.allows(zone) })
}
