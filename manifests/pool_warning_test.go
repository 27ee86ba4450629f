package manifests_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// Deleting a pool whose VMs are in use is told, and never refused: namespaces and scripts must be able to go.
func TestDeletingAPoolInUseIsOnlyWarnedOf(t *testing.T) {
	all := load(t)
	i := slices.IndexFunc(all.policyBindings, func(b admissionv1.ValidatingAdmissionPolicyBinding) bool { return b.Spec.PolicyName == poolInUse })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, []admissionv1.ValidationAction{admissionv1.Warn}, all.policyBindings[i].Spec.ValidationActions)
	assert.Equal(t, admissionv1.Ignore, *all.policies[i].Spec.FailurePolicy)
}
