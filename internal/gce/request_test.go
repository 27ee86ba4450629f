package gce_test

import (
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestInsertRequest(t *testing.T) {
	full := spotSpec()
	full.MachineType, full.Accelerator, full.AcceleratorCount = "n1-standard-8", "nvidia-tesla-t4", 2
	full.NetworkTags = []string{"trainer", "ssh"}
	full.ServiceAccount = "trainer@acme-train.iam.gserviceaccount.com"
	full.Network, full.Subnetwork, full.ExternalIP = "train", "train-gpu", true

	standard := spotSpec()
	standard.ProvisioningModel, standard.PreemptionNotice, standard.Metadata, standard.Labels = gce.ModelStandard, 0, nil, nil
	standard.MaxRunDuration = time.Hour

	paths := spotSpec()
	paths.PreemptionNotice = 0
	paths.Subnetwork = "projects/shared-host/regions/us-central1/subnetworks/train"

	for name, spec := range map[string]gce.InstanceSpec{"full": full, "standard": standard, "paths": paths} {
		t.Run(name, func(t *testing.T) {
			var path, requestID string
			var body []byte
			client := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path, requestID = r.Method+" "+r.URL.Path, r.URL.Query().Get("requestId")
				body, _ = io.ReadAll(r.Body)
				answering(200, nil, `{"name":"op"}`)(w, r)
			}))
			id := uuid.NewString()
			op, err := client.Insert(t.Context(), spec, id)
			require.NoError(t, err)
			assert.Equal(t, "op", op.Name)
			assert.Equal(t, "POST /compute/v1/projects/acme-train/zones/us-central1-a/instances", path)
			assert.Equal(t, id, requestID)
			want, err := os.ReadFile("testdata/insert-" + name + ".json")
			require.NoError(t, err)
			assert.JSONEq(t, string(want), string(body))
		})
	}
}

func TestInsertThatFailedAtOnce(t *testing.T) {
	client := dial(t, answering(200, nil, `{"name":"op","operationType":"insert","status":"DONE","error":{"errors":[{"code":"QUOTA_EXCEEDED","message":"no"}]}}`))
	op, err := client.Insert(t.Context(), spotSpec(), uuid.NewString())
	require.NoError(t, err, "the call succeeded, the operation did not")
	assert.True(t, op.Done)
	assert.Equal(t, gce.Quota, op.Error.Kind)
}
