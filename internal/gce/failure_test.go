package gce_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// dial returns a Client of the server's.
func dial(t *testing.T, handler http.Handler) *gce.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := gce.Dial("acme-train", gce.Credentials{}, gce.Options{Endpoint: server.URL})
	require.NoError(t, err)
	return client
}

func answering(status int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func spotSpec() gce.InstanceSpec {
	return gce.InstanceSpec{
		Name: "trainer-1a2b3c-4", Zone: "us-central1-a", MachineType: "g2-standard-8", DiskType: "pd-balanced", DiskSizeGB: 100,
		Image: "projects/acme-train/global/images/family/trainer", ProvisioningModel: gce.ModelSpot, MaxRunDuration: 168 * time.Hour,
		PreemptionNotice: gce.PreemptionNotice, Labels: map[string]string{"pool-uid": "0f3c"}, Metadata: map[string]string{"startup-script": "token=s3cret"},
	}
}

// The bodies follow what users of GCE have published.
func TestRefusedCall(t *testing.T) {
	tests := map[string]struct {
		status int
		header map[string]string
		body   string
		want   gce.Error
	}{
		"a name that is taken": {
			status: 409,
			body:   `{"error":{"code":409,"message":"The resource 'projects/p/zones/z/instances/i' already exists","errors":[{"message":"The resource 'projects/p/zones/z/instances/i' already exists","domain":"global","reason":"alreadyExists"}]}}`,
			want:   gce.Error{Kind: gce.AlreadyExists, Code: "alreadyExists", Message: "The resource 'projects/p/zones/z/instances/i' already exists"},
		},
		"a name that is taken, without a reason": {
			status: 409,
			body:   `{"error":{"code":409,"message":"The resource 'projects/p/zones/z/instances/i' already exists"}}`,
			want:   gce.Error{Kind: gce.AlreadyExists, Code: "HTTP 409", Message: "The resource 'projects/p/zones/z/instances/i' already exists"},
		},
		"a conflict without a reason": {
			status: 409,
			body:   `{"error":{"code":409,"message":"The resource is being used"}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "HTTP 409", Message: "The resource is being used"},
		},
		"another conflict": {
			status: 409,
			body:   `{"error":{"code":409,"message":"The resource is being used","errors":[{"reason":"resourceInUseByAnotherResource"}]}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "resourceInUseByAnotherResource", Message: "The resource is being used"},
		},
		"an image that does not exist": {
			status: 404,
			body:   `{"error":{"code":404,"message":"The resource 'projects/p/global/images/family/x' was not found","errors":[{"domain":"global","reason":"notFound"}]}}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "notFound", Message: "The resource 'projects/p/global/images/family/x' was not found"},
		},
		"quota": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Quota 'PREEMPTIBLE_NVIDIA_L4_GPUS' exceeded.  Limit: 8.0 in region us-central1.","errors":[{"domain":"usageLimits","reason":"quotaExceeded"}]}}`,
			want: gce.Error{
				Kind: gce.Quota, Code: "quotaExceeded", QuotaMetric: "PREEMPTIBLE_NVIDIA_L4_GPUS", QuotaLimit: "8",
				Message: "Quota 'PREEMPTIBLE_NVIDIA_L4_GPUS' exceeded. Limit: 8.0 in region us-central1.",
			},
		},
		"rate limit as 403": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}`,
			want:   gce.Error{Kind: gce.RateLimited, Code: "rateLimitExceeded", Message: "Rate Limit Exceeded"},
		},
		"rate limit, newer form": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Quota exceeded for quota metric 'Queries'","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com","metadata":{"service":"compute.googleapis.com"}}]}}`,
			want:   gce.Error{Kind: gce.RateLimited, Code: "RATE_LIMIT_EXCEEDED", Message: "Quota exceeded for quota metric 'Queries'"},
		},
		"429 with seconds": {
			status: 429, header: map[string]string{"Retry-After": "12"}, body: `{}`,
			want: gce.Error{Kind: gce.RateLimited, Code: "HTTP 429", Message: "Too Many Requests", RetryAfter: 12 * time.Second},
		},
		"429 with a date": {
			status: 429, body: `{}`,
			header: map[string]string{"Date": "Mon, 02 Nov 2026 09:00:00 GMT", "Retry-After": "Mon, 02 Nov 2026 09:01:30 GMT"},
			want:   gce.Error{Kind: gce.RateLimited, Code: "HTTP 429", Message: "Too Many Requests", RetryAfter: 90 * time.Second},
		},
		"a missing permission": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Required 'compute.instances.create' permission for 'projects/p'","errors":[{"domain":"global","reason":"forbidden"}]}}`,
			want:   gce.Error{Kind: gce.Forbidden, Code: "forbidden", Message: "Required 'compute.instances.create' permission for 'projects/p'"},
		},
		"a zone that the project may not use": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Permission denied on 'locations/us-central1-ai1a' (or it may not exist).","errors":[{"domain":"global","reason":"forbidden"}],"status":"PERMISSION_DENIED"}}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "forbidden", Message: "Permission denied on 'locations/us-central1-ai1a' (or it may not exist)."},
		},
		"an API that is not enabled": {
			status: 403,
			body:   `{"error":{"code":403,"message":"Compute Engine API has not been used","errors":[{"domain":"usageLimits","reason":"accessNotConfigured"}],"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED"}]}}`,
			want:   gce.Error{Kind: gce.Forbidden, Code: "accessNotConfigured", Message: "Compute Engine API has not been used"},
		},
		"credentials without a token": {
			status: 401,
			body:   `{"error":{"code":401,"message":"Request had invalid authentication credentials.","errors":[{"domain":"global","reason":"authError"}],"status":"UNAUTHENTICATED"}}`,
			want:   gce.Error{Kind: gce.Forbidden, Code: "authError", Message: "Request had invalid authentication credentials."},
		},
		"a value that GCE does not take": {
			status: 400,
			body:   `{"error":{"code":400,"message":"Invalid value for field 'resource.machineType': 'x'.","errors":[{"domain":"global","reason":"invalid"}]}}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "invalid", Message: "Invalid value for field 'resource.machineType': 'x'."},
		},
		"a preemption notice that GCE does not know here": {
			status: 400,
			body:   `{"error":{"code":400,"message":"Invalid value for field 'resource.scheduling.preemptionNoticeDuration': not supported","errors":[{"domain":"global","reason":"invalid"}]}}`,
			want:   gce.Error{Kind: gce.NoticeRefused, Code: "invalid", Message: "Invalid value for field 'resource.scheduling.preemptionNoticeDuration': not supported"},
		},
		"metadata is not quoted": {
			status: 400,
			body:   `{"error":{"code":400,"message":"Invalid value for field 'resource.metadata.items[0].value': 'token=s3cret\nmore'. Too long.","errors":[{"reason":"invalid"}]}}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "invalid", Message: "Invalid value for field 'resource.metadata.items[0].value': value withheld"},
		},
		"an operation in flight": {
			status: 400,
			body:   `{"error":{"code":400,"message":"The resource is not ready","errors":[{"domain":"global","reason":"resourceNotReady"}]}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "resourceNotReady", Message: "The resource is not ready"},
		},
		"a condition": {
			status: 412,
			body:   `{"error":{"code":412,"message":"Constraint constraints/compute.vmExternalIpAccess violated","errors":[{"domain":"global","reason":"conditionNotMet"}]}}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "conditionNotMet", Message: "Constraint constraints/compute.vmExternalIpAccess violated"},
		},
		"a machine type that one zone lacks": {
			status: 400,
			body:   `{"error":{"code":400,"message":"Invalid value for field 'resource.machineType': 'zones/us-central1-a/machineTypes/g2-standard-8'. Machine type with name 'g2-standard-8' does not exist in zone 'us-central1-a'.","errors":[{"message":"Invalid value","domain":"global","reason":"invalid"}]}}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "invalid", Message: "Invalid value for field 'resource.machineType': 'zones/us-central1-a/machineTypes/g2-standard-8'. Machine type with name 'g2-standard-8' does not exist in zone 'us-central1-a'."},
		},
		"an accelerator that one zone lacks": {
			status: 404,
			body:   `{"error":{"code":404,"message":"The resource 'projects/p/zones/us-central1-a/acceleratorTypes/nvidia-tesla-t4' was not found","errors":[{"domain":"global","reason":"notFound"}]}}`,
			want:   gce.Error{Kind: gce.NotFound, Code: "notFound", Message: "The resource 'projects/p/zones/us-central1-a/acceleratorTypes/nvidia-tesla-t4' was not found"},
		},
		"a location that a policy forbids": {
			status: 412,
			body:   `{"error":{"code":412,"message":"Location ZONE:us-central1-a violates constraint constraints/gcp.resourceLocations on the resource projects/p/zones/us-central1-a/instances/i.","errors":[{"domain":"global","reason":"conditionNotMet","location":"If-Match","locationType":"header"}]}}`,
			want:   gce.Error{Kind: gce.Invalid, Code: "conditionNotMet", Message: "Location ZONE:us-central1-a violates constraint constraints/gcp.resourceLocations on the resource projects/p/zones/us-central1-a/instances/i."},
		},
		"a location that does not serve": {
			status: 500,
			body:   `{"error":{"code":500,"message":"The service is currently unavailable for location us-central1-a.","errors":[{"domain":"global","reason":"SERVICE_UNAVAILABLE_FOR_LOCATION"}]}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "SERVICE_UNAVAILABLE_FOR_LOCATION", Message: "The service is currently unavailable for location us-central1-a."},
		},
		"an internal error": {
			status: 500,
			body:   `{"error":{"code":500,"message":"Internal Error","errors":[{"domain":"global","reason":"internalError"}]}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "internalError", Message: "Internal Error"},
		},
		"a stockout in the answer": {
			status: 503,
			body:   `{"error":{"code":503,"message":"The zone does not have enough resources","errors":[{"domain":"global","reason":"ZONE_RESOURCE_POOL_EXHAUSTED"}],"details":[{"reason":"resource_availability","metadatas":{"zonesAvailable":"us-central1-b, us-central1-f"}}]}}`,
			want: gce.Error{
				Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", Message: "The zone does not have enough resources",
				ZonesAvailable: []string{"us-central1-b", "us-central1-f"},
			},
		},
		"a stockout in camel case": {
			status: 503,
			body:   `{"error":{"code":503,"message":"no","errors":[{"reason":"resourcePoolExhausted"}]}}`,
			want:   gce.Error{Kind: gce.Stockout, Code: "resourcePoolExhausted", Message: "no"},
		},
		"GCE cannot tell": {
			status: 503,
			body:   `{"error":{"code":503,"message":"Visibility check was unavailable. Please retry the request and contact support if the problem persists","errors":[{"reason":"backendError"}]}}`,
			want:   gce.Error{Kind: gce.Unavailable, Code: "backendError", Message: "Visibility check was unavailable. Please retry the request and contact support if the problem persists"},
		},
		"a proxy's page": {
			status: 502, body: "<html><body>Bad gateway, session=abc</body></html>",
			want: gce.Error{Kind: gce.Unavailable, Code: "HTTP 502", Message: "Bad Gateway"},
		},
		"a status that means nothing here": {
			status: 418, body: `{"error":{"code":418,"message":"teapot"}}`,
			want: gce.Error{Kind: gce.Unavailable, Code: "HTTP 418", Message: "teapot"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := dial(t, answering(tt.status, tt.header, tt.body))
			_, err := client.Insert(t.Context(), spotSpec(), uuid.NewString())
			var got *gce.Error
			require.ErrorAs(t, err, &got)
			tt.want.Call, tt.want.HTTPStatus = "insert trainer-1a2b3c-4 in us-central1-a", tt.status
			assert.Equal(t, tt.want, withoutCause(got))
			assert.NotContains(t, err.Error(), "s3cret")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// withoutCause copies all that is exported.
func withoutCause(e *gce.Error) gce.Error {
	return gce.Error{
		Kind: e.Kind, Call: e.Call, Code: e.Code, Message: e.Message, HTTPStatus: e.HTTPStatus, RetryAfter: e.RetryAfter,
		ZonesAvailable: e.ZonesAvailable, QuotaMetric: e.QuotaMetric, QuotaLimit: e.QuotaLimit,
	}
}

func TestUnansweredCall(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		client, err := gce.Dial("acme-train", gce.Credentials{}, gce.Options{Endpoint: server.URL})
		require.NoError(t, err)
		_, err = client.Instances(t.Context(), "us-central1-a", nil)
		assert.Equal(t, gce.Unavailable, gce.KindOf(err))
		assert.ErrorContains(t, err, "connection refused")
		assert.NotContains(t, err.Error(), "/compute/v1/", "the URL is not for the user")
	})
	t.Run("an answer that cannot be read", func(t *testing.T) {
		client := dial(t, answering(200, nil, `{"items":[{"name":`))
		_, err := client.Instances(t.Context(), "us-central1-a", nil)
		assert.Equal(t, gce.Unavailable, gce.KindOf(err))
	})
	t.Run("the client's own time-out", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see the caller go
			<-r.Context().Done()
		}))
		t.Cleanup(server.Close)
		client, err := gce.Dial("acme-train", gce.Credentials{}, gce.Options{Endpoint: server.URL, Timeout: 20 * time.Millisecond})
		require.NoError(t, err)
		for _, call := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := client.Instances(ctx, "us-central1-a", nil); return err },
			func(ctx context.Context) error {
				_, err := client.Insert(ctx, spotSpec(), uuid.NewString())
				return err
			},
		} {
			err := call(t.Context())
			assert.Equal(t, gce.Unavailable, gce.KindOf(err))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestMessageIsShort(t *testing.T) {
	client := dial(t, answering(400, nil, `{"error":{"code":400,"message":"`+strings.Repeat("é ", 900)+`"}}`))
	_, err := client.Delete(t.Context(), "us-central1-a", "vm-1", uuid.NewString())
	var got *gce.Error
	require.ErrorAs(t, err, &got)
	assert.LessOrEqual(t, len(got.Message), 300)
	assert.True(t, strings.HasSuffix(got.Message, "..."))
}

// What GCE answers with a 4xx had no effect. Everything else that has no meaning may have had one.
func TestFinalAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		err  gce.Error
		want bool
	}{
		"a meaning":         {gce.Error{Kind: gce.Stockout, HTTPStatus: 503}, true},
		"a conflict":        {gce.Error{Kind: gce.Unavailable, HTTPStatus: 409}, true},
		"not ready":         {gce.Error{Kind: gce.Unavailable, HTTPStatus: 400}, true},
		"too many calls":    {gce.Error{Kind: gce.RateLimited, HTTPStatus: 429}, false},
		"a time-out of GCE": {gce.Error{Kind: gce.Unavailable, HTTPStatus: 408}, false},
		"an error of GCE":   {gce.Error{Kind: gce.Unavailable, HTTPStatus: 500}, false},
		"a partial answer":  {gce.Error{Kind: gce.Unavailable, HTTPStatus: 200}, false},
		"no answer":         {gce.Error{Kind: gce.Unavailable}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, test.err.IsFinal()) })
	}
}
