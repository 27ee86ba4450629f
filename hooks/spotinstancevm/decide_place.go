package spotinstancevm

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// shakyFor is how long after the loss of a VM the other zones are preferred, whatever they hold: preemptions come in bulk.
const shakyFor = 10 * time.Minute

// placement is how VMs and replicas are spread over zones.
type placement struct {
	vms      map[string]int            // by zone
	replicas map[string]map[string]int // by zone and job
	unserved []want                    // replicas that no VM is there for
	taken    map[string]bool           // by VM: a replica is on it, or can take it
}

// placementNow meets each replica that has no VM with one that is free, as far apart from its siblings as possible. The
// scheduler may do otherwise; what is bought should let it do no worse.
func placementNow(o observed, machines []machine) placement {
	p := placement{vms: map[string]int{}, replicas: map[string]map[string]int{}, taken: map[string]bool{}}
	free := map[string]string{} // zone of each VM that serves and is nobody's
	for _, m := range machines {
		if isSupply(o, m) {
			p.vms[m.zone]++
			free[m.name] = m.zone
		}
	}
	for _, n := range o.lent {
		free[n.name] = cmp.Or(n.zone, "another")
	}
	var waiting []want
	for _, w := range demanding(o) {
		i := slices.IndexFunc(w.vms, func(vm string) bool { return free[vm] != "" })
		if i < 0 {
			waiting = append(waiting, w)
			continue
		}
		p.meet(free, w.vms[i], w.job)
	}
	slices.SortStableFunc(waiting, func(a, b want) int { return cmp.Compare(a.choice(), b.choice()) })
	for _, w := range waiting {
		vm, found := p.farthest(free, w)
		if !found {
			p.unserved = append(p.unserved, w)
			continue
		}
		p.meet(free, vm, w.job)
	}
	return p
}

// choice is how many zones the replica's pod may run in: who has the fewest chooses first.
func (w want) choice() int {
	if w.zones == nil {
		return math.MaxInt
	}
	return len(w.zones)
}

// meet gives a free VM to a replica.
func (p placement) meet(free map[string]string, vm, job string) {
	p.add(free[vm], job)
	p.taken[vm] = true
	delete(free, vm)
}

func (p placement) add(zone, job string) {
	if p.replicas[zone] == nil {
		p.replicas[zone] = map[string]int{}
	}
	p.replicas[zone][job]++
}

// farthest is the free VM that the replica may run on and whose zone holds the fewest replicas of its job.
func (p placement) farthest(free map[string]string, w want) (vm string, found bool) {
	for name, zone := range free {
		if w.allows(zone) && (!found || cmp.Or(cmp.Compare(p.replicas[zone][w.job], p.replicas[free[vm]][w.job]), cmp.Compare(name, vm)) < 0) {
			vm, found = name, true
		}
	}
	return vm, found
}

// next is the first replica that waits and may run in one of these zones, and those that it may; without one, nobody and all zones, if
// nobody waits or the pool has a fixed size.
func (p *placement) next(o observed, open []zone) (waiting int, zones []zone) {
	for i, w := range p.unserved {
		if zones := useful(open, []want{w}); len(zones) > 0 {
			return i, zones
		}
	}
	if len(p.unserved) > 0 && o.settings.fixed == nil {
		return -1, nil
	}
	return -1, open
}

// take is the zone for one more VM, which counts from then on: the healthiest, then the one with the fewest replicas of the
// job that waits for it, then with the fewest VMs of the pool; at last the order of the spec decides.
func (p *placement) take(o observed, zones []zone, model string) (string, bool) {
	waiting, open := p.next(o, slices.DeleteFunc(slices.Clone(zones), func(z zone) bool { return !isOpen(o, z, model) }))
	if len(open) == 0 {
		return "", false
	}
	job := ""
	if waiting >= 0 {
		job = p.unserved[waiting].job
	}
	best := slices.MinFunc(open, func(a, b zone) int {
		return cmp.Or(
			-compareBool(a.hinted, b.hinted),
			compareBool(isShaky(o, a), isShaky(o, b)),
			cmp.Compare(p.replicas[a.name][job], p.replicas[b.name][job]),
			cmp.Compare(p.vms[a.name], p.vms[b.name]),
			a.lastLoss.Compare(b.lastLoss),
		)
	})
	p.vms[best.name]++
	if waiting >= 0 {
		p.unserved = slices.Delete(slices.Clone(p.unserved), waiting, waiting+1)
		p.add(best.name, job)
	}
	return best.name, true
}

func isShaky(o observed, z zone) bool {
	return z.doubtful || !z.lastLoss.IsZero() && o.now.Sub(z.lastLoss) < shakyFor
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// isOpen tells whether a zone can be asked for a VM of this model.
func isOpen(o observed, z zone, model string) bool {
	blocked := z.until
	if o.settings.fallback && model == gce.ModelStandard {
		blocked = z.standardUntil
	}
	return z.wanted && z.read && !o.now.Before(blocked)
}
