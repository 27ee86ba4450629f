package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	// settleTime is how long an insert may stay invisible: neither VM nor operation is listed.
	settleTime = 15 * time.Second
	// leaveBefore is how long before its run limit a VM is left, so that nothing is lost then.
	leaveBefore = 20 * time.Minute
)

// advance is m as it is now. Its since moves with its state only.
func advance(o observed, m machine) machine {
	if o.finalizing {
		m.idleSince = time.Time{}
	}
	if o.edited && m.state == v1alpha1.InstanceGone && !m.joined {
		m.reason = v1alpha1.VMSuperseded
	}
	// The Node of a VM that is gone may look Ready for a while. It proves nothing any more.
	m.joined = m.joined || (m.presence != absent && m.nodeJoined() && !isDown(m.status))
	m.hasNode = m.hasNode || m.node != nil
	state, reason := stateOf(o, m)
	if m.preempted && (reason == "" || reason == v1alpha1.VMStopped || reason == v1alpha1.VMLost || reason == v1alpha1.VMRunLimit) && isEnding(state) {
		reason = v1alpha1.VMPreempted
	}
	if state != m.state {
		m.since = o.now
		if m.seen.instanceID != "" {
			m.since = o.moment()
		}
		m.state = state
	}
	m.reason = reason
	switch {
	case m.removal != nil && !m.removal.Done:
		m.operation = m.removal.Name
	case m.insert != nil && !m.insert.Done:
		m.operation = m.insert.Name
	case m.presence != unknown:
		m.operation = ""
	}
	return m
}

// moment is the time that is written into status for what changes now. Of a pool that is being deleted it is the time of
// its deletion: each write of its status has Metacontroller call again, soon enough for the call to start from the status
// before. Two rows of calls that each remember a moment of their own would write over each other without end.
func (o observed) moment() time.Time {
	if !o.deletedAt.IsZero() {
		return o.deletedAt
	}
	return o.now
}

func stateOf(o observed, m machine) (v1alpha1.InstanceState, string) {
	switch m.presence {
	case present:
		return presentState(o, m)
	case absent:
		return absentState(o, m)
	default:
		return unreadState(m)
	}
}

func presentState(o observed, m machine) (v1alpha1.InstanceState, string) {
	switch {
	case m.state == v1alpha1.InstanceDeleting:
		return v1alpha1.InstanceDeleting, m.reason
	case o.finalizing:
		return v1alpha1.InstanceDeleting, v1alpha1.VMPoolDeleted
	case isDown(m.status):
		return v1alpha1.InstanceStopping, m.endReason("")
	case m.isNoticed():
		return v1alpha1.InstanceStopping, v1alpha1.VMPreempted
	case isNearRunLimit(o, m):
		return v1alpha1.InstanceStopping, v1alpha1.VMRunLimit
	case m.state == v1alpha1.InstanceStopping && m.reason == v1alpha1.VMSpotIsBack:
		return m.state, m.reason
	case m.nodeReady():
		return v1alpha1.InstanceReady, ""
	case m.joined:
		return notReadyState(o, m)
	case o.now.Sub(m.seen.created) > o.settings.joinTimeout:
		return v1alpha1.InstanceDeleting, v1alpha1.VMJoinTimeout
	case isUp(m.status):
		return v1alpha1.InstanceJoining, ""
	default:
		return v1alpha1.InstanceCreating, ""
	}
}

func absentState(o observed, m machine) (v1alpha1.InstanceState, string) {
	if m.state == v1alpha1.InstanceGone {
		return m.state, m.reason
	}
	if m.insert != nil && !m.insert.Done {
		if m.state == v1alpha1.InstanceDeleting {
			return m.state, m.reason
		}
		return v1alpha1.InstanceCreating, ""
	}
	if m.insert != nil && m.insert.Error != nil && m.state != v1alpha1.InstanceDeleting && m.dismissal == "" {
		return v1alpha1.InstanceGone, failureReason(m.insert.Error.Kind)
	}
	if m.insert == nil {
		return unseenState(o, m)
	}
	return v1alpha1.InstanceGone, m.endReason(v1alpha1.VMLost)
}

