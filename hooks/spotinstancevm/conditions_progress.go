package spotinstancevm

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// progressCondition is what kstatus reads while Ready is False; nil while it is True.
//
//	the pool is being deleted                                     Reconciling
//	SpecValid, CredentialsValid or JoinDataValid is False,
//	    since something is not there that may still be applied    Reconciling
//	    since something that is there is wrong                    Stalled: it takes a user
//	else, so also while no zone has VMs                           Reconciling
func progressCondition(ready metav1.Condition, others []metav1.Condition) *metav1.Condition {
	if ready.Status == metav1.ConditionTrue {
		return nil
	}
	if wrong := wrongOf(others); wrong != nil && ready.Reason != v1alpha1.ReasonPoolDeleting {
		stalled := condition(v1alpha1.ConditionStalled, true, wrong.Reason, wrong.Message)
		return &stalled
	}
	reconciling := condition(v1alpha1.ConditionReconciling, true, ready.Reason, ready.Message)
	return &reconciling
}

// wrongOf is the first condition that somebody has to mend, and that no object which is still to be applied can mend.
func wrongOf(conditions []metav1.Condition) *metav1.Condition {
	for _, kind := range []string{v1alpha1.ConditionSpecValid, v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionJoinDataValid} {
		c := meta.FindStatusCondition(conditions, kind)
		if c != nil && c.Status == metav1.ConditionFalse && !mayStillCome(c.Reason) {
			return c
		}
	}
	return nil
}

// mayStillCome is true of the want of a Secret, or of whoever names one: a job that is applied after its pool may.
func mayStillCome(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretUnreadable, v1alpha1.ReasonOwnIdentityDenied,
	}, reason)
}
