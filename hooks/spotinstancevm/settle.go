package spotinstancevm

import (
	"cmp"
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
		if done.verb == insertVM {
			m.seen.notice, m.seen.noticed = o.settings.notice, m.model(o) == gce.ModelSpot
		}
		again = m.settle(o.now, done) || again
	}
	attribute(o, d.machines)
	for _, done := range outcomes {
		if m := byName[done.vm]; m != nil {
			d.refusal = cmp.Or(done.refusal(*m), d.refusal)
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

// refusal is GCE's no to an insert or a delete that will be no again until somebody fixes something, and is not that of one zone
// alone; else nil.
func (done outcome) refusal(m machine) *refusal {
	refused, _ := errors.AsType[*gce.Error](done.err)
	switch {
	case refused == nil:
		return nil
	case done.verb == insertVM && isRefusal(m.reason):
		return &refusal{kind: gce.Kind(m.reason), err: refused}
	case done.verb == deleteVM && isRefusal(string(refused.Kind)):
		return &refusal{kind: refused.Kind, err: refused}
	default:
		return nil
	}
}

// isTrouble tells whether the other side is in trouble, which haste would prolong.
func isTrouble(failed outcome) bool {
	answer, answered := errors.AsType[*gce.Error](failed.err)
	return !answered || !answer.IsFinal()
}

func isUnproven(failed outcome) bool { return errors.Is(failed.err, errUnproven) }

// settle notes one outcome. It is true if there is more to do at once.
func (m *machine) settle(now time.Time, done outcome) bool {
	kind := gce.KindOf(done.err)
	switch {
	case done.verb == insertVM:
		return m.settleInsert(now, done)
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

// settleInsert notes how an insert went. Of one whose outcome is unknown it notes that, and since when: GCE may have taken it. One
// that GCE has not taken since it is asked too often there is asked for elsewhere; one that was not sent for that reason waits.
func (m *machine) settleInsert(now time.Time, done outcome) (again bool) {
	kind := gce.KindOf(done.err)
	failed, _ := errors.AsType[*gce.Error](done.err)
	switch {
	case kind == "":
		m.become(v1alpha1.InstanceCreating, now, "")
		m.operation = done.begun.Name
		if m.seen.instanceID == "" {
			m.seen.instanceID = done.begun.TargetID
		}
	case failed != nil && (failed.IsFinal() || kind == gce.RateLimited && failed.HTTPStatus != 0):
		m.become(v1alpha1.InstanceGone, now, failureReason(kind))
		m.insert = &gce.Operation{Done: true, Error: failed}
		return true
	case kind == gce.Unavailable && failed != nil:
		m.doubt = failed
		if !m.isUnanswered() {
			m.become(m.state, now, string(kind))
		}
	}
	return false
}

func (m *machine) become(state v1alpha1.InstanceState, now time.Time, reason string) {
	m.state, m.since, m.reason = state, now, reason
}
