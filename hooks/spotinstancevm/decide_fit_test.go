package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// Which VMs are bought, kept and let go where it is known beforehand what a pod can run on.
func TestFits(t *testing.T) {
	ready := func(ordinal int, zone string, edit ...func(*machine)) machine {
		return vm(ordinal, v1alpha1.InstanceReady, append([]func(*machine){inZone(zone, healthy)}, edit...)...)
	}
	only := func(zones ...string) want { return want{job: "x", name: "x-0", zones: append([]string{}, zones...)} }
	onVM := func(w want, ordinal int) want { w.vms = []string{poolID.vmName(ordinal)}; return w }
	misfit := want{job: "m", name: "m-0", misfit: &nodefit.Misfit{Problem: "asks for 64 cpu", Remedy: "lower it"}}
	anywhere := want{job: "y", name: "y-0"}
	waits := func(w want) want { w.attempt, w.waitsSince = w.name, ago(time.Hour); return w }
	long := passedOver(passedOverFor)
	blocked := func(zone int) func(*observed) {
		return func(o *observed) { o.zones[zone].until, o.zones[zone].reason = noon.Add(time.Minute), "Stockout" }
	}
	for name, c := range map[string]struct {
		machines []machine
		wants    []want
		world    func(*observed)

		desired int
		plans   []string // zones
		spare   []int    // ordinals of VMs that idle
	}{
		"a replica that fits no VM":          {wants: []want{misfit}},
		"beside one that fits":               {wants: []want{misfit, anywhere}, desired: 1, plans: []string{a}},
		"it runs":                            {machines: []machine{ready(0, a, training)}, wants: []want{onVM(misfit, 0)}, desired: 1},
		"its VM is going":                    {machines: []machine{vm(0, v1alpha1.InstanceStopping, status("STOPPING"))}, wants: []want{onVM(misfit, 0)}},
		"its VM is gone":                     {machines: []machine{vm(0, v1alpha1.InstanceGone)}, wants: []want{onVM(misfit, 0)}},
		"it runs on a Node of the user's":    {wants: []want{func() want { w := misfit; w.vms = []string{"own"}; return w }()}, world: func(o *observed) { o.lent = []node{{name: "own"}} }, desired: 0},
		"and leaves others theirs":           {wants: []want{func() want { w := misfit; w.vms = []string{"own"}; return w }(), anywhere}, world: func(o *observed) { o.lent = []node{{name: "own"}} }, desired: 1, plans: []string{a}},
		"its waiting says nothing of a VM":   {machines: []machine{ready(0, a, long)}, wants: []want{waits(misfit)}, spare: []int{0}},
		"in its zone":                        {wants: []want{only(b)}, desired: 1, plans: []string{b}},
		"others anywhere":                    {wants: []want{anywhere, only(b), anywhere}, desired: 3, plans: []string{b, a, b}},
		"not elsewhere, if it is full":       {wants: []want{only(b)}, world: blocked(1), desired: 1},
		"the next in line goes first then":   {wants: []want{only(b), anywhere}, world: blocked(1), desired: 2, plans: []string{a}},
		"no new VM, if only another will do": {wants: []want{only()}, desired: 1},
		"a free VM elsewhere is of no use":   {machines: []machine{ready(0, a)}, wants: []want{only(b)}, desired: 1, plans: []string{b}, spare: []int{0}},
		"nor one that boots there":           {machines: []machine{vm(0, v1alpha1.InstanceJoining, booted(time.Minute))}, wants: []want{only(b)}, desired: 1, plans: []string{b}, spare: []int{0}},
		"while the other one boots":          {machines: []machine{ready(0, a), vm(1, v1alpha1.InstanceJoining, inZone(b, booted(time.Minute)))}, wants: []want{only(b)}, desired: 1, spare: []int{0}},
		"while the other one is planned":     {machines: []machine{ready(0, a), vm(1, v1alpha1.InstancePlanned, inZone(b, func(*machine) {}))}, wants: []want{only(b)}, desired: 1, spare: []int{0}},
		"also at maxReplicas":                {machines: []machine{ready(0, a)}, wants: []want{only(b)}, world: func(o *observed) { o.settings.maximum = 1 }, desired: 1, plans: []string{b}, spare: []int{0}},
		"a free VM goes to who can use it":   {machines: []machine{ready(0, a), ready(1, b)}, wants: []want{anywhere, only(b)}, desired: 2},
		"one of two free VMs is of use":      {machines: []machine{ready(0, a), ready(1, a)}, wants: []want{anywhere, only(b)}, desired: 2, plans: []string{b}, spare: []int{1}},
		"whoever trains keeps its VM":        {machines: []machine{ready(0, a, training)}, wants: []want{onVM(anywhere, 0), only(b)}, desired: 2, plans: []string{b}},
		"of a fixed size all are kept":       {machines: []machine{ready(0, a)}, wants: []want{only(b)}, world: func(o *observed) { o.settings.fixed = new(1) }, desired: 1},
		"and bought where they can be":       {wants: []want{only(b)}, world: func(o *observed) { o.settings.fixed = new(1); blocked(1)(o) }, desired: 1, plans: []string{a}},
		"a trial is in its zones":            {machines: []machine{ready(0, b, long)}, wants: []want{waits(only(b))}, desired: 2, plans: []string{b}},
		"another of its zones, if it has":    {machines: []machine{ready(0, b, long)}, wants: []want{waits(only(a, b))}, desired: 2, plans: []string{a}},
		"it does not pass over other zones":  {machines: []machine{ready(0, a, long)}, wants: []want{waits(only(b))}, desired: 1, plans: []string{b}, spare: []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			o.wants, o.settings.idleTimeout, o.grace = c.wants, time.Hour, time.Minute
			if c.world != nil {
				c.world(&o)
			}
			d := decide(o)
			var spare []int
			var plans []string
			for _, m := range d.machines {
				if !m.idleSince.IsZero() {
					spare = append(spare, m.ordinal)
				}
				if isPlanned(m) && m.since.Equal(noon) {
					plans = append(plans, m.zone)
				}
			}
			require.Equal(t, c.desired, d.desired)
			require.Equal(t, c.plans, plans, "plans")
			require.Equal(t, c.spare, spare, "spare")
		})
	}
}

