package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// The agent logs in with the Secret that it is told, whosever it is: only one of the job's own namespace is ever told.
func TestSecretToPushWithIsOfTheJobsNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		ref     *corev1.SecretReference
		told    *corev1.SecretReference
		refused bool
	}{
		"none":                        {},
		"without a name":              {ref: &corev1.SecretReference{}},
		"without a namespace":         {ref: &corev1.SecretReference{Name: "push"}, told: &corev1.SecretReference{Name: "push", Namespace: "ml"}},
		"of the job's namespace":      {ref: &corev1.SecretReference{Name: "push", Namespace: "ml"}, told: &corev1.SecretReference{Name: "push", Namespace: "ml"}},
		"of another namespace":        {ref: &corev1.SecretReference{Name: "push", Namespace: "victim"}, refused: true},
		"of a namespace like it":      {ref: &corev1.SecretReference{Name: "push", Namespace: "ML"}, refused: true},
		"another namespace's default": {ref: &corev1.SecretReference{Name: "registry-credentials", Namespace: "victim"}, refused: true},
		"the agent's own":             {ref: &corev1.SecretReference{Name: "registry-credentials", Namespace: "stateful-migration"}},
		"another one of the agent's":  {ref: &corev1.SecretReference{Name: "admin", Namespace: "stateful-migration"}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := given()
			w.job.Spec.CheckpointConfig.CheckpointRepoCredentialRef = c.ref
			o, err := observe(w.request(t), noon)
			require.NoError(t, err)
			assert.Equal(t, c.refused, o.invalid != nil)
			backup := renderBackup(o, newBackup{name: "b", of: attempt{name: "train-r0-a1", pod: &podFacts{uid: "p", name: "p", started: ago(time.Hour)}}})
			assert.Equal(t, c.told, backup.Spec.Registry.SecretRef)
		})
	}
}

// What runs is kept, nothing new is made, and the condition says which field to change.
func TestJobWithASecretOfAnotherNamespaceSaysSo(t *testing.T) {
	w := given(aVM("vm-0", v1alpha1.InstanceReady, 2*time.Hour), anAttempt(0, 1, trains("vm-0", 2*time.Hour)))
	w.job.Spec.CheckpointConfig.CheckpointRepoCredentialRef = &corev1.SecretReference{Name: "push", Namespace: "victim"}
	response, err := atNoon.Sync(t.Context(), w.request(t))
	require.NoError(t, err)
	require.Len(t, response.Children, 1, "the attempt that trains")
	valid := meta.FindStatusCondition(response.Status.(v1alpha1.SpotInstanceJobStatus).Conditions, v1alpha1.ConditionSpecValid)
	require.NotNil(t, valid)
	assert.Equal(t, metav1.ConditionFalse, valid.Status)
	for _, part := range []string{"spec.checkpointConfig.checkpointRepoCredentialRef", "namespace victim", "into namespace ml", "remove the field"} {
		assert.Contains(t, valid.Message, part)
	}
}
