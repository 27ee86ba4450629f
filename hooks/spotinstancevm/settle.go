package spotinstancevm

import (
	"errors"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// settle is the decision after its operations were tried: what status says next. An operation whose outcome is unknown
// leaves its VM as it was, to be decided again from the facts.
func settle(o observed, d decision, outcomes []outcome) decision {
	byName := map[string]*machine{}
	for i := range d.machines {
		byName[d.machines[i].name] = &d.machines[i]
	}
	again := false
	for _, done := range outcomes {
		if done.err != nil {
			d.failures = append(d.failures, done)
		}
		m := byName[done.vm]
		if m == nil {
			continue
		}
		again = m.settle(o.now, done) || again
		if refused := done.refused(); refused != nil {
			d.refusal = &refusal{kind: refused.Kind, err: refused}
		}
	}
	d.zones = zonesNow(o, d.machines)
	d.resync = resyncAfter(o, d)
	switch {
	case slices.ContainsFunc(d.failures, isUnproven):
		d.resync = resyncUnproven
	case slices.ContainsFunc(d.failures, isTrouble):
		d.resync = max(d.resync, resyncMoving)
	case again:
		d.resync = resyncNow
	}
	return d
}

// refused is GCE's no to an insert or a delete that will be no again until somebody mends something; else nil.
func (done outcome) refused() *gce.Error {
	var refused *gce.Error
	isOurs := done.verb == insertVM || done.verb == deleteVM
	if !isOurs || !isRefusal(string(gce.KindOf(done.err))) || !errors.As(done.err, &refused) {
		return nil
	}
	return refused
}

// isTrouble tells whether the other side is in trouble, which haste would prolong.
func isTrouble(failed outcome) bool {
	kind := gce.KindOf(failed.err)
	return kind == gce.Unavailable || kind == gce.RateLimited
}

func isUnproven(failed outcome) bool { return errors.Is(failed.err, errUnproven) }

// settle notes one outcome. It is true if there is more to do at once.
func (m *machine) settle(now time.Time, done outcome) bool {
	kind := gce.KindOf(done.err)
	switch {
	case done.verb == insertVM && kind == "":
		m.become(v1alpha1.InstanceCreating, now, "")
		m.operation = done.begun.Name
		if m.seen.instanceID == "" {
			m.seen.instanceID = done.begun.TargetID
		}
		return false
	case done.verb == insertVM && kind != gce.Unavailable && kind != gce.RateLimited:
		m.become(v1alpha1.InstanceGone, now, failureReason(kind))
		if refused, ok := errors.AsType[*gce.Error](done.err); ok {
			m.insert = &gce.Operation{Done: true, Error: refused}
		}
		return true
	case done.verb == deleteVM && kind == "":
		m.operation = done.begun.Name
		return false
	case done.verb == drainNode && !done.drained:
		m.heldBy = done.held
		return false
	case done.verb == drainNode:
		reason := v1alpha1.VMNotNeeded
		if m.reason != "" {
			reason = m.reason
		}
		m.become(v1alpha1.InstanceDeleting, now, reason)
		return true
	default:
		return false
	}
}

func (m *machine) become(state v1alpha1.InstanceState, now time.Time, reason string) {
	m.state, m.since, m.reason = state, now, reason
}
