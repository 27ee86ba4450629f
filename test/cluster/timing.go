package cluster

import "time"

// Timing is how fast the lab's cluster notices and acts. The zero value of a field stands for its default, which is
// short enough for tests and long enough for a busy machine.
type Timing struct {
	// HeartbeatTimeout is how long a Node may miss its lease before it is NotReady (kube-controller-manager's
	// node-monitor-grace-period; 50 s in Kubernetes). Default 12 s.
	HeartbeatTimeout time.Duration
	// EvictAfter is how long pods stay on a Node that is NotReady or unreachable (the default tolerations;
	// 300 s in Kubernetes), in whole seconds. Default 5 s.
	EvictAfter time.Duration
	// PodStart is the time from a pod's image being there until its containers run, in whole milliseconds.
	// Default 500 ms.
	PodStart time.Duration
	// SIGTERM is how long a training program takes to end once it is told to. Default 1 s.
	SIGTERM time.Duration
	// Join is the time from a VM's RUNNING until its Node registers. Default 1 s.
	Join time.Duration
}

func (t Timing) withDefaults() Timing {
	return Timing{
		HeartbeatTimeout: orDefault(t.HeartbeatTimeout, 12*time.Second),
		EvictAfter:       orDefault(t.EvictAfter, 5*time.Second),
		PodStart:         orDefault(t.PodStart, 500*time.Millisecond),
		SIGTERM:          orDefault(t.SIGTERM, time.Second),
		Join:             orDefault(t.Join, time.Second),
	}
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// leaseSeconds is how long a Node lease is good for. kwok renews it after a quarter of that, so a Node misses
// several renewals before it is NotReady.
func (t Timing) leaseSeconds() int {
	return max(2, int(t.HeartbeatTimeout/(2*time.Second)))
}
