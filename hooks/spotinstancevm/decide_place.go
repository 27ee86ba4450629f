package spotinstancevm

import (
	"cmp"
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
	unserved []string                  // the job of each replica that no VM is there for
}

// placementNow meets each replica that has no VM with one that is free, as far apart from its siblings as possible. The
// scheduler may do otherwise; what is bought should let it do no worse.
func placementNow(o observed, machines []machine) placement {
	p := placement{vms: map[string]int{}, replicas: map[string]map[string]int{}}
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
	var waiting []string
	for _, w := range demanding(o) {
		i := slices.IndexFunc(w.vms, func(vm string) bool { return free[vm] != "" })
		if i < 0 {
			waiting = append(waiting, w.job)
			continue
		}
		p.add(free[w.vms[i]], w.job)
		delete(free, w.vms[i])
	}
	for _, job := range waiting {
		vm, found := p.farthest(free, job)
		if !found {
			p.unserved = append(p.unserved, job)
			continue
		}
		p.add(free[vm], job)
		delete(free, vm)
	}
	return p
}

func (p placement) add(zone, job string) {
	if p.replicas[zone] == nil {
		p.replicas[zone] = map[string]int{}
	}
	p.replicas[zone][job]++
}

// farthest is the free VM whose zone holds the fewest replicas of a job.
func (p placement) farthest(free map[string]string, job string) (vm string, found bool) {
	for name, zone := range free {
		if !found || cmp.Or(cmp.Compare(p.replicas[zone][job], p.replicas[free[vm]][job]), cmp.Compare(name, vm)) < 0 {
			vm, found = name, true
		}
	}
	return vm, found
}

// take is the zone for one more VM, which counts from then on: the healthiest, then the one with the fewest replicas of the
// job that waits for it, then with the fewest VMs of the pool; at last the order of the spec decides.
func (p *placement) take(o observed, zones []zone, model string) (string, bool) {
	job := ""
	if len(p.unserved) > 0 {
		job = p.unserved[0]
	}
	open := slices.DeleteFunc(slices.Clone(zones), func(z zone) bool { return !isOpen(o, z, model) })
	if len(open) == 0 {
		return "", false
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
	if job != "" {
		p.unserved = p.unserved[1:]
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
