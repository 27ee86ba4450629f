package spotinstancevm

import (
	"fmt"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// How long a zone is not asked again after a definitive failure there.
const (
	blockStockout    = 3 * time.Minute  // also a VM lost before it was Ready
	blockUnavailable = 3 * time.Minute  // an insert that failed without a meaning for the spec, or that nothing came of
	blockRateLimited = 15 * time.Second // an insert that was one call too many
	blockQuota       = 5 * time.Minute  // all zones of the region, or of the project
	blockUnsupported = time.Hour
)

// rememberLoss is how long a zone that lost a VM, or had none, comes after the others.
const rememberLoss = time.Hour

// zonesNow are the zones of the spec, as healthy as status remembers them and as the VMs that failed there say. A block
// counts from the failure, so that seeing it again does not prolong it.
func zonesNow(o observed, machines []machine) []zone {
	var zones []zone
	for _, z := range o.zones {
		if !z.wanted {
			continue
		}
		if o.edited || o.finalizing {
			z.block, z.standardUntil = block{}, time.Time{}
		}
		for _, m := range slices.Concat(machines, o.forgotten) {
			z.hear(o, m)
		}
		z.forget(o.now)
		zones = append(zones, z)
	}
	return zones
}

// hear notes what became of a VM, if it says something of the zone.
func (z *zone) hear(o observed, m machine) {
	z.doubtful = z.doubtful || m.zone == z.name && m.state == v1alpha1.InstanceNotReady && m.model(o) == gce.ModelSpot
	if m.zone == z.name && m.isUnanswered() {
		z.await(o, m)
	}
	if !isEnding(m.state) {
		return
	}
	if m.zone == z.name && wasShort(o, m) {
		z.lastLoss = later(z.lastLoss, m.since)
	}
	if m.insert != nil && m.insert.Error != nil && o.now.Before(m.since.Add(blockStockout)) {
		z.hinted = z.hinted || slices.Contains(m.insert.Error.ZonesAvailable, z.name)
	}
	b, blocks := blockOf(m, z.name)
	switch {
	case !blocks:
	case isStandIn(o, m):
		z.standardUntil = later(z.standardUntil, b.until)
	case b.until.After(z.until):
		if b.message == "" && b.reason == z.reason {
			b.message = z.message
		}
		z.block = b
	}
}

// await notes that GCE has not said what became of an insert, and keeps its words: nobody else remembers them. Other zones are
// preferred meanwhile.
func (z *zone) await(o observed, m machine) {
	z.awaited, z.doubtful = true, true
	if m.doubt != nil && !o.now.Before(z.until) {
		z.block = block{reason: m.reason, message: m.doubt.Message}
	}
}

// forget drops what is over.
func (z *zone) forget(now time.Time) {
	switch {
	case now.Before(z.until):
	case z.awaited && z.reason == string(gce.Unavailable):
		z.until = time.Time{}
	default:
		z.block = block{}
	}
	if !now.Before(z.standardUntil) {
		z.standardUntil = time.Time{}
	}
	if now.Sub(z.lastLoss) >= rememberLoss {
		z.lastLoss = time.Time{}
	}
	z.hinted = z.hinted && z.until.IsZero()
}

// wasShort tells whether GCE had no place for a VM, or none any more. A spot VM that stops and nothing tells why yet is
// being preempted, most likely.
func wasShort(o observed, m machine) bool {
	switch m.reason {
	case v1alpha1.VMPreempted, string(gce.Stockout), v1alpha1.VMLost:
		return true
	case "":
		return m.model(o) == gce.ModelSpot
	}
	return false
}

// blockOf is what the end of m says against a zone.
func blockOf(m machine, zone string) (block, bool) {
	if m.joined {
		return block{}, false
	}
	b := block{reason: m.reason}
	here := m.reaches(zone)
	switch m.reason {
	case string(gce.Quota):
		b.until, b.message = m.since.Add(blockQuota), quotaText(m)
	case string(gce.Unsupported):
		b.until, b.message = m.since.Add(blockUnsupported), wordsOf(m)
	case string(gce.RateLimited):
		b.until, b.message = m.since.Add(blockRateLimited), wordsOf(m)
		if m.hasBegun() {
			b.until = m.since.Add(blockUnavailable)
		}
	case string(gce.Unavailable):
		b.until, b.message = m.since.Add(blockUnavailable), wordsOf(m)
	case string(gce.Stockout), v1alpha1.VMPreempted, v1alpha1.VMLost:
		b.until = m.since.Add(blockStockout)
	default:
		here = false
	}
	return b, here
}

// hasBegun tells whether GCE had taken the insert of a VM, and failed it later.
func (m machine) hasBegun() bool {
	return m.seen.instanceID != "" || m.insert != nil && m.insert.Name != ""
}

// isOwnNo tells whether a zone is blocked for what may concern nobody but itself, and may be for long.
func isOwnNo(reason string) bool {
	return reason == string(gce.Unsupported) || reason == string(gce.Unavailable) || reason == string(gce.RateLimited)
}

func quotaMetric(m machine) string {
	if m.insert == nil || m.insert.Error == nil {
		return ""
	}
	return m.insert.Error.QuotaMetric
}

// quotaText names the quota that is used up: as GCE does, if it does.
func quotaText(m machine) string {
	metric := quotaMetric(m)
	switch {
	case metric != "" && m.insert.Error.QuotaLimit != "":
		return fmt.Sprintf("quota %s with its limit of %s is used up", metric, m.insert.Error.QuotaLimit)
	case metric != "":
		return "quota " + metric + " is used up"
	default:
		return wordsOf(m)
	}
}

// wordsOf is what GCE said of an insert that failed, if it is at hand.
func wordsOf(m machine) string {
	if m.insert == nil || m.insert.Error == nil {
		return ""
	}
	return m.insert.Error.Message
}
