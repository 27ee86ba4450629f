package gcetest

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

var plainTests = map[string]func(*plain){
	"a VM comes up as asked for, and goes": func(p *plain) {
		zone, begun := p.Zones[0], p.insert(1, p.Zones[0])
		assert.Equal(p, "insert", begun.Type)
		assert.Equal(p, p.name(1), begun.Target)
		assert.Equal(p, zone, begun.Zone)
		assert.Nil(p, begun.Error)
		p.await("an operation that is done", func() bool { return p.operations(zone, time.Time{})[0].Done })
		vm, found := p.instance(1, zone)
		require.True(p, found)
		assert.NotEmpty(p, vm.ID)
		assert.NotEmpty(p, vm.InternalIP)
		assert.False(p, vm.CreationTime.IsZero())
		assert.Equal(p, gce.Instance{
			Name: p.name(1), Zone: zone, Status: "RUNNING", Labels: p.spec(1, zone).Labels, MachineType: p.Spec.MachineType,
			ProvisioningModel: p.Spec.ProvisioningModel, PreemptionNotice: p.Spec.PreemptionNotice, MaxRunDuration: p.Spec.MaxRunDuration,
			ID: vm.ID, InternalIP: vm.InternalIP, ExternalIP: vm.ExternalIP, CreationTime: vm.CreationTime,
		}, vm)
		op := p.operations(zone, time.Time{})[0]
		assert.Equal(p, begun.Name, op.Name)
		assert.Equal(p, begun.RequestID, op.RequestID)
		assert.Equal(p, vm.ID, op.TargetID)
		assert.Nil(p, op.Error)
		assert.False(p, op.EndTime.Before(op.InsertTime))

		p.delete(1, zone)
		_, err := p.Cloud.Instance(p.Context(), zone, p.name(1))
		p.requireKind(gce.NotFound, err)
		assert.Equal(p, "delete", p.operations(zone, time.Time{})[0].Type)
		assert.Equal(p, vm.ID, p.operations(zone, time.Time{})[0].TargetID)
	},
	"the same request id returns the first operation": func(p *plain) {
		id, spec := uuid.NewString(), p.spec(1, p.Zones[0])
		first, err := p.Cloud.Insert(p.Context(), spec, id)
		require.NoError(p, err)
		assert.Equal(p, id, first.RequestID)
		again, err := p.Cloud.Insert(p.Context(), spec, id)
		require.NoError(p, err)
		assert.Equal(p, first.Name, again.Name)
		assert.Len(p, p.listed(p.Cloud.Instances(p.Context(), p.Zones[0], p.label())), 1)
	},
	"a name is taken in its zone only, until the VM is gone": func(p *plain) {
		first := p.running(1, p.Zones[0])
		_, err := p.Cloud.Insert(p.Context(), p.spec(1, p.Zones[0]), uuid.NewString())
		p.requireKind(gce.AlreadyExists, err)
		p.insert(1, p.Zones[1])
		p.delete(1, p.Zones[0])
		assert.NotEqual(p, first.ID, p.running(1, p.Zones[0]).ID)
	},
	"of many inserts of one name one wins": func(p *plain) {
		errs := make([]error, 8)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() {
				_, errs[i] = p.Cloud.Insert(p.Context(), p.spec(1, p.Zones[0]), uuid.NewString())
			})
		}
		group.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			p.requireKind(gce.AlreadyExists, err)
		}
		assert.Equal(p, 1, won)
	},
	"an absent VM is not found": func(p *plain) {
		_, err := p.Cloud.Delete(p.Context(), p.Zones[0], p.name(1), uuid.NewString())
		p.requireKind(gce.NotFound, err)
		_, err = p.Cloud.Instance(p.Context(), p.Zones[0], p.name(1))
		p.requireKind(gce.NotFound, err)
	},
	"lists have the VMs that carry all labels": func(p *plain) {
		for n, zone := range []string{p.Zones[0], p.Zones[0], p.Zones[0], p.Zones[1], p.Zones[2]} {
			p.insert(n, zone)
		}
		assert.ElementsMatch(p, []string{p.name(0), p.name(1), p.name(2)}, p.names(p.Cloud.Instances(p.Context(), p.Zones[0], p.label())))
		one := map[string]string{"run": p.run, "n": "1"}
		assert.Equal(p, []string{p.name(1)}, p.names(p.Cloud.Instances(p.Context(), p.Zones[0], one)))
		assert.Empty(p, p.names(p.Cloud.Instances(p.Context(), p.Zones[1], one)))
		all := p.listed(p.Cloud.AllInstances(p.Context(), p.label()))
		assert.ElementsMatch(p, []string{p.name(0), p.name(1), p.name(2), p.name(3), p.name(4)}, p.names(all, nil))
		vm, err := p.Cloud.Instance(p.Context(), p.Zones[2], p.name(4))
		require.NoError(p, err)
		assert.Contains(p, p.names(all, nil), vm.Name)
		_, err = p.Cloud.Instance(p.Context(), p.Zones[0], p.name(4))
		p.requireKind(gce.NotFound, err)
	},
	"operations come newest first, from since on": func(p *plain) {
		p.insert(1, p.Zones[0])
		p.Pass(time.Minute)
		since := p.insert(2, p.Zones[0]).InsertTime
		p.Pass(2 * time.Second)
		p.insert(3, p.Zones[0])
		assert.Equal(p, []string{p.name(3), p.name(2)}, targets(p.operations(p.Zones[0], since)))
		assert.Equal(p, []string{p.name(3), p.name(2), p.name(1)}, targets(p.operations(p.Zones[0], time.Time{})))
	},
	"a machine type tells its size, where there is one": func(p *plain) {
		found, err := p.Cloud.MachineType(p.Context(), p.Zones[0], p.Spec.MachineType)
		require.NoError(p, err)
		assert.Equal(p, p.Spec.MachineType, found.Name)
		assert.Positive(p, found.CPUs)
		assert.Positive(p, found.MemoryMiB)
		_, err = p.Cloud.MachineType(p.Context(), p.Zones[0], "n1-nothing-8")
		p.requireKind(gce.NotFound, err)
		_, err = p.Cloud.MachineType(p.Context(), "mars-north1-a", p.Spec.MachineType)
		require.Error(p, err)
	},
	"a zone that does not exist": func(p *plain) {
		_, err := p.Cloud.Instances(p.Context(), "mars-north1-a", nil)
		p.requireKind(gce.Invalid, err)
		_, err = p.Cloud.Operations(p.Context(), "mars-north1-a", time.Time{})
		p.requireKind(gce.Invalid, err)
		_, err = p.Cloud.Insert(p.Context(), p.spec(1, "mars-north1-a"), uuid.NewString())
		require.Error(p, err)
	},
	"a call does not begin when its context has ended": func(p *plain) {
		ctx, cancel := context.WithCancel(p.Context())
		cancel()
		_, err := p.Cloud.Insert(ctx, p.spec(1, p.Zones[0]), uuid.NewString())
		p.requireKind(gce.Unavailable, err)
		assert.ErrorIs(p, err, context.Canceled)
		_, found := p.instance(1, p.Zones[0])
		assert.False(p, found)
	},
}
