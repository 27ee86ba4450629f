package spotinstancevm

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// A pool with a fallback goes there and back like this:
//
//	every zone is blocked for spot VMs                      dry since now
//	dry for fallbackAfter, and a VM is missing              an on-demand VM stands in
//	one that stands in has been Ready for fallbackAfter     one spot VM more is tried, whenever a zone may be asked
//	that one is Ready                                       the replica moves there: checkpoint, successor, delete
//
// A spot VM that came up ends the drought, so there and back again takes fallbackAfter at least twice.

// model is how m was bought, or will be.
func (m machine) model(o observed) string {
	if m.seen.model == "" {
		return o.settings.model
	}
	return m.seen.model
}

// isStandIn tells whether a VM stands in for a spot VM.
func isStandIn(o observed, m machine) bool {
	return o.settings.fallback && m.model(o) == gce.ModelStandard
}

// drySince is since when no zone has spot VMs.
func drySince(o observed, d decision) time.Time {
	if !o.settings.fallback || o.edited || d.desired == 0 {
		return time.Time{}
	}
	spot := 0
	for _, m := range d.machines {
		if isStandIn(o, m) || !isSupply(o, m) || !isUp(m.status) {
			continue
		}
		if spot++; spot >= d.desired || !m.begun().Before(o.dry) && !o.dry.IsZero() {
			return time.Time{}
		}
	}
	if o.dry.IsZero() && isDry(o, d) {
		return o.now
	}
	return o.dry
}

// isDry tells whether a VM is missing and no zone can be asked for a spot VM, for want of capacity.
func isDry(o observed, d decision) bool {
	blocked := false
	for _, z := range useful(d.zones, placementNow(o, d.machines).unserved) {
		if isOpen(o, z, gce.ModelSpot) {
			return false
		}
		blocked = blocked || !z.until.IsZero()
	}
	return blocked && supply(o, d.machines) < d.desired
}

// fallsBackAt is when on-demand VMs may stand in; zero: not in sight.
func fallsBackAt(o observed, d decision) time.Time {
	if d.dry.IsZero() {
		return time.Time{}
	}
	return d.dry.Add(o.settings.fallbackAfter)
}

// modelsNow are what to buy for a VM that is missing, the first of them that a zone may be asked for.
func modelsNow(o observed, d decision) []string {
	if at := fallsBackAt(o, d); !at.IsZero() && !o.now.Before(at) {
		return []string{gce.ModelStandard, o.settings.model}
	}
	return []string{o.settings.model}
}

// triesSpotAgain tells whether one spot VM is bought beyond what is wanted, to take the place of one that stands in.
func triesSpotAgain(o observed, d decision) bool {
	if d.missing > 0 || supply(o, d.machines) > d.desired || d.starts.allowed(o, d.machines) == 0 {
		return false
	}
	for _, m := range d.machines {
		if isStandIn(o, m) && isReady(m) && o.now.Sub(m.since) >= o.settings.fallbackAfter {
			return true
		}
	}
	return false
}

// tally counts the VMs that serve.
type tally struct{ have, onTheirWay, standIns int }

// add counts m in, or with -1 out.
func (t *tally) add(o observed, m machine, n int) {
	if !isSupply(o, m) {
		return
	}
	t.have += n
	switch {
	case isStandIn(o, m):
		t.standIns += n
	case !isReady(m):
		t.onTheirWay += n
	}
}

// isBeyond tells whether the pool can do without m, one of its VMs that could go. VMs on their way do not make one that stands
// in superfluous yet: they may not come. In turn a spot VM may be beyond what is wanted, to take the place of such a one.
func (t tally) isBeyond(o observed, m machine, desired int) bool {
	if isStandIn(o, m) {
		return t.have-t.onTheirWay > desired
	}
	return t.have-min(t.standIns, 1) > desired
}

// goBack has one VM that stands in leave when a spot VM beyond what is wanted is Ready and free. What trains on it moves as
// it does at the end of a run.
func goBack(o observed, d *decision) {
	if !o.settings.fallback || supply(o, d.machines) <= d.desired {
		return
	}
	isFree := false
	standIn := -1
	for i, m := range d.machines {
		switch {
		case isStandIn(o, m) && isReady(m) && m.presence == present && m.pods > 0:
			standIn = i
		case !isStandIn(o, m) && isReady(m) && m.pods == 0:
			isFree = true
		}
	}
	if isFree && standIn >= 0 {
		d.machines[standIn].become(v1alpha1.InstanceStopping, o.now, v1alpha1.VMSpotIsBack)
	}
}

// spotCondition tells how a pool with a fallback is served.
func spotCondition(o observed, d decision) metav1.Condition {
	standIns := 0
	for _, m := range d.machines {
		if isStandIn(o, m) && isCounted(m) {
			standIns++
		}
	}
	switch {
	case standIns > 0:
		return condition(v1alpha1.ConditionSpotAvailable, false, v1alpha1.ReasonOnDemandInUse, fmt.Sprintf(
			"%d VMs are on demand since no zone had spot VMs for %s: they give way when spot VMs are back", standIns, o.settings.fallbackAfter))
	case !d.dry.IsZero():
		return condition(v1alpha1.ConditionSpotAvailable, false, v1alpha1.ReasonSpotUnavailable, fmt.Sprintf(
			"no zone has spot VMs: after %s of that on-demand VMs stand in", o.settings.fallbackAfter))
	default:
		return condition(v1alpha1.ConditionSpotAvailable, true, v1alpha1.ReasonSpotOnly, "the VMs are spot VMs")
	}
}
