package spotinstancejob

import (
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// withProgress adds what kstatus reads: Reconciling or Stalled, while Ready is False.
//
//	SpecValid is False     Stalled: it takes a user
//	Failed is True         Stalled, in the words of Failed
//	else                   Reconciling
func withProgress(holding []condition) []condition {
	find := func(kind string) condition {
		i := slices.IndexFunc(holding, func(c condition) bool { return c.kind == kind })
		if i < 0 {
			return condition{}
		}
		return holding[i]
	}
	ready, specValid, failed := find(v1alpha1.ConditionReady), find(v1alpha1.ConditionSpecValid), find(v1alpha1.ConditionFailed)
	progress := condition{v1alpha1.ConditionReconciling, ready.reason, ready.message, true}
	switch {
	case ready.isTrue:
		return holding
	case failed.isTrue:
		progress = condition{v1alpha1.ConditionStalled, failed.reason, failed.message, true}
	case !specValid.isTrue:
		progress.kind = v1alpha1.ConditionStalled
	}
	return append(slices.Clone(holding), progress)
}
