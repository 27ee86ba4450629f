package spotinstancevm

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	meetAll       = 30 * time.Second // by then a new server was asked about each pool; see resyncPeriodSeconds in manifests/
	forgetCensus  = 5 * time.Minute  // what was counted of a pool that is not asked about any more
	rememberClaim = 2 * time.Minute  // a request shows by then that a VM was given up
	rememberCalm  = time.Hour        // silences that ended by themselves
)

// fleetMemory is what a server counts over all pools that it is asked about, to tell one dead kubelet from a cluster that hears
// nobody. All of it can be lost: a server that has just started gives nobody up for meetAll. Two servers each have a memory of
// their own, and so give up twice as many at most.
type fleetMemory struct {
	now  func() time.Time
	mu   sync.Mutex
	born time.Time

	pools    map[types.UID]poolCount
	abandons map[claimedVM]abandonment
	returns  map[claimedVM]silenceEnded
}

type poolCount struct {
	at                       time.Time
	known, silent, abandoned int
	isPassedOver             bool // a VM of it is
}

type claimedVM struct {
	pool types.UID
	name string
}

// abandonment is that a VM was given up. It is over when the VM is heard again, and counts for a minute all the same.
type abandonment struct {
	at     time.Time
	isOver bool
}

type silenceEnded struct {
	at     time.Time
	lasted time.Duration
}

func newFleetMemory(now func() time.Time) *fleetMemory {
	return &fleetMemory{
		now: now, born: now(),
		pools: map[types.UID]poolCount{}, abandons: map[claimedVM]abandonment{}, returns: map[claimedVM]silenceEnded{},
	}
}

// abandon counts a pool's VMs, and marks those that are given up now.
func (f *fleetMemory) abandon(o *observed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, uid := f.now(), types.UID(o.id.uid)
	f.forget(now)
	known, silent, abandoned := silenceOf(*o)
	f.pools[uid] = poolCount{now, known, silent, abandoned, slices.ContainsFunc(o.machines, func(m machine) bool { return m.isPassedOver(o.now) })}
	for _, m := range o.machines {
		if given, found := f.abandons[claimedVM{uid, m.name}]; found && m.nodeReady() {
			given.isOver = true
			f.abandons[claimedVM{uid, m.name}] = given
		}
		if wasWaitedFor := m.state == v1alpha1.InstanceNotReady && m.reason == ""; wasWaitedFor && m.nodeReady() {
			f.returns[claimedVM{uid, m.name}] = silenceEnded{now, o.now.Sub(m.since)}
		}
	}
	seen := f.seen(now, uid)
	o.isMass, o.grace, o.isStuck = seen.isMass(), seen.grace(), seen.isStuck()
	chosen := toAbandon(*o, seen)
	for i := range o.machines {
		m := &o.machines[i]
		for _, name := range chosen {
			m.abandon = m.abandon || m.name == name
		}
		if m.abandon && !seen.claimed[m.name] {
			f.abandons[claimedVM{uid, m.name}] = abandonment{at: now}
		}
	}
}

// seen sums up for one pool.
func (f *fleetMemory) seen(now time.Time, uid types.UID) fleet {
	sum := fleet{isNew: now.Sub(f.born) < meetAll, claimed: map[string]bool{}}
	for _, count := range f.pools {
		sum.known += count.known
		sum.silent += count.silent
		sum.abandoned += count.abandoned
		sum.pools++
		if count.isPassedOver {
			sum.passedOver++
		}
	}
	for vm, given := range f.abandons {
		if vm.pool == uid && !given.isOver {
			sum.claimed[vm.name] = true
		}
		if now.Sub(given.at) < time.Minute {
			sum.lately++
		}
	}
	for _, ended := range f.returns {
		sum.usual = max(sum.usual, ended.lasted)
	}
	return sum
}

func (f *fleetMemory) forget(now time.Time) {
	maps.DeleteFunc(f.pools, func(_ types.UID, count poolCount) bool { return now.Sub(count.at) > forgetCensus })
	maps.DeleteFunc(f.abandons, func(_ claimedVM, given abandonment) bool { return now.Sub(given.at) > rememberClaim })
	maps.DeleteFunc(f.returns, func(_ claimedVM, ended silenceEnded) bool { return now.Sub(ended.at) > rememberCalm })
}
