package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// judgeZones is the law blocked-zones-are-left-alone: no VM is planned in a zone that is not asked yet, as the request and the
// answer say. What blocks a zone can be the answer of GCE to an insert that was sent after the plan was made.
func (l *Laws) judgeZones(v *view) {
	known := map[string]bool{}
	for _, entry := range v.pool.Status.ProvisionedInstances {
		known[entry.Name] = true
	}
	for _, entry := range v.poolStatus.ProvisionedInstances {
		if entry.State != v1alpha1.InstancePlanned || known[entry.Name] {
			continue
		}
		standsIn := fallsBack(v.pool) && entry.ProvisioningModel == gce.ModelStandard
		before, after := blockOf(v.pool.Status, entry.Zone, standsIn), blockOf(v.poolStatus, entry.Zone, standsIn)
		if before.After(v.now) && after.After(v.now) {
			l.violate("blocked-zones-are-left-alone", "%s plans %s in %s, which is blocked until %s", v.Parent, entry.Name, entry.Zone, after)
		}
	}
}

// blockOf is until when a zone is not asked for a VM, as status has it.
func blockOf(status v1alpha1.SpotInstanceVMStatus, name string, standsIn bool) time.Time {
	for _, zone := range status.Zones {
		until := zone.BlockedUntil
		if standsIn {
			until = zone.StandardBlockedUntil
		}
		if zone.Zone == name && until != nil {
			return until.Time
		}
	}
	return time.Time{}
}

// blameLasts is longer than a refusal of the spec is held against it: a failed start is remembered for an hour and joinTimeout, and
// the other zones have refused within an hour before.
const blameLasts = 3 * time.Hour

// refused notes that GCE refuses an insert: in the zone, or in all of its region.
func (l *Laws) refused(vm, zone string, kind gce.Kind, isRegions bool) {
	if kind != gce.Invalid && kind != gce.NotFound && kind != gce.Unsupported {
		return
	}
	place := zone
	if isRegions {
		place = regionOf(zone)
	}
	l.noes[stemOf(vm)+place] = l.world.Clock.Now()
}

func regionOf(zone string) string { return zone[:max(strings.LastIndex(zone, "-"), 0)] }

// stemOf is what the names of a pool's VMs have in common.
func stemOf(vm string) string { return strings.TrimRight(vm, "0123456789") }

// judgeBlame is the law a-zones-no-is-the-zones: a spec is not called wrong for what GCE says, unless GCE has said so in each
// of its zones. It is lenient when that was hours ago, or of an earlier spec.
func (l *Laws) judgeBlame(v *view) {
	blamed := slices.ContainsFunc(v.poolStatus.Conditions, func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionSpecValid && c.Status == metav1.ConditionFalse && c.Reason == v1alpha1.ReasonRefusedByGCE
	})
	if !blamed || len(v.poolStatus.ProvisionedInstances) == 0 {
		return
	}
	stem := stemOf(v.poolStatus.ProvisionedInstances[0].Name)
	for _, zone := range append([]string{v.pool.Spec.GCP.Zone}, v.pool.Spec.GCP.Zones...) {
		at := l.noes[stem+zone]
		if ofRegion := l.noes[stem+regionOf(zone)]; ofRegion.After(at) {
			at = ofRegion
		}
		if at.IsZero() || l.world.Clock.Now().Sub(at) > blameLasts {
			l.violate("a-zones-no-is-the-zones", "%s calls its spec wrong, and %s has not refused it", v.Parent, zone)
		}
	}
}

// spotIsBack is the law spot-comes-back: in a world that is left alone for long enough, which then has room for spot VMs, no
// on-demand VM stands in any more. It tells what is not so yet.
func (l *Laws) spotIsBack() error {
	for _, r := range l.world.API.List("SpotInstanceVM") {
		pool := As[*v1alpha1.SpotInstanceVM](r)
		if standIns(pool) > 0 {
			return fmt.Errorf("%s has on-demand VMs: %s", r.Key, pool.Status.Placement)
		}
	}
	return nil
}

func fallsBack(pool *v1alpha1.SpotInstanceVM) bool {
	return pool.Spec.ProvisioningModel == v1alpha1.ProvisioningSpotWithStandardFallback
}

// standIns is how many on-demand VMs serve in place of spot VMs.
func standIns(pool *v1alpha1.SpotInstanceVM) int {
	n := 0
	for _, entry := range pool.Status.ProvisionedInstances {
		if fallsBack(pool) && entry.ProvisioningModel == gce.ModelStandard && serves(entry) {
			n++
		}
	}
	return n
}
