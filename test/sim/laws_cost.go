package sim

import (
	"strconv"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// judgeCost is the law counters-only-grow, of money: no answer takes back what its request said was spent.
func (l *Laws) judgeCost(v *view, old, next *v1alpha1.CostStatus) {
	if old == nil {
		return
	}
	if next == nil {
		l.violate("counters-only-grow", "%s: cost was %+v and is not told", v.Parent, *old)
		return
	}
	for name, sums := range map[string][2]string{
		"spentUSD": {old.SpentUSD, next.SpentUSD}, "onDemandUSD": {old.OnDemandUSD, next.OnDemandUSD},
	} {
		before, err := strconv.ParseFloat(sums[0], 64)
		after, alsoErr := strconv.ParseFloat(sums[1], 64)
		if err != nil || alsoErr != nil || after < before || next.AsOf.Before(&old.AsOf) {
			l.violate("counters-only-grow", "%s: cost.%s %s to %s, as of %s to %s", v.Parent, name, sums[0], sums[1], old.AsOf, next.AsOf)
			return
		}
	}
}
