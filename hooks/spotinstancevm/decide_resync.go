package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// How soon the next sync follows, besides those that events cause.
const (
	resyncNow      = 200 * time.Millisecond // status holds what can be carried out
	resyncUnproven = time.Second            // the request was older than what the API server has
	resyncBooting  = 2 * time.Second
	resyncMoving   = 5 * time.Second
	resyncWatched  = 10 * time.Second // a VM whose end nobody would tell, or something is wrong that sends no event
	resyncIdle     = time.Minute
)

// resyncAfter is when to look again, at the latest: when the next deadline passes.
func resyncAfter(o observed, d decision) time.Duration {
	after := resyncIdle
	for _, m := range d.machines {
		after = min(after, resyncOf(m))
		after = sooner(after, o.now, deadlines(o, m)...)
	}
	if len(o.problems) > 0 || d.missing > 0 || o.finalizing || d.refusal != nil {
		after = min(after, resyncWatched)
	}
	for _, z := range o.zones {
		after = sooner(after, o.now, z.until)
		if !z.read {
			after = min(after, resyncWatched)
		}
	}
	for _, z := range d.zones {
		after = sooner(after, o.now, z.until, z.standardUntil)
	}
	for _, w := range d.wants {
		after = sooner(after, o.now, w.waitsSince.Add(bindTime), w.heldUntil)
	}
	if len(d.operations) > maxMutations {
		after = resyncNow
	}
	return sooner(after, o.now, d.starts.until(), fallsBackAt(o, d))
}

func resyncOf(m machine) time.Duration {
	switch m.state {
	case v1alpha1.InstanceGone:
		if m.node != nil {
			return resyncBooting
		}
		return resyncIdle
	case v1alpha1.InstancePlanned:
		if m.isWritten() {
			return resyncMoving // it could not be sent
		}
		return resyncNow
	case v1alpha1.InstanceCreating, v1alpha1.InstanceJoining:
		return resyncBooting
	case v1alpha1.InstanceReady:
		switch {
		case !m.leaving && m.node != nil && m.node.agent:
			return resyncIdle
		case !m.leaving:
			return resyncWatched
		case m.node != nil && m.node.leaving:
			return resyncMoving // it has been looked at, and is not empty
		}
		return time.Second
	case v1alpha1.InstanceDeleting:
		if m.presence == present && !m.isWritten() {
			return resyncNow // the next sync finds the order to delete it
		}
	case v1alpha1.InstanceStopping:
		if (isOff(m.status) || m.savers > 0) && !m.isWritten() {
			return resyncNow
		}
		if isDown(m.status) {
			return resyncBooting
		}
	}
	return resyncMoving
}

// deadlines are the moments at which m changes by itself.
func deadlines(o observed, m machine) []time.Time {
	at := []time.Time{}
	switch m.state {
	case v1alpha1.InstanceGone:
		return append(at, m.since.Add(keepGone))
	case v1alpha1.InstanceUnknown:
		return append(at, m.since.Add(unreadGrace))
	case v1alpha1.InstanceNotReady:
		at = append(at, m.since.Add(o.grace), m.since.Add(o.settings.joinTimeout))
	case v1alpha1.InstanceCreating, v1alpha1.InstanceJoining:
		at = append(at, m.begun().Add(o.settings.joinTimeout))
	}
	if m.state == v1alpha1.InstanceReady && m.pods == 0 {
		at = append(at, m.since.Add(bindTime))
	}
	if !m.passedOver.IsZero() {
		at = append(at, m.passedOver.Add(passedOverFor), m.passedOver.Add(trialTime))
	}
	at = append(at, m.freeAt) // also when a VM that rejects pods is drained
	if !m.idleSince.IsZero() {
		at = append(at, m.idleSince.Add(o.settings.idleTimeout))
	}
	return at
}

// sooner is after, or the time until the first of these moments to come. Half a second more, since times in status have
// whole seconds.
func sooner(after time.Duration, now time.Time, moments ...time.Time) time.Duration {
	for _, at := range moments {
		if at.After(now) && at.Before(now.Add(after)) {
			after = min(after, at.Sub(now)+500*time.Millisecond)
		}
	}
	return after
}
