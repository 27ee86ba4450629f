package spotinstancevm

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// How long a zone is not asked again after a definitive failure there.
const (
	blockStockout    = 3 * time.Minute // also a VM lost before it was Ready
	blockQuota       = 5 * time.Minute // all zones of the region
	blockUnsupported = time.Hour
)

// blockZones are the zones of the spec, blocked as status remembers and as the VMs that failed there say. The time
// counts from the failure, so that seeing it again does not prolong it.
func blockZones(o observed, machines []machine) []zone {
	var zones []zone
	for _, z := range o.zones {
		if !z.wanted {
			continue
		}
		if o.edited || o.finalizing {
			z.blockedUntil = time.Time{}
		}
		for _, m := range machines {
			if until, blocks := blockOf(m, z.name); blocks && until.After(z.blockedUntil) {
				z.blockedUntil, z.reason = until, m.reason
			}
		}
		if !o.now.Before(z.blockedUntil) {
			z.blockedUntil, z.reason = time.Time{}, ""
		}
		zones = append(zones, z)
	}
	return zones
}

// blockOf is until when what became of m speaks against a zone.
func blockOf(m machine, zone string) (time.Time, bool) {
	if m.joined || !isEnding(m.state) {
		return time.Time{}, false
	}
	switch m.reason {
	case string(gce.Quota):
		return m.since.Add(blockQuota), regionOf(m.zone) == regionOf(zone)
	case string(gce.Unsupported):
		return m.since.Add(blockUnsupported), m.zone == zone
	case string(gce.Stockout), v1alpha1.VMPreempted, v1alpha1.VMLost:
		return m.since.Add(blockStockout), m.zone == zone
	default:
		return time.Time{}, false
	}
}
