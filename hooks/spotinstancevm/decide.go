package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

// decision is what decide makes of the facts: data only. act runs its operations, render turns the rest into status.
type decision struct {
	machines    []machine
	zones       []zone    // of the spec
	dry         time.Time // since when no zone has spot VMs; zero: they have
	operations  []operation
	wants       []want // as they are now
	unserved    []want // of them, those for which neither a VM is there nor one was planned
	desired     int
	missing     int // VMs wanted that are neither there nor on their way
	starts      starts
	refusal     *refusal // GCE refused the newest start, whatever the zone
	preemptions int32
	spent       *v1alpha1.CostStatus
	usualStart  time.Duration // see decide_serve.go; 0: not known
	finalized   bool

	// Known after acting, see settle.
	failures []outcome
	resync   time.Duration
}

// verb is one of the few things that act can do.
type verb string

const (
	insertVM   verb = "insert"
	deleteVM   verb = "delete"
	taintNode  verb = "taint"
	untaint    verb = "untaint"
	drainNode  verb = "drain" // look, past any cache, whether nothing but DaemonSets is left; evict strangers
	deleteNode verb = "delete-node"
	tellPods   verb = "tell" // evict the pods that save themselves: SIGTERM tells them that the VM goes
)

// operation is one thing to do. It is safe to do again.
type operation struct {
	verb      verb
	vm        string
	zone      string
	model     string  // of insertVM
	requestID string  // of insertVM and deleteVM
	node      nodeRef // of the others
}

// nodeRef is one incarnation of a Node.
type nodeRef struct {
	name string
	uid  string
}

// maxMutations is how many operations one sync may run. The rest is decided again by the next.
const maxMutations = 20

// decide is the pool's whole policy.
func decide(o observed) decision {
	d := decision{preemptions: o.counted, machines: make([]machine, 0, len(o.machines))}
	for _, m := range o.machines {
		was := m.reason
		m = advance(o, m)
		if m.reason == v1alpha1.VMPreempted && was != v1alpha1.VMPreempted {
			d.preemptions++
		}
		d.machines = append(d.machines, m)
	}
	o.wants = setAside(o, d.machines)
	d.usualStart = usualStart(o, d.machines)
	passOver(o, d.machines)
	o.wants = holdBack(o, d.machines)
	d.wants = o.wants
	misplace(o, d.machines)
	d.desired = wanted(o) + trial(o, d.machines)
	attribute(o, d.machines)
	d.starts = startsOf(o, d.machines)
	d.refusal = d.starts.refusal()
	d.zones = zonesNow(o, d.machines)
	if !o.finalizing {
		d.dry = drySince(o, d)
		goBack(o, &d)
		shrink(o, &d)
		cancel(o, &d)
		grow(o, &d)
	}
	d.operations = operationsFor(o, d)
	d.spent, _ = cost.Continue(o.spent, o.prices, runsOf(o), o.now)
	d.machines = prune(o, d)
	d.finalized = o.finalizing && isFinished(o, d)
	return d
}

// isFinished tells whether nothing of the pool is left: every zone says so, and so does one list over all of them.
func isFinished(o observed, d decision) bool {
	for _, m := range d.machines {
		if m.state != v1alpha1.InstanceGone || m.node != nil {
			return false
		}
	}
	if len(o.strays) > 0 {
		return false
	}
	if o.hopeless && len(d.machines) == 0 {
		return true
	}
	for _, z := range o.zones {
		if !z.read {
			return false
		}
	}
	return o.everywhere
}
