package spotinstancevm

import (
	"cmp"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A VM is silent when GCE says that it runs, nobody has heard a notice, and its Node is not Ready. Its kubelet may be dead.
// More often it trains on: the network, a tunnel or an overloaded API server keeps its heartbeats away, and each VM that is
// bought in its place adds to the load. So silence alone is no loss:
//
//	the Node is Ready again                                        Ready, as if nothing had been
//	GCE or a notice says that the VM goes, its Node is deleted,    NotReady and given up at once
//	or its kubelet says that it shuts down
//	silent for less than the grace                                 NotReady and waited for: it serves, its replica stays
//	silent for longer, and the limits allow it                     NotReady and given up: another VM is bought, this one stays
//	given up, and nothing on it is wanted any more                 deleted
//	Kubernetes has evicted its pods, after minutes                 deleted
//
// The limits are of the VMs that are given up for silence and still there: a tenth of each pool, but one at least; and over
// all pools that a server knows of, three a minute. While many are silent at the same time, it is rather the cluster that does
// not hear: then one VM at a time is given up over all pools, once it has been silent for five minutes. A new VM that is heard
// shows whose fault it is.
const (
	shortestGrace   = 20 * time.Second
	longestGrace    = time.Minute
	massGrace       = 5 * time.Minute
	massFrom        = 3 // silent VMs, when they are more than a tenth of all
	silenceShare    = 10
	abandonsAMinute = 3
)

// fleet is what a server has seen lately of the VMs of all pools that it serves.
type fleet struct {
	known             int             // VMs that have joined
	silent            int             // those of them that are silent
	abandoned         int             // those of them that were given up
	lately            int             // how many were given up in the last minute
	usual             time.Duration   // the longest silence of the last hour that ended by itself; zero: there was none
	pools, passedOver int             // pools, and those with a VM that the scheduler passes over
	isNew             bool            // the server has not heard of all pools yet
	claimed           map[string]bool // VMs of this pool that were given up by an earlier call, which the request may not show yet
}

// grace is how long a silent VM is waited for: twice as long as VMs lately needed to be heard again.
func (f fleet) grace() time.Duration {
	if f.isMass() {
		return massGrace
	}
	return min(max(2*f.usual, shortestGrace), longestGrace)
}

// isMass tells whether so many VMs are silent that it is rather the cluster that does not hear them.
func (f fleet) isMass() bool { return f.silent >= massFrom && f.silent*silenceShare > f.known }

// room is how many more VMs may be given up over all pools.
func (f fleet) room() int {
	switch {
	case f.isNew:
		return 0
	case f.isMass():
		return max(0, 1-f.abandoned)
	default:
		return max(0, abandonsAMinute-f.lately)
	}
}

// isSilent tells whether a VM that has joined runs, by GCE's word, and its Node is not Ready without a reason that is known. A list from
// before the VM was RUNNING is no word against it.
func (m machine) isSilent() bool {
	return m.presence == present && !isDown(m.status) && m.joined && !m.isNoticed() && m.node != nil && !m.node.ready && !m.node.shutsDown
}

// isAbandoned tells whether a VM was given up for its silence.
func (m machine) isAbandoned() bool {
	return m.state == v1alpha1.InstanceNotReady && m.reason == v1alpha1.VMNodeNotReady
}

// silenceOf counts the VMs of a pool that have joined, are silent, and were given up.
func silenceOf(o observed) (known, silent, abandoned int) {
	for _, m := range o.machines {
		if m.presence == absent || !m.joined {
			continue
		}
		known++
		if m.isSilent() {
			silent++
			if m.isAbandoned() {
				abandoned++
			}
		}
	}
	return known, silent, abandoned
}

// toAbandon are the VMs of a pool that are given up now, those first that have been silent the longest.
func toAbandon(o observed, f fleet) []string {
	known, _, abandoned := silenceOf(o)
	room := min(f.room(), max(1, known/silenceShare)-abandoned)
	var chosen []string
	var waited []machine
	for _, m := range o.machines {
		switch {
		case m.state != v1alpha1.InstanceNotReady || m.isAbandoned():
		case f.claimed[m.name] && !m.nodeReady():
			chosen = append(chosen, m.name) // also while its zone cannot be read
		case m.isSilent() && o.now.Sub(m.since) >= f.grace():
			waited = append(waited, m)
		}
	}
	slices.SortFunc(waited, func(a, b machine) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.ordinal, b.ordinal)) })
	for _, m := range waited[:min(len(waited), max(0, room-len(chosen)))] {
		chosen = append(chosen, m.name)
	}
	return chosen
}

// notReadyState is the state of a VM that has joined, runs, and whose Node is not Ready.
func notReadyState(o observed, m machine) (v1alpha1.InstanceState, string) {
	switch {
	case m.isAbandoned() && isUseless(o, m), m.isSilent() && isEvicted(o, m):
		return v1alpha1.InstanceDeleting, v1alpha1.VMNodeNotReady
	case m.isSilent() && !m.isAbandoned() && !m.abandon:
		return v1alpha1.InstanceNotReady, ""
	default:
		return v1alpha1.InstanceNotReady, v1alpha1.VMNodeNotReady
	}
}

// isUseless tells whether nothing is lost with a VM that was given up: no pod on it is wanted, or it has had the time that a
// new VM gets; and the cluster hears new VMs, so that it is not all the cluster's fault. A pod that saves itself is not wanted any more: its
// successor does not start before this VM is gone.
func isUseless(o observed, m machine) bool {
	hadItsTime := o.now.Sub(m.since) > o.settings.joinTimeout
	isEmpty := m.pods == m.dying+m.savers
	isHeard := slices.ContainsFunc(o.machines, func(other machine) bool { return other.nodeReady() && other.seen.created.After(m.since) })
	return isHeard && (isEmpty || hadItsTime) || isEmpty && hadItsTime
}

// isEvicted tells whether Kubernetes has given up all pods on a silent VM: it does so after minutes, and not while it hears none of
// the Nodes.
func isEvicted(o observed, m machine) bool {
	return m.state == v1alpha1.InstanceNotReady && m.pods > 0 && m.pods == m.dying && o.now.Sub(m.since) >= shortestGrace
}
