package spotinstancevm

import (
	"slices"
	"time"
)

// A VM that is Ready serves a replica only if the replica's pod can run there, and the scheduler has the last word on that:
//
//	a Ready VM is free, and a pod of the pool is unschedulable     the scheduler passes this VM over, since now
//	it has done so for passedOverFor, and the Node shows why:      the VM serves nobody: another one is bought, and this one is
//	a foreign taint, or fewer GPUs than it has                     deleted after idleTimeout. A cordoned Node serves nobody at once
//	it has done so for passedOverFor, and the Node shows nothing   one VM more is tried, in another zone if one is open
//	two VMs or more are passed over, one of them new to the pod    no VM is bought for this pod for holdFor
//	the trial cannot be made for trialTime                         the same
//	VMs of many pools are passed over at the same time             nothing of this: the scheduler is slow, or away
//
// So a replica that no VM suits costs two VMs at most in each holdFor, each for the time of its start, two minutes, and idleTimeout.
const (
	bindTime      = 30 * time.Second // a VM that is Ready and a pod that waits for one find each other within seconds
	passedOverFor = 90 * time.Second // after bindTime
	trialTime     = 10 * time.Minute // another VM may not come: maxReplicas is reached, no zone has one, or the size is fixed
	holdFor       = time.Hour
	stuckFrom     = 4 // pools, and
	stuckShare    = 4 // one in so many of those that the server knows of
)

// isStuck tells whether VMs of so many pools are passed over that it is rather the scheduler than their pods. A new server cannot tell.
func (f fleet) isStuck() bool {
	return f.isNew || f.passedOver >= stuckFrom && f.passedOver*stuckShare > f.pools
}

// isHeld tells whether no VM is bought for the replica now.
func (w want) isHeld(now time.Time) bool { return now.Before(w.heldUntil) }

// isWaiting tells whether the replica's pod waits for a Node, and has done so for longer than it takes to find one that is free.
func (w want) isWaiting(now time.Time) bool {
	return w.attempt != "" && !w.isHeld(now) && !w.unfit && now.Sub(w.waitsSince) >= bindTime
}

// demanding are the replicas that VMs are bought for.
func demanding(o observed) []want {
	return slices.DeleteFunc(slices.Clone(o.wants), func(w want) bool { return w.isHeld(o.now) || w.unfit })
}

// waiting tells whether a replica that VMs are bought for waits for a Node.
func waiting(o observed) bool {
	return slices.ContainsFunc(o.wants, func(w want) bool { return w.isWaiting(o.now) })
}

// isFree tells whether a pod could have been bound to m for bindTime, as far as its pods and its state tell.
func isFree(o observed, m machine) bool {
	return isReady(m) && m.pods == 0 && !m.leaving && !m.isCordoned() && o.now.Sub(m.since) >= bindTime && !o.now.Before(m.freeAt)
}

// passOver notes which VMs the scheduler passes over, and since when.
func passOver(o observed, machines []machine) {
	for i := range machines {
		m := &machines[i]
		switch {
		case !waitFor(o, m.zone) || !isFree(o, *m):
			m.passedOver = time.Time{}
		case m.passedOver.IsZero():
			m.passedOver = o.now
		}
	}
}

func (m machine) isPassedOver(now time.Time) bool {
	return !m.passedOver.IsZero() && now.Sub(m.passedOver) >= passedOverFor
}

func (m machine) isCordoned() bool { return m.node != nil && m.node.cordoned }

// servesNobody tells whether no replica can use a Ready VM, by what its Node shows. What trains there already goes on.
func servesNobody(o observed, m machine) bool {
	if !isReady(m) || m.node == nil || m.pods > 0 {
		return false
	}
	return m.isCordoned() || m.rejects != "" || !o.isStuck && m.isPassedOver(o.now) && (m.node.tainted != "" || m.node.gpus < m.mustShow)
}

// refusing are the VMs that the scheduler has passed over for passedOverFor, for reasons that their Nodes do not show.
func refusing(o observed, machines []machine) []machine {
	return slices.DeleteFunc(slices.Clone(machines), func(m machine) bool { return !m.isPassedOver(o.now) || servesNobody(o, m) })
}

// holdBack is the replicas, with those held that one VM after the other was no use to. A new spec is tried anew.
func holdBack(o observed, machines []machine) []want {
	wants := slices.Clone(o.wants)
	for i := range wants {
		w := &wants[i]
		if o.edited {
			w.heldUntil = time.Time{}
		}
		if w.isWaiting(o.now) && isTriedOut(o, machines, *w) {
			w.heldUntil, w.heldFor = o.now.Add(holdFor), w.said
		}
	}
	return wants
}

// isTriedOut tells whether another VM would be no more use to a replica than those that are there.
func isTriedOut(o observed, machines []machine, w want) bool {
	if o.isStuck {
		return false
	}
	passed, isNew, isLate := 0, false, false
	for _, m := range machines {
		if !m.isPassedOver(o.now) || !w.allows(m.zone) {
			continue
		}
		passed++
		isNew = isNew || !m.since.Before(w.waitsSince)
		isLate = isLate || o.now.Sub(m.passedOver) >= trialTime && !servesNobody(o, m)
	}
	return passed > 1 && isNew || isLate
}

// trial is 1 while one VM more than there are replicas is tried, for those that no VM suits so far; else 0. It stands until its VM is
// passed over as well, or is taken.
func trial(o observed, machines []machine) int {
	if o.isStuck || len(refusing(o, machines)) == 0 || !waiting(o) || o.settings.fixed != nil || wanted(o) >= o.settings.maximum {
		return 0
	}
	areOthersComing := slices.ContainsFunc(machines, func(m machine) bool {
		return isSupply(o, m) && m.pods == 0 && !m.isPassedOver(o.now)
	})
	if areOthersComing && supply(o, machines) <= wanted(o) {
		return 0
	}
	return 1
}

// elsewhere is the zones without those of VMs that the scheduler passes over, if another one is open that a replica which waits may run in.
func elsewhere(o observed, zones []zone, machines []machine) []zone {
	passed := refusing(o, machines)
	if len(passed) > 0 && waiting(o) {
		zones = slices.DeleteFunc(slices.Clone(zones), func(z zone) bool { return !waitFor(o, z.name) })
	}
	others := slices.DeleteFunc(slices.Clone(zones), func(z zone) bool {
		return slices.ContainsFunc(passed, func(m machine) bool { return m.zone == z.name })
	})
	if slices.ContainsFunc(others, func(z zone) bool { return isOpen(o, z, o.settings.model) }) {
		return others
	}
	return zones
}