// unseenState is that of an absent VM whose insert is not listed. The insert may have been sent moments ago, by a hook
// that was killed before it could write that down, or be sent and not answered: a deleted pool waits for that too.
func unseenState(o observed, m machine) (v1alpha1.InstanceState, string) {
	fresh := o.now.Sub(m.since) < settleTime
	never := m.seen.instanceID == "" && m.operation == ""
	switch {
	case m.state == v1alpha1.InstancePlanned && o.finalizing:
		return v1alpha1.InstanceDeleting, v1alpha1.VMPoolDeleted
	case m.state == v1alpha1.InstanceDeleting && never && fresh:
		return m.state, m.reason
	case m.isGivenUp(o.now):
		return v1alpha1.InstanceGone, m.reason
	case m.state == v1alpha1.InstancePlanned:
		return m.state, m.reason
	case m.state == v1alpha1.InstanceCreating && fresh:
		return m.state, ""
	case never && m.state != v1alpha1.InstanceCreating:
		return v1alpha1.InstanceGone, m.endReason(v1alpha1.VMNotNeeded)
	default:
		return v1alpha1.InstanceGone, m.endReason(v1alpha1.VMLost)
	}
}

// unreadState repeats what is known to be on its way out. All else is as good as its Node.
func unreadState(m machine) (v1alpha1.InstanceState, string) {
	switch m.state {
	case v1alpha1.InstanceGone, v1alpha1.InstanceDeleting, v1alpha1.InstanceStopping:
		return m.state, m.reason
	}
	if isPlanned(m) && !m.isWritten() {
		return m.state, "" // by the last answer, and not sent before a request shows it
	}
	if m.isNoticed() {
		return v1alpha1.InstanceStopping, v1alpha1.VMPreempted
	}
	if m.nodeReady() {
		return v1alpha1.InstanceReady, ""
	}
	if m.state == v1alpha1.InstanceNotReady && m.abandon {
		return m.state, v1alpha1.VMNodeNotReady
	}
	if m.state == v1alpha1.InstanceNotReady {
		return m.state, m.reason // its time to come back goes on
	}
	return v1alpha1.InstanceUnknown, ""
}

// endReason is why a VM stops or is gone, as far as known.
func (m machine) endReason(otherwise string) string {
	switch {
	case m.reason != "" && !m.isAbandoned():
		return m.reason
	case m.preempted || m.isNoticed():
		return v1alpha1.VMPreempted
	case m.dismissal != "":
		return m.dismissal
	case m.stopped:
		return v1alpha1.VMStopped
	default:
		return otherwise
	}
}

// failureReason is the reason of a VM whose insert failed.
func failureReason(kind gce.Kind) string {
	switch kind {
	case gce.AlreadyExists:
		return v1alpha1.VMNameTaken
	case gce.Preempted:
		return v1alpha1.VMPreempted
	default:
		return string(kind)
	}
}

func isNearRunLimit(o observed, m machine) bool {
	if m.runsUntil.IsZero() {
		return false
	}
	margin := min(leaveBefore, m.runsUntil.Sub(m.seen.created)/2)
	return !o.now.Before(m.runsUntil.Add(-margin))
}

// isDown tells whether a VM in this GCE status runs nothing any more, or soon.
func isDown(status string) bool {
	switch status {
	case "PENDING_STOP", "STOPPING", "SUSPENDING", "DEPROVISIONING", "REPAIRING":
		return true
	}
	return isOff(status)
}

// isOff tells whether a VM in this GCE status is off and stays until somebody deletes it.
func isOff(status string) bool {
	return status == "STOPPED" || status == "TERMINATED" || status == "SUSPENDED"
}

func isUp(status string) bool { return status == "RUNNING" }

func isEnding(state v1alpha1.InstanceState) bool {
	return state == v1alpha1.InstanceStopping || state == v1alpha1.InstanceGone
}

// isNoticed tells whether GCE has said, inside the VM, that it takes it back. It never changes its mind.
func (m machine) isNoticed() bool {
	return m.told || m.node != nil && m.node.noticed || m.state == v1alpha1.InstanceStopping && m.reason == v1alpha1.VMPreempted
}

// nodeJoined tells whether the VM's Node is Ready with its GPUs.
func (m machine) nodeJoined() bool {
	return m.node != nil && m.node.ready && m.node.gpus >= m.mustShow
}

// nodeReady tells whether the Node can work. GPUs count until it has joined: an edit of the spec, or a device plugin
// that restarts, must not take a VM from its replica.
func (m machine) nodeReady() bool {
	return m.node != nil && m.node.ready && m.joined
}
