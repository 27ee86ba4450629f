package spotinstancejob

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

func TestStories(t *testing.T) {
	backups := hooktest.LoadSchema(t, "../../test/cluster/testdata/checkpointbackup-crd.yaml")
	hooktest.Suite{
		Sync: func(now time.Time) http.Handler {
			hook := Hook{Now: func() time.Time { return now }}
			return webhook.Sync(slog.New(slog.DiscardHandler), "spotinstancejob", hook.Sync)
		},
		Parent: hooktest.LoadSchema(t, "../../crds/training.training.dcnlab.com_spotinstancejobs.yaml"),
		Children: []hooktest.Kind{
			{APIVersion: "batch/v1", Kind: "Job", Type: batchv1.Job{}, Check: checkJob},
			{APIVersion: backupAPIVersion, Kind: backupKind, Type: checkpointBackup{}, Check: func(t *testing.T, object []byte) {
				var fields map[string]any
				require.NoError(t, json.Unmarshal(object, &fields))
				assert.Empty(t, backups.Refuses(fields))
			}},
		},
		Related: []hooktest.Kind{
			{APIVersion: "v1", Kind: "Pod", Type: corev1.Pod{}},
			{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM", Type: v1alpha1.SpotInstanceVM{}},
		},
	}.Run(t)
}

// checkJob looks for what an API server would refuse, as far as its rules can be imported, and for what every attempt has.
func checkJob(t *testing.T, object []byte) {
	var job batchv1.Job
	require.NoError(t, json.Unmarshal(object, &job))
	invalid := apivalidation.ValidateObjectMeta(&job.ObjectMeta, true, apivalidation.NameIsDNSLabel, field.NewPath("metadata"))
	invalid = append(invalid, validation.ValidateLabels(job.Spec.Template.Labels, field.NewPath("spec.template.metadata.labels"))...)
	invalid = append(invalid, validation.ValidateLabels(job.Spec.Template.Spec.NodeSelector, field.NewPath("spec.template.spec.nodeSelector"))...)
	assert.Empty(t, invalid)
	for _, c := range job.Spec.Template.Spec.Containers {
		assert.NotEmpty(t, c.Name)
		assert.NotEmpty(t, c.Image)
	}
	assert.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)
	assert.EqualValues(t, 0, *job.Spec.BackoffLimit)
	assert.Equal(t, job.Labels[v1alpha1.LabelPool], job.Spec.Template.Labels[v1alpha1.LabelPool])
}
