package spotinstancevm

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// runsOf is how long each VM has been paid for, by what status says of its end. GCE bills from RUNNING, some seconds after the
// creation, until it stops.
func runsOf(o observed) []cost.Run {
	runs := make([]cost.Run, 0, len(o.machines))
	for _, m := range o.machines {
		run := cost.Run{VM: o.settings.priced(m), Spot: m.seen.model != gce.ModelStandard, From: m.seen.created}
		if m.state == v1alpha1.InstanceGone {
			run.To = m.since
		}
		runs = append(runs, run)
	}
	return runs
}

// priced is what the price of a VM depends on. What is attached to it is of the type that the spec names now: an instance does
// not tell.
func (s settings) priced(m machine) cost.VM {
	vm := cost.VM{Zone: m.zone, MachineType: cmp.Or(m.seen.machine, s.machineType)}
	if gce.AttachesGPUs(v1alpha1.FullMachineType(vm.MachineType)) {
		vm.Accelerator, vm.Accelerators = s.accelerator, m.gpus
	}
	return vm
}

// costCondition tells why VMs are not reckoned, or not as the user's table now says; nil: they are.
func costCondition(o observed) *metav1.Condition {
	if o.priceTrouble != "" {
		c := condition(v1alpha1.ConditionCostKnown, false, v1alpha1.ReasonPricesUnusable,
			"the operator's ConfigMap gce-prices: "+o.priceTrouble+"; until it is mended the prices before count")
		return &c
	}
	if o.prices == nil {
		return nil
	}
	missing := map[string]bool{}
	for _, run := range runsOf(o) {
		if line := o.prices.Missing(run.VM, run.Spot); line != "" && run.To.IsZero() && !run.From.IsZero() {
			missing[line] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	c := condition(v1alpha1.ConditionCostKnown, false, v1alpha1.ReasonPriceMissing,
		"status.cost leaves VMs out, since there is no price of "+strings.Join(slices.Sorted(maps.Keys(missing)), ", ")+
			": add it to prices.csv in the operator's ConfigMap gce-prices")
	return &c
}
