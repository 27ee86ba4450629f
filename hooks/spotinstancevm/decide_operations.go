package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// operationsFor is what to do now, the most urgent first: what brings a replica back, then what frees stuck pods, then
// what costs money.
func operationsFor(o observed, d decision) []operation {
	var ops []operation
	for _, next := range []func(observed, machine) (operation, bool){insertOf, tellOf, forgetOf, taintOf, deleteOf, drainOf} {
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
	op := m.order(insertVM)
	op.model, op.requestID = m.model(o), m.requestID
	return op, isPlanned(m) && m.isWritten() && m.presence == absent && !o.finalizing && !m.isLeftToShow(o.now)
}

// tellOf tells the training on a VM that is taken back, or that its pool leaves, if it saves itself: it has until the VM stops. One on a
// VM that is silent would not hear it.
func tellOf(_ observed, m machine) (operation, bool) {
	if m.state != v1alpha1.InstanceStopping || m.node == nil || m.savers == 0 {
		return operation{}, false
	}
	return m.order(tellPods), m.isWritten()
}

// forgetOf deletes the Node of a VM that is gone, which frees its pods.
func forgetOf(_ observed, m machine) (operation, bool) {
	if m.state != v1alpha1.InstanceGone || m.presence != absent || m.node == nil {
		return operation{}, false
	}
	return m.order(deleteNode), true
}

// agentTaints is how long the node agent that has heard of a preemption is left alone with the Node's taint: two who write at
// the same moment make Metacontroller ask once more before it has seen that a VM is planned.
const agentTaints = 2 * time.Second

// taintOf keeps new pods off a VM that leaves, and lets them on one again that stays after all.
func taintOf(o observed, m machine) (operation, bool) {
	if m.node == nil {
		return operation{}, false
	}
	op := m.order(taintNode)
	goes := m.leaving || m.state == v1alpha1.InstanceStopping || m.state == v1alpha1.InstanceDeleting
	if goes {
		isAgents := m.state == v1alpha1.InstanceStopping && m.node.agent && m.isNoticed() && o.now.Sub(m.since) < agentTaints
		return op, !m.isClosed() && !isAgents
	}
	op.verb = untaint
	return op, m.node.leaving && isReady(m) && m.presence == present
}

// deleteOf deletes a VM that an earlier sync has written down as going, unless GCE is already at it. A pool that is being
// deleted needs no such order.
func deleteOf(o observed, m machine) (operation, bool) {
	if !o.finalizing && !m.isWritten() {
		return operation{}, false
	}
	goes := m.state == v1alpha1.InstanceDeleting && (!isDown(m.status) || isOff(m.status)) || m.state == v1alpha1.InstanceStopping && isOff(m.status)
	if !goes || m.presence != present || m.removal != nil && !m.removal.Done {
		return operation{}, false
	}
	failed := ""
	if m.removal != nil {
		failed = m.removal.Name
	}
	op := m.order(deleteVM)
	op.requestID = o.id.deleteID(m.name, m.seen.instanceID, failed)
	return op, true
}

// drainOf looks whether a tainted VM is empty. Only a later sync deletes it.
func drainOf(o observed, m machine) (operation, bool) {
	isLookedAt := m.rejects != "" && o.now.Before(m.freeAt) // by the job's hook, which must not take the VM for the cause
	if m.node == nil || m.presence != present || m.pods > 0 || !m.isClosed() || isLookedAt {
		return operation{}, false
	}
	return m.order(drainNode), m.leaving || (m.state == v1alpha1.InstanceStopping && isUp(m.status))
}

// order is an operation on this VM, or on its Node.
func (m machine) order(v verb) operation {
	op := operation{verb: v, vm: m.name, zone: m.zone}
	if m.node != nil {
		op.node = m.node.ref()
	}
	return op
}

// isWritten tells whether status has the VM in the state that it is in now.
func (m machine) isWritten() bool { return m.written.state == m.state }

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
