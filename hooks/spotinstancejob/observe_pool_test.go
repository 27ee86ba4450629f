package spotinstancejob

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestTroubleOfAPool(t *testing.T) {
	is := func(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
	}
	capacity := is(v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonZonesExhausted, "no zone can be asked")
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		trouble    string
	}{
		"nothing is known":           {nil, ""},
		"all VMs are there":          {[]metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAllVMsReady, "2 of 2 VMs are Ready")}, ""},
		"VMs are on their way":       {[]metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProvisioning, "1 of 2 VMs are Ready")}, ""},
		"a condition tells why":      {[]metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonZonesExhausted, "1 of 2 VMs are Ready: no zone can be asked"), capacity}, "no zone can be asked"},
		"another condition is False": {[]metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPoolDeleting, "2 VMs are left to delete"), capacity}, "2 VMs are left to delete"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.trouble, troubleOf(test.conditions)) })
	}
}
