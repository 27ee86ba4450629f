package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func onDemand(m *machine) { m.seen.model = gce.ModelStandard }

// One case per step on the way there and back.
func TestFallback(t *testing.T) {
	blocked := func(o *observed) {
		for i := range o.zones {
			o.zones[i].block = block{until: noon.Add(time.Minute), reason: "Stockout"}
		}
	}
	dryFor := func(d time.Duration) func(*observed) {
		return func(o *observed) { blocked(o); o.dry = ago(d) }
	}
	standIn := vm(0, v1alpha1.InstanceReady, healthy, onDemand, training)
	spot := func(edit ...func(*machine)) machine {
		return vm(1, v1alpha1.InstanceReady, append([]func(*machine){healthy}, edit...)...)
	}
	for name, test := range map[string]struct {
		machines []machine
		world    func(*observed)
		dry      time.Time
		plans    []string // models
		states   map[int]v1alpha1.InstanceState
	}{
		"a zone can be asked":        {plans: []string{gce.ModelSpot}},
		"no zone can: dry since now": {world: blocked, dry: noon},
		"dry for a while":            {world: dryFor(9 * time.Minute), dry: ago(9 * time.Minute)},
		"dry for fallbackAfter":      {world: dryFor(10 * time.Minute), dry: ago(10 * time.Minute), plans: []string{gce.ModelStandard}},
		"a zone that is unread is not dry": {
			world: func(o *observed) { o.zones[0].read, o.zones[1].read = false, false },
		},
		"no on-demand VM either": {
			world: func(o *observed) {
				dryFor(10 * time.Minute)(o)
				o.zones[0].standardUntil, o.zones[1].standardUntil = noon.Add(time.Minute), noon.Add(time.Minute)
			},
			dry: ago(10 * time.Minute),
		},
		"then spot is asked for again": {
			world: func(o *observed) {
				dryFor(10 * time.Minute)(o)
				o.zones[0].standardUntil, o.zones[1].standardUntil, o.zones[1].block = noon.Add(time.Minute), noon.Add(time.Minute), block{}
			},
			dry: ago(10 * time.Minute), plans: []string{gce.ModelSpot},
		},
		"a spot VM that boots has not ended it": {
			machines: []machine{vm(1, v1alpha1.InstanceCreating, lasting(time.Second))}, world: dryFor(5 * time.Minute), dry: ago(5 * time.Minute),
		},
		"one that is up has": {
			machines: []machine{vm(1, v1alpha1.InstanceJoining, booted(time.Minute))}, world: dryFor(5 * time.Minute),
		},
		"one that was there before has not": {
			machines: []machine{vm(1, v1alpha1.InstanceReady, healthy, booted(20*time.Minute), training)},
			world:    func(o *observed) { dryFor(5 * time.Minute)(o); o.wants = replicas(2) }, dry: ago(5 * time.Minute),
		},
		"nothing is wanted any more":  {world: func(o *observed) { dryFor(10 * time.Minute)(o); o.wants = replicas(0) }},
		"spot is not tried at once":   {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, onDemand, training, lasting(9*time.Minute))}},
		"spot is tried, one VM more":  {machines: []machine{standIn}, plans: []string{gce.ModelSpot}},
		"not two of them":             {machines: []machine{standIn, vm(1, v1alpha1.InstanceCreating, lasting(time.Second))}},
		"and not while zones are dry": {machines: []machine{standIn}, world: dryFor(30 * time.Minute), dry: ago(30 * time.Minute)},
		"it boots, nothing moves": {
			machines: []machine{standIn, vm(1, v1alpha1.InstanceJoining, running)},
			states:   map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceReady, 1: v1alpha1.InstanceJoining},
		},
		"it is Ready: the other gives way": {
			machines: []machine{standIn, spot()},
			states:   map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceStopping, 1: v1alpha1.InstanceReady},
		},
		"and goes on to, when both are trained on": {
			machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, onDemand, training, because(v1alpha1.VMSpotIsBack)), spot(training)},
			states:   map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceStopping, 1: v1alpha1.InstanceReady},
		},
		"a spot VM in use is not free": {
			machines: []machine{standIn, spot(training)}, world: func(o *observed) { o.wants = replicas(2) },
			plans: []string{gce.ModelSpot}, states: map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceReady, 1: v1alpha1.InstanceReady},
		},
		"one that nobody trains on is replaced, too": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, onDemand)}, plans: []string{gce.ModelSpot},
		},
		"and stays until the other is Ready": {
			machines: []machine{
				vm(0, v1alpha1.InstanceReady, healthy, onDemand, func(m *machine) { m.idleSince = ago(time.Hour) }),
				vm(1, v1alpha1.InstanceJoining, running),
			},
			states: map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceReady, 1: v1alpha1.InstanceJoining},
		},
		"less is wanted: on-demand VMs go first": {
			machines: []machine{vm(0, v1alpha1.InstanceJoining, running, onDemand, func(m *machine) { m.idleSince = ago(5 * time.Minute) }), spot()},
			states:   map[int]v1alpha1.InstanceState{0: v1alpha1.InstanceDeleting, 1: v1alpha1.InstanceReady},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(test.machines...)
			o.wants, o.settings.fallback, o.settings.fallbackAfter = replicas(1), true, 10*time.Minute
			if test.world != nil {
				test.world(&o)
			}
			d := decide(o)
			require.Equal(t, test.dry, d.dry)
			var models []string
			for _, m := range d.machines {
				if m.state == v1alpha1.InstancePlanned && !m.isWritten() {
					models = append(models, m.seen.model)
				}
				if want, given := test.states[m.ordinal]; given {
					require.Equal(t, want, m.state, m.name)
				}
			}
			require.Equal(t, test.plans, models)
		})
	}
}
