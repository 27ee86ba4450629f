package spotinstancevm

import (
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Whose no it is when GCE refuses an insert:
//
//	the spec, as GCE says (Invalid, NotFound,     the zone's, for an hour, if another zone of the spec has not refused too; the
//	Unsupported)                                  region's, if GCE names the region and not the zone
//	                                              else the spec's: SpecValid False, and the next start waits
//	an operation that failed, whatever its code   the zone's, for minutes
//	one call too many                             the zone's, for seconds
//	no answer, or a 5xx                           nobody's: the insert is repeated for a while. When the zone then shows
//	                                              nothing of it for a while longer, it is the zone's, for minutes

// What is done about an insert of which GCE has not said what became. It is told from the moment of its first try.
const (
	repeatUnanswered = 30 * time.Second // it is sent again, with the same request id
	awaitUnanswered  = time.Minute      // then it is only looked for: GCE may take it late
)

// isSpecRefusal tells whether GCE says, with this reason, that the spec is wrong. What it says so of may lack in one zone only.
func isSpecRefusal(reason string) bool {
	return reason == string(gce.Invalid) || reason == string(gce.NotFound)
}

// attribute finds out whose no each new refusal of the spec is. The reason of a VM says so from then on: Unsupported is its
// zone's. A no to the notice of a VM that has none is one to the spec. Zones that do not offer a machine type as spot say nothing
// against the spec of a pool that then buys on demand.
func attribute(o observed, machines []machine) {
	for i := range machines {
		m := &machines[i]
		if m.reason == string(gce.NoticeRefused) && !wasGone(o, m.name) && m.isWithoutNotice() {
			m.reason = string(gce.Invalid)
		}
		if !hasRefused(o, *m) || wasGone(o, m.name) {
			continue
		}
		switch isEverywhere := isRefusedEverywhere(o, machines, isStandIn(o, *m)); {
		case isSpecRefusal(m.reason) && !isEverywhere:
			m.reason = string(gce.Unsupported)
		case m.reason == string(gce.Unsupported) && isEverywhere && !o.settings.fallback:
			m.reason = string(gce.Invalid)
		}
	}
}

// isWithoutNotice tells whether a VM was asked for without a notice, so that no refusal can be the notice's.
func (m machine) isWithoutNotice() bool { return m.seen.noticed && m.seen.notice == 0 }

func wasGone(o observed, name string) bool {
	return slices.ContainsFunc(o.machines, func(m machine) bool { return m.name == name && m.state == v1alpha1.InstanceGone })
}

// isRefusedEverywhere tells whether each zone of the spec has refused it lately. A zone that had no place for a VM, or that
// cannot be read, has not.
func isRefusedEverywhere(o observed, machines []machine, standIn bool) bool {
	return !slices.ContainsFunc(o.zones, func(z zone) bool {
		isRefused := !o.edited && isRefusing(o, z, standIn) || slices.ContainsFunc(machines, func(m machine) bool {
			return m.reaches(z.name) && isStandIn(o, m) == standIn && hasRefused(o, m)
		})
		return z.wanted && !isRefused
	})
}

// isRefusing tells whether status has it that a zone refuses the spec. Of on-demand VMs that stand in it has only until when.
func isRefusing(o observed, z zone, standIn bool) bool {
	if standIn {
		return o.now.Before(z.standardUntil)
	}
	return z.reason == string(gce.Unsupported) && o.now.Before(z.until)
}

// hasRefused tells whether a VM was refused for what the spec asks for, by its zone at least.
func hasRefused(o observed, m machine) bool {
	isRecent := o.now.Sub(m.since) < blockUnsupported
	return m.state == v1alpha1.InstanceGone && !m.joined && isRecent && (isSpecRefusal(m.reason) || m.reason == string(gce.Unsupported))
}

// reaches tells whether the refusal of a VM holds in a zone, of which GCE's words at hand may say more than its kind.
func (m machine) reaches(zone string) bool {
	scope := gce.ScopeZone
	switch {
	case m.insert != nil && m.insert.Error != nil:
		scope = m.insert.Error.Scope(m.zone)
	case m.reason == string(gce.Quota):
		scope = gce.ScopeRegion
	}
	return scope == gce.ScopeProject || scope == gce.ScopeRegion && regionOf(m.zone) == regionOf(zone) || m.zone == zone
}

// isUnanswered tells whether an insert was sent and GCE has not said what became of it.
func (m machine) isUnanswered() bool {
	return m.state == v1alpha1.InstancePlanned && m.reason == string(gce.Unavailable)
}

// isLeftToShow tells whether an unanswered insert is not repeated any more, so that a look at its zone can tell what became of it.
func (m machine) isLeftToShow(now time.Time) bool {
	return m.isUnanswered() && now.Sub(m.since) >= repeatUnanswered
}

// isGivenUp tells whether nothing will come of an unanswered insert that its zone does not show. If something does, the VM is
// taken in: its name is not used again.
func (m machine) isGivenUp(now time.Time) bool {
	return m.isUnanswered() && now.Sub(m.since) >= repeatUnanswered+awaitUnanswered
}
