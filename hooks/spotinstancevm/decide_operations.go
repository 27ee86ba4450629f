package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// operationsFor is what to do now, the most urgent first: what brings a replica back, then what frees stuck pods, then
// what costs money.
func operationsFor(o observed, d decision) []operation {
	var ops []operation
	for _, next := range []func(observed, machine) (operation, bool){insertOf, forgetOf, taintOf, deleteOf, drainOf} {
		for _, m := range d.machines {
			if op, needed := next(o, m); needed {
				ops = append(ops, op)
			}
		}
	}
	for _, n := range o.strays {
		if isRead(o, n.zone) {
			ops = append(ops, operation{verb: deleteNode, vm: n.name, zone: n.zone, node: n.ref()})
		}
	}
	return ops
}

// insertOf sends an insert that was written down by an earlier sync.
func insertOf(o observed, m machine) (operation, bool) {
	op := operation{verb: insertVM, vm: m.name, zone: m.zone, model: m.model(o), requestID: m.requestID}
	return op, m.state == v1alpha1.InstancePlanned && m.recorded && m.presence == absent && !o.finalizing
}

// forgetOf deletes the Node of a VM that is gone, which frees its pods.
func forgetOf(_ observed, m machine) (operation, bool) {
	if m.state != v1alpha1.InstanceGone || m.presence != absent || m.node == nil {
		return operation{}, false
	}
	return operation{verb: deleteNode, vm: m.name, zone: m.zone, node: m.node.ref()}, true
}

// agentTaints is how long the node agent that has heard of a preemption is left alone with the Node's taint: two who write at
// the same moment make Metacontroller ask once more before it has seen that a VM is planned.
const agentTaints = 2 * time.Second

// taintOf keeps new pods off a VM that leaves, and lets them on one again that stays after all.
func taintOf(o observed, m machine) (operation, bool) {
	if m.node == nil {
		return operation{}, false
	}
	op := operation{verb: taintNode, vm: m.name, zone: m.zone, node: m.node.ref()}
	goes := m.leaving || m.state == v1alpha1.InstanceStopping || m.state == v1alpha1.InstanceDeleting
	if goes {
		isAgents := m.state == v1alpha1.InstanceStopping && m.node.agent && m.isNoticed() && o.now.Sub(m.since) < agentTaints
		return op, !m.isClosed() && !isAgents
	}
	op.verb = untaint
	return op, m.node.leaving && isReady(m) && m.presence == present
}

// deleteOf deletes a VM, unless GCE is already at it.
func deleteOf(o observed, m machine) (operation, bool) {
	goes := m.state == v1alpha1.InstanceDeleting && (!isDown(m.status) || isOff(m.status)) || m.state == v1alpha1.InstanceStopping && isOff(m.status)
	if !goes || m.presence != present || m.removal != nil && !m.removal.Done {
		return operation{}, false
	}
	failed := ""
	if m.removal != nil {
		failed = m.removal.Name
	}
	return operation{verb: deleteVM, vm: m.name, zone: m.zone, requestID: o.id.deleteID(m.name, m.seen.instanceID, failed)}, true
}

// drainOf looks whether a tainted VM is empty. Only a later sync deletes it.
func drainOf(_ observed, m machine) (operation, bool) {
	if m.node == nil || m.presence != present || m.pods > 0 || !m.isClosed() {
		return operation{}, false
	}
	op := operation{verb: drainNode, vm: m.name, zone: m.zone, node: m.node.ref()}
	return op, m.leaving || (m.state == v1alpha1.InstanceStopping && isUp(m.status))
}

// isClosed tells whether nothing new lands on the VM's Node.
func (m machine) isClosed() bool { return m.node.leaving || m.node.closed }

func (n node) ref() nodeRef { return nodeRef{name: n.name, uid: n.uid} }

func isRead(o observed, name string) bool {
	for _, z := range o.zones {
		if z.name == name {
			return z.read
		}
	}
	return false
}
