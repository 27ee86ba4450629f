package gcetest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var operations = map[string]func(*world){
	"a preemption leaves an operation of the system": func(w *world) {
		vm := w.running("vm-1")
		require.NoError(w, w.fake.PreemptWithoutNotice("vm-1"))
		op := w.operation("compute.instances.preempted", "vm-1")
		assert.Equal(w, "system", op.User)
		assert.Equal(w, vm.ID, op.TargetID)
		assert.True(w, op.Done)
		assert.Nil(w, op.Error)
		assert.Empty(w, op.RequestID)
	},
	"a stockout fails the operation, after a while": func(w *world) {
		w.fake.SetCapacity(zoneA, 0)
		w.insert("vm-1", zoneA)
		vm, ok := w.instance("vm-1", zoneA)
		require.True(w, ok, "it is seen meanwhile")
		assert.Equal(w, "PROVISIONING", vm.Status)
		assert.False(w, w.operation("insert", "vm-1").Done)
		w.clock.Advance(toStockout)
		op := w.operation("insert", "vm-1")
		assert.True(w, op.Done)
		assert.Equal(w, vm.ID, op.TargetID)
		e := w.failure(gce.Stockout, op.Error)
		assert.Equal(w, []string{zoneB, "us-central1-c"}, e.ZonesAvailable)
		assert.Equal(w, "insert vm-1 in us-central1-a", e.Call)
		_, ok = w.instance("vm-1", zoneA)
		assert.False(w, ok)
	},
	"capacity is taken by VMs and given back by them": func(w *world) {
		w.fake.SetCapacity(zoneA, 1)
		w.running("vm-1")
		w.insert("vm-2", zoneA)
		require.NoError(w, w.fake.Delete("vm-1"))
		w.clock.Advance(toDeleted)
		w.running("vm-3")
		w.requireKind(gce.Stockout, w.operation("insert", "vm-2").Error)
	},
	"a preemption while it is being created": func(w *world) {
		w.insert("vm-1", zoneA)
		require.NoError(w, w.fake.Preempt("vm-1"))
		w.requireKind(gce.Preempted, w.operation("insert", "vm-1").Error)
		w.clock.Advance(toStopped)
		_, ok := w.instance("vm-1", zoneA)
		assert.False(w, ok)
	},
	"a quota found out late": func(w *world) {
		w.fake.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.FailsInOperation(gce.Error{
			Kind: gce.Quota, Code: "QUOTA_EXCEEDED", HTTPStatus: 403, QuotaMetric: "compute.googleapis.com/gpus_all_regions",
			QuotaLimit: "0", Message: "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.",
		}))
		w.insert("vm-1", zoneA)
		w.clock.Advance(toStockout)
		e := w.failure(gce.Quota, w.operation("insert", "vm-1").Error)
		assert.Equal(w, "compute.googleapis.com/gpus_all_regions", e.QuotaMetric)
		assert.Equal(w, "0", e.QuotaLimit)
	},
	"a machine type that the zone does not have": func(w *world) {
		w.fake.Once(gcefake.Call{Zone: zoneA}, gcefake.FailsInOperation(gce.Error{
			Kind: gce.Unsupported, Code: "MACHINE_TYPE_UNSUPPORTED", HTTPStatus: 400, Message: "not here",
		}))
		w.insert("vm-1", zoneA)
		w.clock.Advance(toStockout)
		w.requireKind(gce.Unsupported, w.operation("insert", "vm-1").Error)
	},
}

func targets(ops []gce.Operation) []string {
	var names []string
	for _, op := range ops {
		names = append(names, op.Target)
	}
	return names
}
