package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	c = "us-central1-c"
	w = "us-west1-b"
)

func inZone(zone string, edit func(*machine)) func(*machine) {
	return func(m *machine) { edit(m); m.zone = zone }
}

// inZones are facts in these zones, all of them read.
func inZones(zones []string, machines ...machine) observed {
	o := facts(machines...)
	o.zones = nil
	for _, name := range zones {
		o.zones = append(o.zones, zone{name: name, wanted: true, read: true})
	}
	return o
}

// One case per rule by which a zone is chosen, each with what would speak for another zone by the rules below it.
func TestPlaces(t *testing.T) {
	on := func(vm int) want { return want{job: "x", vms: []string{poolID.vmName(vm)}} }
	lossAgo := func(d time.Duration) func(*observed) {
		return func(o *observed) { o.zones[0].lastLoss = ago(d) }
	}
	for name, test := range map[string]struct {
		machines []machine
		world    func(*observed)
		wants    []want
		zones    []string
	}{
		"equals in the order of the spec": {wants: []want{{job: "x"}}, zones: []string{a}},
		"one per zone, then again":        {wants: []want{{job: "x"}, {job: "x"}, {job: "x"}, {job: "x"}}, zones: []string{a, b, c, a}},
		"where GCE says there are some": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, lasting(time.Minute), because("Stockout"), inserted(gce.Operation{Done: true, Error: &gce.Error{Kind: gce.Stockout, ZonesAvailable: []string{c}}}))},
			wants:    []want{{job: "x"}}, zones: []string{c},
		},
		"but not where there were none since": {
			machines: []machine{
				vm(0, v1alpha1.InstanceGone, lasting(2*time.Minute), because("Stockout"), inserted(gce.Operation{Done: true, Error: &gce.Error{Kind: gce.Stockout, ZonesAvailable: []string{c}}})),
				vm(1, v1alpha1.InstanceGone, lasting(time.Minute), because("Stockout"), inZone(c, failed(gce.Stockout))),
			},
			wants: []want{{job: "x"}}, zones: []string{b},
		},
		"and not for ever": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, lasting(3*time.Minute), because("Stockout"), inserted(gce.Operation{Done: true, Error: &gce.Error{Kind: gce.Stockout, ZonesAvailable: []string{c}}}))},
			wants:    []want{{job: "x"}}, zones: []string{b},
		},
		"not where one was lost moments ago": {world: lossAgo(9 * time.Minute), wants: []want{{job: "x"}}, zones: []string{b}},
		"even beside a sibling": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, inZone(b, healthy)), vm(1, v1alpha1.InstanceReady, inZone(c, healthy))},
			world:    lossAgo(9 * time.Minute), wants: []want{on(0), on(1), {job: "x"}}, zones: []string{b},
		},
		"where no sibling is": {
			machines: []machine{
				vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstanceReady, inZone(c, healthy)),
				vm(2, v1alpha1.InstanceReady, inZone(b, healthy)), vm(3, v1alpha1.InstanceReady, inZone(b, healthy)),
			},
			wants: []want{on(0), on(1), {job: "y", vms: []string{poolID.vmName(2)}}, {job: "y", vms: []string{poolID.vmName(3)}}, {job: "x"}}, zones: []string{b},
		},
		"where no sibling will be": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstanceJoining, inZone(b, running)), vm(2, v1alpha1.InstanceReady, inZone(c, healthy))},
			wants:    []want{on(0), {job: "y", vms: []string{poolID.vmName(2)}}, {job: "x"}, {job: "x"}}, zones: []string{c},
		},
		"where the fewest VMs are": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstanceReady, inZone(c, healthy))},
			wants:    []want{{job: "y", vms: []string{poolID.vmName(0)}}, {job: "z", vms: []string{poolID.vmName(1)}}, {job: "x"}}, zones: []string{b},
		},
		"a doomed VM is no place": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, noticed), vm(1, v1alpha1.InstanceReady, inZone(b, healthy))},
			wants:    []want{on(0), on(1)}, zones: []string{c},
		},
		"nor is its zone, when its kubelet is faster than the list": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, running, joined, withNode(node{name: poolID.vmName(0), shutsDown: true}))},
			wants:    []want{on(0)}, zones: []string{b},
		},
		"an on-demand VM is not preempted": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, running, joined, withNode(node{name: poolID.vmName(0), shutsDown: true}), func(m *machine) { m.seen.model = gce.ModelStandard })},
			wants:    []want{on(0)}, zones: []string{a},
		},
		"where the last loss is longer ago": {
			world: func(o *observed) {
				o.zones[0].lastLoss, o.zones[1].lastLoss, o.zones[2].lastLoss = ago(20*time.Minute), ago(30*time.Minute), ago(25*time.Minute)
			},
			wants: []want{{job: "x"}}, zones: []string{b},
		},
		"an hour ago is forgotten": {world: lossAgo(time.Hour), wants: []want{{job: "x"}}, zones: []string{a}},
		"a Node of the user is a place": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy)},
			world:    func(o *observed) { o.lent = []node{{name: "mine", zone: b}} },
			wants:    []want{on(0), {job: "x", vms: []string{"mine"}}, {job: "x"}}, zones: []string{c},
		},
		"a fixed size is spread as well": {world: func(o *observed) { n := 3; o.settings.fixed = &n }, zones: []string{a, b, c}},
	} {
		t.Run(name, func(t *testing.T) {
			o := inZones([]string{a, b, c}, test.machines...)
			o.wants = test.wants
			if test.world != nil {
				test.world(&o)
			}
			_, zones := plans(decide(o))
			require.Equal(t, test.zones, zones)
		})
	}
}

