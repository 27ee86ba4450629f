package spotinstancejob

import (
	"fmt"
	"math"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

// spent is what the job's attempts have cost so far.
func (s *survey) spent() *v1alpha1.CostStatus {
	var runs []cost.Run
	for _, a := range s.attempts {
		if a.pod != nil && a.vm.state != "" { // a VM that the pool does not list is not bought by it
			runs = append(runs, cost.Run{VM: a.vm.priced, Spot: a.vm.spot, From: a.pod.scheduled, To: a.firstEnd()})
		}
	}
	account, next := cost.Continue(s.job.Status.Cost, s.prices, runs, s.now)
	s.wakeAt(next)
	return account
}

// dearerThanOnDemand warns when replicas cost more, as spot VMs, than the one on-demand VM that would do instead: it is never
// preempted. Prices are those of the zones in which each is cheapest.
func (s *survey) dearerThanOnDemand() *condition {
	if s.invalid != nil || s.pool == nil || !s.pool.spot {
		return nil
	}
	spot, onDemand := math.Inf(1), math.Inf(1)
	for _, choice := range s.pool.choices {
		price := s.prices.Of(choice)
		if price.Of(true) == 0 {
			return nil
		}
		spot, onDemand = min(spot, price.Spot), min(onDemand, price.OnDemand)
	}
	replicas := s.replicas()
	if float64(replicas)*spot <= onDemand {
		return nil
	}
	name := s.job.Spec.SpotInstanceVMRef.Name
	return &condition{
		v1alpha1.ConditionCheaperOnDemand, v1alpha1.ReasonReplicasCostMore,
		fmt.Sprintf("spec.replicas: %d spot VMs of SpotInstanceVM %s cost %.2f USD an hour, and one on-demand VM, which is not preempted, %.2f: lower replicas, or use a SpotInstanceVM with provisioningModel Standard and one replica",
			replicas, name, float64(replicas)*spot, onDemand), true,
	}
}
