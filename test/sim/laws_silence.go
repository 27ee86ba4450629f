package sim

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// How many VMs a pool, and a server, may give up because nothing is heard of their Nodes.
const (
	abandonedShare    = 10 // of the VMs of a pool that have joined: one in so many, but one at least
	abandonedAMinute  = 3  // by each server, over all its pools
	serversThatForget = 2  // a server that dies has forgotten what it gave up, and two have each a count of their own
)

// judgeSilence is the law silence-is-no-loss: of the VMs that run, whose kubelets live, and whose Nodes are only not heard, no
// more are given up than the limits say, in each pool and over all of them. What stands in a status that was shown late, or
// put back, may be there twice.
func (l *Laws) judgeSilence(v *view) {
	now, abandoned, joined := l.world.Clock.Now(), 0, 0
	for _, entry := range v.poolStatus.ProvisionedInstances {
		if entry.JoinedCluster && entry.State != v1alpha1.InstanceGone {
			joined++
		}
		isAbandoned := entry.State == v1alpha1.InstanceNotReady && entry.Reason == v1alpha1.VMNodeNotReady
		if !isAbandoned || !l.world.Machines.isOnlyCutOff(entry.Name) {
			delete(l.abandoned, entry.Name)
			continue
		}
		abandoned++
		if l.abandoned[entry.Name].IsZero() {
			l.abandoned[entry.Name] = now
		}
	}
	most, rate := max(1, joined/abandonedShare), abandonedAMinute
	if l.ear.lately(5*time.Minute, append(behind(), "crash-hooks", "stop-hooks")...) {
		most, rate = most*serversThatForget, rate*serversThatForget
	}
	lately := 0
	for _, at := range l.abandoned {
		if now.Sub(at) < time.Minute {
			lately++
		}
	}
	if abandoned > most || lately > rate {
		l.violate("silence-is-no-loss", "%s gives up %d of %d VMs that run and are not heard, and all pools %d in a minute", v.Parent, abandoned, joined, lately)
	}
}

// isOnlyCutOff tells whether a Node's kubelet lives, and does not reach the API server.
func (m *Machines) isOnlyCutOff(node string) bool {
	g := m.nodes[node]
	return g != nil && g.cutOff && !g.off && !g.shutsDown && m.world.API.Get(Key{Kind: "Node", Name: node}) != nil
}
