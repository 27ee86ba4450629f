package e2e

import (
	"encoding/base64"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// The manifests of the original operator's users have no field of ours, and must do without.
func TestManifestWithTheOriginalFieldsOnlyRuns(t *testing.T) {
	s := begin(t)
	manifest, err := os.ReadFile("testdata/original-fields.yaml")
	require.NoError(t, err)

	s.apply(string(manifest))
	job := jobOf{s, "resnet"}
	s.eventually("both replicas train", job.trains(2))

	vm := s.vms()[0].Spec
	assert.Equal(t, []string{"k8s-worker", "spot"}, vm.NetworkTags)
	assert.Equal(t, "pd-standard", vm.DiskType)
	assert.Equal(t, "trainer@my-project.iam.gserviceaccount.com", vm.ServiceAccount)
	usersScript := "#!/bin/bash\necho \"node preparation of the user\"\n"
	assert.Contains(t, vm.Metadata["startup-script"], base64.StdEncoding.EncodeToString([]byte(usersScript)))
	assert.Equal(t, "nvidia-tesla-t4", vm.Accelerator)
	pod := job.pod(job.replica(0).Name)
	assert.Equal(t, "nvidia.com/gpu=0", pod.Annotations["container.devices.cdi.k8s.io/trainer"])
	assert.Equal(t, "nvidia-cdi", *pod.Spec.RuntimeClassName)
	s.eventually("a condition tells what is not used", job.says(v1alpha1.ConditionIgnoredFields, metav1.ConditionTrue, v1alpha1.ReasonCheckpointStorage,
		"spec.checkpointConfig.checkpointStorage"))
	s.end()
}
