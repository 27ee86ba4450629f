package gce_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// The errors follow what users of GCE have published.
func TestFailedOperation(t *testing.T) {
	const insert, remove = "insert", "delete"
	tests := map[string]struct {
		kind   string // operationType
		status int
		errors string
		want   gce.Error
	}{
		"stockout with details": {
			kind: insert, status: 503,
			errors: `{"code":"ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS","message":"The zone does not have enough resources","errorDetails":[{"errorInfo":{"reason":"resource_availability","domain":"compute.googleapis.com","metadatas":{"zone":"us-central1-a","vmType":"g2-standard-8","attachment":"","zonesAvailable":"us-central1-b,us-central1-c"}}},{"help":{"links":[{"url":"https://cloud.google.com"}]}},{"localizedMessage":{"locale":"en-US","message":"try later"}}]}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", Message: "The zone does not have enough resources", ZonesAvailable: []string{"us-central1-b", "us-central1-c"}},
		},
		"stockout without a hint": {
			kind: insert, status: 503,
			errors: `{"code":"ZONE_RESOURCE_POOL_EXHAUSTED","message":"no","errorDetails":[{"errorInfo":{"reason":"resource_availability","metadatas":{"zonesAvailable":""}}}]}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", Message: "no"},
		},
		"stockout by its message": {
			kind: insert, status: 503,
			errors: `{"code":"SOMETHING_NEW","message":"Cannot create (state:STOCKOUT)"}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "SOMETHING_NEW", Message: "Cannot create (state:STOCKOUT)"},
		},
		"a zone that never has it": {
			kind: insert, status: 503,
			errors: `{"code":"ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS","message":"no","errorDetails":[{"errorInfo":{"reason":"configuration_availability"}}]}`,
			want:   gce.Error{Kind: gce.Unsupported, Code: "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", Message: "no"},
		},
		"quota with details": {
			kind: insert, status: 403,
			errors: `{"code":"QUOTA_EXCEEDED","message":"Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.","errorDetails":[{"quotaInfo":{"metricName":"compute.googleapis.com/gpus_all_regions","limitName":"GPUS-ALL-REGIONS-per-project","dimensions":{"global":"global"},"limit":0}}]}`,
			want:   gce.Error{Kind: gce.Quota, Code: "QUOTA_EXCEEDED", Message: "Quota 'GPUS_ALL_REGIONS' exceeded. Limit: 0.0 globally.", QuotaMetric: "compute.googleapis.com/gpus_all_regions", QuotaLimit: "0"},
		},
		"quota by its message": {
			kind: insert, status: 403,
			errors: `{"code":"QUOTA_EXCEEDED","message":"Quota 'CPUS' exceeded.  Limit: 24.0 in region us-west1."}`,
			want:   gce.Error{Kind: gce.Quota, Code: "QUOTA_EXCEEDED", Message: "Quota 'CPUS' exceeded. Limit: 24.0 in region us-west1.", QuotaMetric: "CPUS", QuotaLimit: "24"},
		},
		"a subnet without addresses": {
			kind: insert, status: 400,
			errors: `{"code":"IP_SPACE_EXHAUSTED_WITH_DETAILS","message":"no"}`,
			want:   gce.Error{Kind: gce.Quota, Code: "IP_SPACE_EXHAUSTED_WITH_DETAILS", Message: "no"},
		},
		"preempted while being created": {
			kind: insert, status: 400,
			errors: `{"code":"UNSUPPORTED_OPERATION","message":"Instance failed to start due to preemption."}`,
			want:   gce.Error{Kind: gce.Preempted, Code: "UNSUPPORTED_OPERATION", Message: "Instance failed to start due to preemption."},
		},
		"unsupported for another reason": {
			kind: insert, status: 400,
			errors: `{"code":"UNSUPPORTED_OPERATION","message":"no"}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "UNSUPPORTED_OPERATION", Message: "no"},
		},
		"unsupported for want of capacity": {
			kind: insert, status: 400,
			errors: `{"code":"UNSUPPORTED_OPERATION","message":"Zone does not currently have sufficient capacity for the requested resources."}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "UNSUPPORTED_OPERATION", Message: "Zone does not currently have sufficient capacity for the requested resources."},
		},
		"an accelerator that the zone lacks": {
			kind: insert, status: 404,
			errors: `{"code":"RESOURCE_NOT_FOUND","message":"The resource 'projects/p/zones/z/acceleratorTypes/nvidia-l4' was not found"}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "RESOURCE_NOT_FOUND", Message: "The resource 'projects/p/zones/z/acceleratorTypes/nvidia-l4' was not found"},
		},
		"a disk that is not ready": {
			kind: insert, status: 400,
			errors: `{"code":"RESOURCE_NOT_READY","message":"The resource 'projects/p/zones/z/disks/vm-1' is not ready"}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "RESOURCE_NOT_READY", Message: "The resource 'projects/p/zones/z/disks/vm-1' is not ready"},
		},
		"a disk that is in use": {
			kind: insert, status: 400,
			errors: `{"code":"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE","message":"The disk is used by another instance"}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", Message: "The disk is used by another instance"},
		},
		"a service account that may not be used": {
			kind: insert, status: 400,
			errors: `{"code":"SERVICE_ACCOUNT_ACCESS_DENIED","message":"The user does not have access to service account 'a@p'"}`,
			want:   gce.Error{Kind: gce.Forbidden, Code: "SERVICE_ACCOUNT_ACCESS_DENIED", Message: "The user does not have access to service account 'a@p'"},
		},
		"the VM vanished while it was created": {
			kind: insert, status: 404,
			errors: `{"code":"RESOURCE_NOT_FOUND","message":"The resource 'projects/p/zones/z/instances/vm-1' was not found"}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "RESOURCE_NOT_FOUND", Message: "The resource 'projects/p/zones/z/instances/vm-1' was not found"},
		},
		"the image is missing": {
			kind: insert, status: 404,
			errors: `{"code":"RESOURCE_NOT_FOUND","message":"The resource 'projects/p/global/images/x' was not found"}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "RESOURCE_NOT_FOUND", Message: "The resource 'projects/p/global/images/x' was not found"},
		},
		"a delete of what is gone": {
			kind: remove, status: 404,
			errors: `{"code":"RESOURCE_NOT_FOUND","message":"The resource 'projects/p/zones/z/instances/vm-1' was not found"}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "RESOURCE_NOT_FOUND", Message: "The resource 'projects/p/zones/z/instances/vm-1' was not found"},
		},
		"too many operations": {
			kind: insert, status: 403,
			errors: `{"code":"CONCURRENT_OPERATIONS_QUOTA_EXCEEDED","message":"no"}`,
			want:   gce.Error{Kind: gce.RateLimited, Code: "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", Message: "no"},
		},
		"too many operations on one VM": {
			kind: remove, status: 403,
			errors: `{"code":"RESOURCE_OPERATION_RATE_EXCEEDED","message":"no"}`,
			want:   gce.Error{Kind: gce.RateLimited, Code: "RESOURCE_OPERATION_RATE_EXCEEDED", Message: "no"},
		},
		"an account that may not": {
			kind: insert, status: 403,
			errors: `{"code":"PERMISSIONS_ERROR","message":"no"}`,
			want:   gce.Error{Kind: gce.Forbidden, Code: "PERMISSIONS_ERROR", Message: "no"},
		},
		"an unknown code leaves it to the status": {
			kind: insert, status: 400, errors: `{"code":"BRAND_NEW","message":"no"}`,
			want: gce.Error{Kind: gce.Invalid, Code: "BRAND_NEW", Message: "no"},
		},
		"the first error that means something": {
			kind: insert, status: 503,
			errors: `{"code":"INTERNAL_ERROR","message":"Internal error"},{"code":"ZONE_RESOURCE_POOL_EXHAUSTED","message":"no"}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", Message: "no"},
		},
		"a status and nothing else": {
			kind: insert, status: 500, errors: ``,
			want: gce.Error{Kind: gce.Unavailable, Code: "HTTP 500", Message: "INTERNAL"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := dial(t, answering(200, nil, fmt.Sprintf(`{"items":[{"name":"op","operationType":%q,"status":"DONE","targetId":"77","insertTime":"2026-11-02T01:00:00.000-08:00",
				"targetLink":"https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instances/vm-1","zone":"https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a",
				"httpErrorStatusCode":%d,"httpErrorMessage":"INTERNAL","error":{"errors":[%s]}}]}`, tt.kind, tt.status, tt.errors)))
			ops, err := client.Operations(t.Context(), "us-central1-a", time.Time{})
			require.NoError(t, err)
			require.Len(t, ops, 1)
			tt.want.Call, tt.want.HTTPStatus = tt.kind+" vm-1 in us-central1-a", tt.status
			require.NotNil(t, ops[0].Error)
			assert.Equal(t, tt.want, withoutCause(ops[0].Error))
			assert.Equal(t, "77", ops[0].TargetID)
			assert.Equal(t, time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), ops[0].InsertTime)
		})
	}
}

func TestOperationsOfOtherThings(t *testing.T) {
	client := dial(t, answering(200, nil, `{"items":[
		{"name":"a","operationType":"createSnapshot","status":"BRAND_NEW","insertTime":"2026-11-02T09:00:00Z","targetLink":"https://x/projects/p/zones/z/disks/vm-1"},
		{"name":"b","operationType":"insert","status":"PENDING","insertTime":"2026-11-02T09:00:00Z","targetLink":"https://x/projects/p/zones/z/instances/vm-1"}]}`))
	ops, err := client.Operations(t.Context(), "us-central1-a", time.Time{})
	require.NoError(t, err)
	require.Len(t, ops, 1, "a disk of the VM's name is not the VM")
	assert.Equal(t, "b", ops[0].Name)
	assert.False(t, ops[0].Done)
}
