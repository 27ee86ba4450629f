package gcetest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

var lifecycle = map[string]func(*world){
	"an insert returns before the VM exists": func(w *world) {
		op := w.insert("vm-1", zoneA)
		assert.Equal(w, "insert", op.Type)
		assert.Equal(w, "vm-1", op.Target)
		assert.Equal(w, zoneA, op.Zone)
		assert.False(w, op.Done)
		assert.Nil(w, op.Error)
		vm, ok := w.instance("vm-1", zoneA)
		require.True(w, ok)
		assert.Equal(w, "PROVISIONING", vm.Status)
		assert.Empty(w, vm.InternalIP)
	},
	"a VM comes up as asked for": func(w *world) {
		inserted := w.clock.Now()
		spec := w.spec("vm-1", zoneA)
		_, err := w.cloud.Insert(w.Context(), spec, request())
		require.NoError(w, err)
		w.clock.Advance(toRunning)
		vm, _ := w.instance("vm-1", zoneA)
		assert.NotEmpty(w, vm.ID)
		assert.NotEmpty(w, vm.InternalIP)
		assert.NotEmpty(w, vm.ExternalIP)
		assert.True(w, vm.CreationTime.Equal(inserted), "%v", vm.CreationTime)
		vm.ID, vm.InternalIP, vm.ExternalIP, vm.CreationTime = "", "", "", time.Time{}
		assert.Equal(w, gce.Instance{
			Name: "vm-1", Zone: zoneA, Status: "RUNNING", Labels: spec.Labels, MachineType: "n1-standard-8",
			ProvisioningModel: "SPOT", PreemptionNotice: 2 * time.Minute, MaxRunDuration: 7 * 24 * time.Hour,
		}, vm)
	},
	"nothing of the spec is lost": func(w *world) {
		spec := w.spec("vm-1", zoneA)
		_, err := w.cloud.Insert(w.Context(), spec, request())
		require.NoError(w, err)
		vm, ok := w.fake.Instance("vm-1")
		require.True(w, ok)
		assert.Equal(w, spec, vm.Spec)
		assert.Equal(w, "DELETE", vm.TerminationAction)
	},
	"a standard VM without addresses and accelerators": func(w *world) {
		spec := gce.InstanceSpec{
			Name: "vm-1", Zone: zoneA, MachineType: "g2-standard-8", Image: "projects/p-12345/global/images/i", DiskSizeGB: 50,
			DiskType: "pd-ssd", Network: "global/networks/default", ProvisioningModel: "STANDARD", MaxRunDuration: time.Hour,
		}
		_, err := w.cloud.Insert(w.Context(), spec, request())
		require.NoError(w, err)
		w.clock.Advance(toRunning)
		vm, _ := w.instance("vm-1", zoneA)
		assert.Equal(w, "STANDARD", vm.ProvisioningModel)
		assert.Empty(w, vm.ExternalIP)
		assert.Zero(w, vm.PreemptionNotice)
		host, _ := w.fake.Instance("vm-1")
		host.Spec.Metadata = nil // empty or absent: both are none
		assert.Equal(w, spec, host.Spec)
	},
	"a delete returns before the VM is gone": func(w *world) {
		vm := w.running("vm-1")
		op, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
		require.NoError(w, err)
		assert.Equal(w, "delete", op.Type)
		assert.Equal(w, vm.ID, op.TargetID)
		assert.False(w, op.Done)
		vm, ok := w.instance("vm-1", zoneA)
		require.True(w, ok)
		assert.Equal(w, "STOPPING", vm.Status)
		w.clock.Advance(toDeleted)
		_, ok = w.instance("vm-1", zoneA)
		assert.False(w, ok)
		assert.True(w, w.operation("delete", "vm-1").Done)
	},
	"a delete while the insert is in flight": func(w *world) {
		w.insert("vm-1", zoneA)
		_, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
		require.NoError(w, err)
		w.clock.Advance(toDeleted)
		_, ok := w.instance("vm-1", zoneA)
		assert.False(w, ok)
		assert.Empty(w, w.fake.OperationsInFlight())
	},
	"a preempted VM runs until its notice has passed, then is gone": func(w *world) {
		w.running("vm-1")
		require.NoError(w, w.fake.Preempt("vm-1"))
		w.clock.Advance(119 * time.Second)
		vm, _ := w.instance("vm-1", zoneA)
		assert.Equal(w, "RUNNING", vm.Status)
		w.clock.Advance(time.Second)
		vm, _ = w.instance("vm-1", zoneA)
		assert.Equal(w, "STOPPING", vm.Status)
		w.clock.Advance(toStopped)
		_, ok := w.instance("vm-1", zoneA)
		assert.False(w, ok)
	},
	"a VM that reached its run limit is gone": func(w *world) {
		w.running("vm-1")
		w.clock.Advance(7*24*time.Hour + toStopped)
		_, ok := w.instance("vm-1", zoneA)
		assert.False(w, ok)
		assert.Equal(w, "system", w.operation("compute.instances.deferredDelete", "vm-1").User)
	},
	"a VM that somebody stopped keeps its name": func(w *world) {
		w.running("vm-1")
		require.NoError(w, w.fake.Stop("vm-1"))
		w.clock.Advance(toStopped)
		vm, ok := w.instance("vm-1", zoneA)
		require.True(w, ok)
		assert.Equal(w, "TERMINATED", vm.Status)
		_, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), request())
		w.requireKind(gce.AlreadyExists, err)
	},
}
