package spotinstancevm

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// waits is a replica whose pod the scheduler finds no Node for.
func waits(job string, d time.Duration) want {
	return want{job: "x", attempt: job, waitsSince: ago(d), said: "0/2 nodes are available"}
}

func passedOver(d time.Duration) func(*machine) { return func(m *machine) { m.passedOver = ago(d) } }
func cordoned(m *machine)                       { m.node.cordoned = true }
func tainted(m *machine)                        { m.node.tainted = "dedicated=other:NoSchedule" }
func withoutItsGPU(m *machine)                  { m.node.gpus = 0 }

// Demand meets supply: what is bought, kept and let go for replicas that wait beside VMs.
func TestUnschedulable(t *testing.T) {
	ready := func(ordinal int, edit ...func(*machine)) machine {
		return vm(ordinal, v1alpha1.InstanceReady, append([]func(*machine){healthy}, edit...)...)
	}
	long := passedOver(passedOverFor)
	held := waits("j", time.Hour)
	held.heldUntil = noon.Add(time.Second)
	over := held
	over.heldUntil = noon
	for name, c := range map[string]struct {
		machines []machine
		wants    []want
		world    func(*observed)

		desired int
		passed  []int    // ordinals of VMs passed over from now on
		plans   []string // zones
		spare   []int    // ordinals of VMs that idle
		held    []string // Jobs
	}{
		"no VM yet":              {wants: []want{waits("j", time.Hour)}, desired: 1, plans: []string{a}},
		"just Ready":             {machines: []machine{ready(0, lasting(29*time.Second))}, wants: []want{waits("j", time.Hour)}, desired: 1},
		"the pod is new":         {machines: []machine{ready(0)}, wants: []want{waits("j", 29*time.Second)}, desired: 1},
		"passed over, since now": {machines: []machine{ready(0)}, wants: []want{waits("j", time.Minute)}, desired: 1, passed: []int{0}},
		"and still":              {machines: []machine{ready(0, passedOver(passedOverFor-time.Second))}, wants: []want{waits("j", time.Hour)}, desired: 1, passed: []int{0}},
		"the pod found its VM":   {machines: []machine{ready(0, long, training)}, wants: []want{{job: "x"}}, desired: 1},
		"a pod ended there":      {machines: []machine{ready(0, func(m *machine) { m.freeAt = noon.Add(time.Second) })}, wants: []want{waits("j", time.Hour)}, desired: 1},

		"another zone is tried": {machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour)}, desired: 2, passed: []int{0}, plans: []string{b}},
		"the same, if no other is open": {
			machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour)}, world: func(o *observed) { o.zones[1].until = noon.Add(time.Hour) },
			desired: 2, passed: []int{0}, plans: []string{a},
		},
		"one trial at a time": {
			machines: []machine{ready(0, long), vm(1, v1alpha1.InstanceJoining, booted(time.Minute))}, wants: []want{waits("j", time.Hour)}, desired: 2, passed: []int{0},
		},
		"also for many": {
			machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour), waits("k", time.Hour)}, world: func(o *observed) { o.settings.maximum = 3 },
			desired: 3, passed: []int{0}, plans: []string{b, b},
		},
		"those on their way come first": {
			machines: []machine{ready(0, long), vm(1, v1alpha1.InstanceJoining, booted(time.Minute))},
			wants:    []want{waits("j", time.Hour), waits("k", time.Hour)}, desired: 2, passed: []int{0},
		},
		"not beyond maxReplicas":          {machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour)}, world: func(o *observed) { o.settings.maximum = 1 }, desired: 1, passed: []int{0}},
		"not beyond a fixed size":         {machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour)}, world: func(o *observed) { o.settings.fixed = new(1) }, desired: 1, passed: []int{0}},
		"the trial helped":                {machines: []machine{ready(0, long), ready(1, training)}, wants: []want{{job: "x"}}, desired: 1, spare: []int{0}},
		"two were no use":                 {machines: []machine{ready(0, long), ready(1, long)}, wants: []want{waits("j", time.Hour)}, desired: 0, passed: []int{0, 1}, spare: []int{0, 1}, held: []string{"j"}},
		"two that were there before it":   {machines: []machine{ready(0, long), ready(1, long)}, wants: []want{waits("j", 5*time.Minute), {}}, desired: 3, passed: []int{0, 1}, plans: []string{b}},
		"only the replica that waits":     {machines: []machine{ready(0, long), ready(1, long), ready(2, training)}, wants: []want{{job: "x"}, waits("j", time.Hour)}, desired: 1, passed: []int{0, 1}, spare: []int{0, 1}, held: []string{"j"}},
		"no trial for too long":           {machines: []machine{ready(0, passedOver(trialTime))}, wants: []want{waits("j", time.Hour)}, desired: 0, passed: []int{0}, spare: []int{0}, held: []string{"j"}},
		"nothing is bought while held":    {wants: []want{held}, desired: 0, held: []string{"j"}},
		"what is held waits for nothing":  {machines: []machine{ready(0, long)}, wants: []want{held}, desired: 0, spare: []int{0}, held: []string{"j"}},
		"it is tried again":               {wants: []want{over}, desired: 1, plans: []string{a}},
		"and at once with another spec":   {wants: []want{held}, world: func(o *observed) { o.edited = true }, desired: 1, plans: []string{a}},
		"a held one leaves others theirs": {machines: []machine{ready(0, training)}, wants: []want{held, {job: "x"}}, desired: 1, held: []string{"j"}},

		"a cordoned VM is none":               {machines: []machine{ready(0, cordoned)}, wants: []want{waits("j", time.Second)}, desired: 1, plans: []string{a}, spare: []int{0}},
		"its training goes on":                {machines: []machine{ready(0, cordoned, training)}, wants: []want{{job: "x"}}, desired: 1},
		"a tainted VM is one":                 {machines: []machine{ready(0, tainted)}, wants: []want{waits("j", time.Second)}, desired: 1},
		"until it is passed over":             {machines: []machine{ready(0, tainted, long)}, wants: []want{waits("j", time.Hour)}, desired: 1, passed: []int{0}, plans: []string{a}, spare: []int{0}},
		"a VM that lost its GPU":              {machines: []machine{ready(0, withoutItsGPU, long)}, wants: []want{waits("j", 3*time.Minute)}, desired: 1, passed: []int{0}, plans: []string{a}, spare: []int{0}},
		"both of two lost theirs":             {machines: []machine{ready(0, withoutItsGPU, long), ready(1, withoutItsGPU, long)}, wants: []want{waits("j", 3*time.Minute), waits("k", 3*time.Minute)}, desired: 2, passed: []int{0, 1}, plans: []string{a, b}, spare: []int{0, 1}},
		"every new VM is tainted":             {machines: []machine{ready(0, tainted, long), ready(1, tainted, long)}, wants: []want{waits("j", time.Hour)}, desired: 0, passed: []int{0, 1}, spare: []int{0, 1}, held: []string{"j"}},
		"a useless VM does not stop a trial":  {machines: []machine{ready(0, tainted, passedOver(trialTime)), vm(1, v1alpha1.InstanceJoining, booted(time.Minute))}, wants: []want{waits("j", 3*time.Minute)}, desired: 1, passed: []int{0}, spare: []int{0}},
		"the scheduler is away: no trial":     {machines: []machine{ready(0, long)}, wants: []want{waits("j", time.Hour)}, world: func(o *observed) { o.isStuck = true }, desired: 1, passed: []int{0}},
		"the scheduler is away: nobody held":  {machines: []machine{ready(0, long), ready(1, long)}, wants: []want{waits("j", time.Hour), waits("k", time.Hour)}, world: func(o *observed) { o.isStuck = true }, desired: 2, passed: []int{0, 1}},
		"the scheduler is away: VMs count":    {machines: []machine{ready(0, tainted, passedOver(trialTime))}, wants: []want{waits("j", time.Hour)}, world: func(o *observed) { o.isStuck = true }, desired: 1, passed: []int{0}},
		"a Node that is not Ready is no news": {machines: []machine{vm(0, v1alpha1.InstanceNotReady, healthy, silentFor(5*time.Second))}, wants: []want{waits("j", time.Hour)}, desired: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			o.wants, o.settings.idleTimeout, o.grace = c.wants, time.Hour, time.Minute
			if c.world != nil {
				c.world(&o)
			}
			d := decide(o)
			var passed, spare []int
			var plans, held []string
			for _, m := range d.machines {
				if !m.passedOver.IsZero() {
					passed = append(passed, m.ordinal)
				}
				if !m.idleSince.IsZero() {
					spare = append(spare, m.ordinal)
				}
				if isPlanned(m) {
					plans = append(plans, m.zone)
				}
			}
			for _, w := range d.wants {
				if w.isHeld(o.now) {
					held = append(held, w.attempt)
				}
			}
			require.Equal(t, c.desired, d.desired)
			require.Equal(t, c.passed, passed, "passed over")
			require.Equal(t, c.plans, plans, "plans")
			require.Equal(t, c.spare, spare, "spare")
			require.Equal(t, c.held, held, "held")
		})
	}
}

// VMs of many pools that are passed over at the same time say something of the scheduler, not of their pods.
func TestSchedulerThatIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		pools, passed int
		age           time.Duration // of the server
		stuck         bool
	}{
		"the only pool":      {1, 1, time.Hour, false},
		"a new server":       {1, 1, meetAll - time.Second, true},
		"three of three":     {3, 3, time.Hour, false},
		"four of four":       {4, 4, time.Hour, true},
		"four of fifteen":    {15, 4, time.Hour, true},
		"four of sixteen":    {16, 4, time.Hour, false},
		"a quarter and more": {100, 26, time.Hour, true},
		"none":               {100, 0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := ago(c.age)
			f := newFleetMemory(func() time.Time { return now })
			now = noon
			var last observed
			for i := range c.pools {
				last = facts(vm(0, v1alpha1.InstanceReady, healthy))
				last.id.uid = fmt.Sprint(i)
				if i < c.passed {
					last.machines[0].passedOver = ago(passedOverFor)
				}
				f.abandon(&last)
			}
			require.Equal(t, c.stuck, last.isStuck)
		})
	}
}