// What is said of zones that pods ask for, when none of them can be asked for a VM.
func TestCapacityOfTheZonesThatPodsAllow(t *testing.T) {
	o := facts()
	o.wants = []want{{job: "x", name: "x-0", zones: []string{b}}}
	o.zones[1].until, o.zones[1].reason = noon.Add(time.Minute), "Stockout"
	said := capacityCondition(o, decide(o))
	require.Equal(t, v1alpha1.ReasonZonesExhausted, said.Reason)
	require.Contains(t, said.Message, "no zone can be asked for a VM now that the pod of Job x-0 may run in, by its node selector and affinity: us-central1-b (Stockout)")
	o.zones[1].until, o.zones[0].until = time.Time{}, noon.Add(time.Minute)
	require.Equal(t, v1alpha1.ReasonAvailable, capacityCondition(o, decide(o)).Reason)
}

// A VM that rejects pods is left at once, and deleted once nothing looks at its last pod any more.
func TestVMThatRejectsPods(t *testing.T) {
	rejecting := func(m *machine) { m.rejects = "UnexpectedAdmissionError" }
	looked := func(m *machine) { m.freeAt = noon.Add(time.Second) }
	for name, c := range map[string]struct {
		vm      machine
		desired int
		plans   int
		verbs   []verb
	}{
		"it is closed":                    {vm(0, v1alpha1.InstanceReady, healthy, rejecting), 1, 1, []verb{taintNode}},
		"and drained":                     {vm(0, v1alpha1.InstanceReady, healthy, rejecting, isLeaving), 1, 1, []verb{drainNode}},
		"not while its pod is looked at":  {vm(0, v1alpha1.InstanceReady, healthy, rejecting, isLeaving, looked), 1, 1, nil},
		"nor while a pod is there":        {vm(0, v1alpha1.InstanceReady, healthy, rejecting, training), 1, 0, nil},
		"one that is going stays going":   {vm(0, v1alpha1.InstanceDeleting, healthy, rejecting, because(v1alpha1.VMRejectsPods)), 1, 1, []verb{taintNode, deleteVM}},
		"one that does not reject serves": {vm(0, v1alpha1.InstanceReady, healthy), 1, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.vm)
			o.wants = []want{{job: "x"}}
			d := decide(o)
			plans := 0
			for _, m := range d.machines {
				if isPlanned(m) {
					plans++
				}
			}
			var verbs []verb
			for _, op := range d.operations {
				verbs = append(verbs, op.verb)
			}
			require.Equal(t, c.desired, d.desired)
			require.Equal(t, c.plans, plans)
			require.Equal(t, c.verbs, verbs)
			if c.plans > 0 {
				require.Equal(t, v1alpha1.VMRejectsPods, d.machines[0].reason)
			}
		})
	}
}
