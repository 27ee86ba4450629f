package gcetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var failures = map[string]func(*world){
	"a quota refuses the insert and is named": func(w *world) {
		w.fake.SetQuotas(gcefake.Quota{Region: "us-central1", Model: "SPOT", Metric: "PREEMPTIBLE_NVIDIA_T4_GPUS", Limit: 1})
		w.insert("vm-1", zoneA)
		_, err := w.cloud.Insert(w.Context(), w.spec("vm-2", zoneB), request())
		e := w.failure(gce.Quota, err)
		assert.Equal(w, "PREEMPTIBLE_NVIDIA_T4_GPUS", e.QuotaMetric)
		assert.Equal(w, "1", e.QuotaLimit)
		assert.Equal(w, 403, e.HTTPStatus)
		assert.Equal(w, "insert vm-2 in us-central1-b", e.Call)
		_, ok := w.instance("vm-2", zoneB)
		assert.False(w, ok)
		w.insert("vm-3", west)
	},
	"too many calls": func(w *world) {
		w.fake.When(gcefake.Call{}, gcefake.RateLimited(7*time.Second))
		for name, call := range w.everyCall() {
			e := w.failure(gce.RateLimited, call(w.Context()))
			assert.Equal(w, 7*time.Second, e.RetryAfter, name)
		}
		assert.Empty(w, w.fake.Instances())
	},
	"too many calls, as a 403 without a hint": func(w *world) {
		w.fake.When(gcefake.Call{}, gcefake.Refused(gce.Error{
			Kind: gce.RateLimited, Code: "rateLimitExceeded", HTTPStatus: 403, Message: "Rate Limit Exceeded",
		}))
		for name, call := range w.everyCall() {
			e := w.failure(gce.RateLimited, call(w.Context()))
			assert.Zero(w, e.RetryAfter, name)
		}
	},
	"a permission is missing": func(w *world) {
		w.fake.When(gcefake.Call{}, gcefake.Denied("compute.instances.create"))
		for _, call := range w.everyCall() {
			e := w.failure(gce.Forbidden, call(w.Context()))
			assert.Contains(w, e.Error(), "compute.instances.create")
		}
	},
	"GCE is down": func(w *world) {
		w.fake.When(gcefake.Call{}, gcefake.Down())
		for _, call := range w.everyCall() {
			e := w.failure(gce.Unavailable, call(w.Context()))
			assert.Equal(w, 503, e.HTTPStatus)
		}
		assert.Equal(w, 1, w.fake.Calls()[gcefake.Insert], "a mutation is not repeated on its own")
		assert.Equal(w, 1, w.fake.Calls()[gcefake.Delete], "a mutation is not repeated on its own")
	},
	"a stockout in the answer itself": func(w *world) {
		w.fake.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.StockoutAtOnce())
		_, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), request())
		w.requireKind(gce.Stockout, err)
		assert.Empty(w, w.fake.Instances())
	},
	"a refusal of one zone": func(w *world) {
		for i, refusal := range gcefake.Refusals() {
			name := fmt.Sprintf("vm-%d", i)
			cancel := w.fake.When(gcefake.Call{Method: gcefake.Insert, Zone: zoneA}, gcefake.Refuses(refusal))
			_, err := w.cloud.Insert(w.Context(), w.spec(name, zoneA), request())
			if refusal.IsLate() {
				require.NoError(w, err, refusal)
				w.clock.Advance(toStockout)
				err = w.operation("insert", name).Error
			}
			e := w.failure(refusal.Kind(), err)
			assert.NotContains(w, e.Message, "{", refusal)
			assert.Equal(w, refusal.Scope(), e.Scope(zoneA), refusal)
			_, exists := w.instance(name, zoneA)
			assert.False(w, exists, refusal)
			w.insert(name, zoneB)
			cancel()
		}
	},
	"a 5xx leaves open what became of a call, and a 4xx does not": func(w *world) {
		for refusal, isFinal := range map[gcefake.Refusal]bool{
			gcefake.NotReady: true, gcefake.NoMachineType: true, gcefake.LocationForbidden: true,
			gcefake.LocationUnavailable: false, gcefake.BackendError: false, gcefake.InternalError: false,
		} {
			w.fake.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.Refuses(refusal))
			_, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), request())
			assert.Equal(w, isFinal, w.failure(refusal.Kind(), err).IsFinal(), refusal)
		}
	},
	"a VM that is not ready to be deleted": func(w *world) {
		w.running("vm-1")
		w.fake.Once(gcefake.Call{Method: gcefake.Delete}, gcefake.RefusesDelete())
		_, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
		e := w.failure(gce.Unavailable, err)
		assert.True(w, e.IsFinal())
		assert.Equal(w, "The resource 'projects/example/zones/us-central1-a/instances/vm-1' is not ready", e.Message)
		_, err = w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
		require.NoError(w, err, "it can be made again")
	},
	"nothing goes out that is not of GCE's form": func(w *world) {
		for name, err := range w.malformed() {
			require.Error(w, err, name)
			w.requireKind(gce.Invalid, err)
		}
		assert.Empty(w, w.fake.Calls())
	},
}

// malformed are calls that would do something else than they say if they were sent.
func (w *world) malformed() map[string]error {
	ctx, errs := w.Context(), map[string]error{}
	for _, name := range []string{"", "../x", "..", "vm/1", "vm?x=1", "VM", "-vm", "vm-", "a%2e"} {
		_, errs["delete "+name] = w.cloud.Delete(ctx, zoneA, name, request())
		_, errs["insert "+name] = w.cloud.Insert(ctx, w.spec(name, zoneA), request())
		_, errs["get "+name] = w.cloud.Instance(ctx, zoneA, name)
	}
	for _, zone := range []string{"", "../..", "us-central1", "us-central1-a/instances/vm-1", "-"} {
		_, errs["instances in "+zone] = w.cloud.Instances(ctx, zone, nil)
		_, errs["operations in "+zone] = w.cloud.Operations(ctx, zone, w.clock.Now())
		_, errs["get in "+zone] = w.cloud.Instance(ctx, zone, "vm-1")
		_, errs["delete in "+zone] = w.cloud.Delete(ctx, zone, "vm-1", request())
		_, errs["insert in "+zone] = w.cloud.Insert(ctx, w.spec("vm-1", zone), request())
	}
	for _, id := range []string{"", "1", "00000000-0000-0000-0000-000000000000"} {
		_, errs["delete with id "+id] = w.cloud.Delete(ctx, zoneA, "vm-1", id)
		_, errs["insert with id "+id] = w.cloud.Insert(ctx, w.spec("vm-1", zoneA), id)
	}
	for key, value := range map[string]string{"pool": `x") OR (name = "y`, "a b": "c", "": "x", "training.dcnlab.com/pool": "x"} {
		_, errs["instances labelled "+key] = w.cloud.Instances(ctx, zoneA, map[string]string{key: value})
		_, errs["all instances labelled "+key] = w.cloud.AllInstances(ctx, map[string]string{key: value})
	}
	return errs
}