// What failures say against zones: until when, and why.
func TestZones(t *testing.T) {
	quota := func(metric, limit string) func(*machine) {
		return inserted(gce.Operation{Done: true, Error: &gce.Error{Kind: gce.Quota, QuotaMetric: metric, QuotaLimit: limit, Message: "Quota exceeded"}})
	}
	for name, test := range map[string]struct {
		machines []machine
		world    func(*observed)
		want     []zone // health only
	}{
		"a stockout": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Stockout"), lasting(time.Minute))},
			want:     []zone{{block: block{until: noon.Add(2 * time.Minute), reason: "Stockout"}, lastLoss: ago(time.Minute)}, {}, {}},
		},
		"a later one does count": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Stockout"), lasting(time.Minute)), vm(1, v1alpha1.InstanceGone, because("Stockout"), lasting(0))},
			want:     []zone{{block: block{until: noon.Add(3 * time.Minute), reason: "Stockout"}, lastLoss: noon}, {}, {}},
		},
		"not offered there": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Unsupported"), lasting(time.Minute))},
			want:     []zone{{block: block{until: noon.Add(59 * time.Minute), reason: "Unsupported"}}, {}, {}},
		},
		"a quota of the region": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Quota"), lasting(time.Minute), quota("PREEMPTIBLE_NVIDIA_L4_GPUS", "8"))},
			want: []zone{
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota PREEMPTIBLE_NVIDIA_L4_GPUS with its limit of 8 is used up"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota PREEMPTIBLE_NVIDIA_L4_GPUS with its limit of 8 is used up"}},
				{},
			},
		},
		"a quota of all regions": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Quota"), lasting(time.Minute), quota("compute.googleapis.com/gpus_all_regions", ""))},
			want: []zone{
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota compute.googleapis.com/gpus_all_regions is used up"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota compute.googleapis.com/gpus_all_regions is used up"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota compute.googleapis.com/gpus_all_regions is used up"}},
			},
		},
		"a quota of all regions' CPUs": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Quota"), lasting(time.Minute), quota("CPUS_ALL_REGIONS", "32"))},
			want: []zone{
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota CPUS_ALL_REGIONS with its limit of 32 is used up"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota CPUS_ALL_REGIONS with its limit of 32 is used up"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "quota CPUS_ALL_REGIONS with its limit of 32 is used up"}},
			},
		},
		"no addresses left": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Quota"), lasting(time.Minute), quota("", ""))},
			want: []zone{
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "Quota exceeded"}},
				{block: block{until: noon.Add(4 * time.Minute), reason: "Quota", message: "Quota exceeded"}},
				{},
			},
		},
		"a preemption of a VM that had joined": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, joined, because(v1alpha1.VMPreempted), lasting(time.Minute))},
			want:     []zone{{lastLoss: ago(time.Minute)}, {}, {}},
		},
		"one that stops, nobody knows why yet": {
			machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, status("STOPPING"))},
			want:     []zone{{lastLoss: ago(10 * time.Minute)}, {}, {}},
		},
		"one that a user stops": {
			machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, status("STOPPING"), stoppedVM)}, want: []zone{{}, {}, {}},
		},
		"what only operations tell": {
			world: func(o *observed) {
				o.takeForgotten(nil, gce.Operation{Type: "insert", Zone: a, Target: "vm", Done: true, EndTime: ago(time.Minute), Error: &gce.Error{Kind: gce.Stockout}})
				o.takeForgotten(nil, gce.Operation{Type: "compute.instances.preempted", Zone: b, Target: "vm", Done: true, InsertTime: ago(2 * time.Minute)})
				o.takeForgotten(nil, gce.Operation{Type: "insert", Zone: w, Target: "vm", Done: true})
			},
			want: []zone{{block: block{until: noon.Add(2 * time.Minute), reason: "Stockout"}, lastLoss: ago(time.Minute)}, {lastLoss: ago(2 * time.Minute)}, {}},
		},
		"an on-demand VM that stands in says nothing of spot VMs": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Stockout"), lasting(time.Minute), func(m *machine) { m.seen.model = gce.ModelStandard })},
			world:    func(o *observed) { o.settings.fallback = true },
			want:     []zone{{standardUntil: noon.Add(2 * time.Minute), lastLoss: ago(time.Minute)}, {}, {}},
		},
		"all is well once the spec was edited": {
			machines: []machine{vm(0, v1alpha1.InstanceGone, because("Unsupported"), lasting(time.Minute))},
			world:    func(o *observed) { o.edited = true }, want: []zone{{}, {}, {}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := inZones([]string{a, b, w}, test.machines...)
			if test.world != nil {
				test.world(&o)
			}
			now := decide(o).zones
			for i, want := range test.want {
				health := zone{block: now[i].block, standardUntil: now[i].standardUntil, lastLoss: now[i].lastLoss}
				require.Equal(t, want, health, now[i].name)
			}
		})
	}
}
