package spotinstancevm

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// verbs are a decision's operations in order: "insert 3".
func verbs(d decision) []string {
	var all []string
	for _, op := range d.operations {
		all = append(all, string(op.verb)+" "+op.vm[len(poolID.prefix()):])
	}
	return all
}

// One case per reason to do something, or not to.
func TestOperations(t *testing.T) {
	idleFor := func(d time.Duration) func(*machine) { return func(m *machine) { m.idleSince = ago(d) } }
	for name, c := range map[string]struct {
		machines []machine
		world    func(*observed)
		want     []string
	}{
		"a plan that status holds is sent": {
			machines: []machine{vm(0, v1alpha1.InstancePlanned)},
			world:    func(o *observed) { o.wants = replicas(1) }, want: []string{"insert 0"},
		},
		"a plan that status does not hold is not": {
			machines: []machine{vm(0, v1alpha1.InstancePlanned, unrecorded)},
			world:    func(o *observed) { o.wants = replicas(1) },
		},
		"a plan nobody needs any more":    {machines: []machine{vm(0, v1alpha1.InstancePlanned)}},
		"a plan in a zone that is unread": {machines: []machine{vm(0, v1alpha1.InstancePlanned, unreadable)}, world: func(o *observed) { o.wants, o.zones[0].read = replicas(1), false }},
		"a plan in a zone that was blocked": {
			machines: []machine{vm(0, v1alpha1.InstancePlanned)},
			world:    func(o *observed) { o.wants, o.zones[0].until = replicas(1), noon.Add(time.Minute) },
		},
		"a plan in a zone that left the spec": {
			machines: []machine{vm(0, v1alpha1.InstancePlanned)},
			world:    func(o *observed) { o.wants, o.zones[0].wanted = replicas(1), false },
		},
		"a plan while the pool is invalid": {
			machines: []machine{vm(0, v1alpha1.InstancePlanned)},
			world:    func(o *observed) { o.wants, o.problems = replicas(1), []problem{{}} },
		},
		"Stopping is tainted":            {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, status("STOPPING"))}, want: []string{"taint 0"}},
		"its agent will taint it":        {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, watched, noticed, lasting(time.Second))}},
		"its agent has not":              {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, watched, noticed, lasting(2*time.Second))}, want: []string{"taint 0"}},
		"its agent has not heard":        {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, watched, status("STOPPING"), lasting(time.Second))}, want: []string{"taint 0"}},
		"its agent has":                  {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, watched, noticed, closed, training)}},
		"its agent has, and it is empty": {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, watched, noticed, closed)}, want: []string{"drain 0"}},
		"Stopping was tainted":           {machines: []machine{vm(0, v1alpha1.InstanceStopping, healthy, status("STOPPING"), isLeaving)}},
		"a VM that is off is deleted":    {machines: []machine{vm(0, v1alpha1.InstanceStopping, status("TERMINATED"))}, want: []string{"delete 0"}},
		"and not twice":                  {machines: []machine{vm(0, v1alpha1.InstanceStopping, status("TERMINATED"), func(m *machine) { m.removal = &gce.Operation{} })}},
		"but again when that failed":     {machines: []machine{vm(0, v1alpha1.InstanceStopping, status("TERMINATED"), func(m *machine) { m.removal = &gce.Operation{Done: true} })}, want: []string{"delete 0"}},
		"deleting":                       {machines: []machine{vm(0, v1alpha1.InstanceDeleting, running)}, want: []string{"delete 0"}},
		"deleting, GCE is at it":         {machines: []machine{vm(0, v1alpha1.InstanceDeleting, status("STOPPING"))}},
		"deleting, unread":               {machines: []machine{vm(0, v1alpha1.InstanceDeleting, unreadable)}},
		"gone, with a Node":              {machines: []machine{vm(0, v1alpha1.InstanceGone, withNode(node{}))}, want: []string{"delete-node 0"}},
		"gone, with a Node, zone unread": {machines: []machine{vm(0, v1alpha1.InstanceGone, unreadable, withNode(node{}))}},
		"a Node without a VM": {
			world: func(o *observed) { o.strays = []node{{name: poolID.vmName(5), zone: a}} }, want: []string{"delete-node 5"},
		},
		"a Node without a VM, zone unread": {
			world: func(o *observed) { o.strays, o.zones[0].read = []node{{name: poolID.vmName(5), zone: a}}, false },
		},
		"idle, idleTimeout not over":              {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, idleFor(4*time.Minute))}},
		"idle for idleTimeout":                    {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, idleFor(5*time.Minute))}, want: []string{"taint 0"}},
		"idle, tainted":                           {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, isLeaving, idleFor(5*time.Minute))}, want: []string{"drain 0"}},
		"idle, tainted, but trained on":           {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, isLeaving, training, idleFor(5*time.Minute))}, want: []string{"untaint 0"}},
		"idle, no Node yet, not written down yet": {machines: []machine{vm(0, v1alpha1.InstanceJoining, running, idleFor(5*time.Minute))}},
		"idle, no Node yet, and written down":     {machines: []machine{vm(0, v1alpha1.InstanceDeleting, running)}, want: []string{"delete 0"}},
		"not idle any more": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, isLeaving, idleFor(5*time.Minute))},
			world:    func(o *observed) { o.wants = replicas(1) }, want: []string{"untaint 0"},
		},
		"beyond a fixed size goes at once": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy)},
			world:    func(o *observed) { o.settings.fixed = new(int) }, want: []string{"taint 0"},
		},
		"beyond a fixed size, trained on": {
			machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, training)},
			world:    func(o *observed) { o.settings.fixed = new(int) },
		},
		"near its run limit, tainted, empty": {
			machines: []machine{vm(0, v1alpha1.InstanceStopping, because(v1alpha1.VMRunLimit), healthy, isLeaving, func(m *machine) { m.runsUntil = noon })},
			want:     []string{"drain 0"},
		},
		"the most urgent first": {
			machines: []machine{
				vm(0, v1alpha1.InstanceDeleting, running), vm(1, v1alpha1.InstanceReady, healthy, status("STOPPING")),
				vm(2, v1alpha1.InstanceGone, withNode(node{})), vm(3, v1alpha1.InstancePlanned),
			},
			world: func(o *observed) { o.wants = replicas(1) }, want: []string{"insert 3", "delete-node 2", "taint 1", "delete 0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			if c.world != nil {
				c.world(&o)
			}
			require.Equal(t, c.want, verbs(decide(o)))
		})
	}
}

// plans are the ordinals newly planned, and their zones.
func plans(d decision) (ordinals []int, zones []string) {
	for _, m := range d.machines {
		if m.state == v1alpha1.InstancePlanned && !m.isWritten() {
			ordinals, zones = append(ordinals, m.ordinal), append(zones, m.zone)
		}
	}
	return ordinals, zones
}

func TestPlans(t *testing.T) {
	failedStart := func(ordinal int, created, end time.Duration) machine {
		return vm(ordinal, v1alpha1.InstanceGone, because(v1alpha1.VMJoinTimeout), lasting(end), func(m *machine) { m.seen.created = ago(created) })
	}
	three := []machine{
		failedStart(0, 60*time.Minute, 50*time.Minute), failedStart(1, 45*time.Minute, 35*time.Minute), failedStart(2, 30*time.Minute, 20*time.Minute),
	}
	blocked := func(reason string) []machine {
		return []machine{vm(0, v1alpha1.InstanceGone, because(reason), lasting(time.Minute))}
	}
	for name, c := range map[string]struct {
		machines []machine
		world    func(*observed)
		ordinals []int
		zone     string
	}{
		"the first":                   {ordinals: []int{0}, zone: a},
		"after the highest in use":    {machines: []machine{vm(4, v1alpha1.InstanceGone, because(v1alpha1.VMNotNeeded))}, ordinals: []int{5}, zone: a},
		"after the highest seen":      {world: func(o *observed) { o.highest = 7 }, ordinals: []int{8}, zone: a},
		"none: one is on its way":     {machines: []machine{vm(0, v1alpha1.InstanceCreating, lasting(0))}},
		"one for a doomed one":        {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, status("STOPPING"))}, ordinals: []int{1}, zone: b},
		"none: the pool is invalid":   {world: func(o *observed) { o.problems = []problem{{}} }},
		"in the zone that is read":    {world: func(o *observed) { o.zones[0].read = false }, ordinals: []int{0}, zone: b},
		"not where there was none":    {machines: blocked("Stockout"), ordinals: []int{1}, zone: b},
		"not where it is not sold":    {machines: blocked("Unsupported"), ordinals: []int{1}, zone: b},
		"not in the region: quota":    {machines: blocked("Quota")},
		"not where one was lost":      {machines: []machine{vm(0, v1alpha1.InstanceGone, because(v1alpha1.VMLost), lasting(2*time.Minute), func(m *machine) { m.seen.created = ago(3 * time.Minute) })}, ordinals: []int{1}, zone: b},
		"not where one was preempted": {machines: []machine{vm(0, v1alpha1.InstanceGone, joined, because(v1alpha1.VMPreempted), lasting(time.Minute))}, ordinals: []int{1}, zone: b},
		"as status remembers":         {world: func(o *observed) { o.zones[0].until = noon.Add(time.Second) }, ordinals: []int{0}, zone: b},
		"when that is over":           {world: func(o *observed) { o.zones[0].until = noon }, ordinals: []int{0}, zone: a},
		"when the spec was edited":    {machines: blocked("Stockout"), world: func(o *observed) { o.edited = true }, ordinals: []int{1}, zone: a},
		"none within a minute":        {machines: []machine{failedStart(0, 20*time.Minute, 59*time.Second)}},
		"one after a minute":          {machines: []machine{failedStart(0, 20*time.Minute, 60*time.Second)}, ordinals: []int{1}, zone: a},
		"none within two minutes":     {machines: []machine{failedStart(0, 40*time.Minute, 25*time.Minute), failedStart(1, 20*time.Minute, 119*time.Second)}},
		"two at once are one round":   {machines: []machine{failedStart(0, 20*time.Minute, 61*time.Second), failedStart(1, 20*time.Minute, 60*time.Second)}, ordinals: []int{2}, zone: a},
		"all of them, so far":         {machines: three[:2], world: func(o *observed) { o.wants = replicas(3) }, ordinals: []int{2, 3, 4}, zone: a},
		"then one at a time":          {machines: three, world: func(o *observed) { o.wants = replicas(3) }, ordinals: []int{3}, zone: a},
		"none while it is tried":      {machines: append([]machine{vm(3, v1alpha1.InstanceJoining, running)}, three...), world: func(o *observed) { o.wants = replicas(3) }},
		"a join ends the back-off":    {machines: append([]machine{vm(3, v1alpha1.InstanceReady, healthy, lasting(time.Second))}, three...), world: func(o *observed) { o.wants = replicas(3) }, ordinals: []int{4, 5}, zone: b},
		"refusals back off":           {machines: []machine{vm(0, v1alpha1.InstanceGone, because("Forbidden"), lasting(59*time.Second))}},
		"twenty at a time":            {world: func(o *observed) { o.wants, o.settings.maximum = replicas(50), 50 }, ordinals: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, zone: a},
		"none for a deleted pool":     {world: func(o *observed) { o.finalizing = true }},
		"one for one that is unread":  {machines: []machine{vm(0, v1alpha1.InstanceUnknown, unreadable, lasting(time.Minute))}, world: func(o *observed) { o.zones[0].read = false }, ordinals: []int{1}, zone: b},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			o.wants = replicas(1)
			if c.world != nil {
				c.world(&o)
			}
			ordinals, zones := plans(decide(o))
			require.Equal(t, c.ordinals, ordinals)
			if len(zones) > 0 {
				require.Equal(t, c.zone, zones[0])
			}
		})
	}
}

func TestBackOff(t *testing.T) {
	for rounds, minutes := range []float64{0, 1, 2, 4, 8, 16, 30, 30} {
		s := starts{rounds: slices.Repeat([]machine{vm(0, v1alpha1.InstanceGone, lasting(0))}, rounds)}
		if rounds == 0 {
			require.True(t, s.until().IsZero())
			continue
		}
		require.InDelta(t, minutes, s.until().Sub(noon).Minutes(), 0, "round %d", rounds)
	}
}

func TestWhoIsIdle(t *testing.T) {
	idle := func(d time.Duration) func(*machine) { return func(m *machine) { m.idleSince = ago(d) } }
	for name, c := range map[string]struct {
		machines []machine
		want     []int // ordinals, the first to go first
	}{
		"a plan before a VM":            {[]machine{vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstancePlanned)}, []int{1, 0}},
		"an old spec before the new":    {[]machine{vm(0, v1alpha1.InstanceReady, healthy, outdated), vm(1, v1alpha1.InstanceJoining, running)}, []int{0, 1}},
		"one that boots before Ready":   {[]machine{vm(1, v1alpha1.InstanceReady, healthy, idle(time.Minute)), vm(0, v1alpha1.InstanceJoining, running)}, []int{0, 1}},
		"the longest idle":              {[]machine{vm(1, v1alpha1.InstanceReady, healthy, idle(time.Minute)), vm(0, v1alpha1.InstanceReady, healthy, idle(2*time.Minute)), vm(2, v1alpha1.InstanceReady, healthy)}, []int{0, 1, 2}},
		"the youngest":                  {[]machine{vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstanceReady, healthy)}, []int{1, 0}},
		"never one that is trained on":  {[]machine{vm(0, v1alpha1.InstanceReady, healthy, training)}, nil},
		"never one that cannot be read": {[]machine{vm(0, v1alpha1.InstanceUnknown, unreadable, lasting(0))}, nil},
		"never one that does not count": {[]machine{vm(0, v1alpha1.InstanceNotReady, running, joined, because(v1alpha1.VMNodeNotReady))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, i := range idlest(facts(), c.machines) {
				got = append(got, c.machines[i].ordinal)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestPreemptionsAreCountedOnce(t *testing.T) {
	o := facts(vm(0, v1alpha1.InstanceReady, healthy, status("STOPPING"), preempted), vm(1, v1alpha1.InstanceStopping, because(v1alpha1.VMPreempted), preempted, status("STOPPING")), vm(2, v1alpha1.InstanceGone, joined, stoppedVM))
	o.counted = 5
	d := decide(o)
	require.EqualValues(t, 6, d.preemptions)
	o.machines, o.counted = d.machines, d.preemptions
	require.EqualValues(t, 6, decide(o).preemptions)
}

func TestFinished(t *testing.T) {
	for name, c := range map[string]struct {
		machines []machine
		world    func(*observed)
		want     bool
	}{
		"nothing is left":            {machines: []machine{vm(0, v1alpha1.InstanceGone)}, want: true},
		"a VM":                       {machines: []machine{vm(0, v1alpha1.InstanceDeleting, running)}},
		"an insert in flight":        {machines: []machine{vm(0, v1alpha1.InstanceCreating, inserted(gce.Operation{}))}},
		"a plan of this moment":      {machines: []machine{vm(0, v1alpha1.InstancePlanned, lasting(time.Second))}},
		"a Node":                     {machines: []machine{vm(0, v1alpha1.InstanceGone, withNode(node{}))}},
		"a Node of no VM":            {world: func(o *observed) { o.strays = []node{{name: poolID.vmName(3), zone: a}} }},
		"a zone that was not read":   {world: func(o *observed) { o.zones[1].read = false }},
		"no list over all zones":     {world: func(o *observed) { o.everywhere = false }},
		"no access, nothing known":   {world: func(o *observed) { o.everywhere, o.hopeless, o.zones[0].read = false, true, false }, want: true},
		"no access, something known": {machines: []machine{vm(0, v1alpha1.InstanceGone)}, world: func(o *observed) { o.everywhere, o.hopeless, o.zones[0].read = false, true, false }},
		"not deleted at all":         {world: func(o *observed) { o.finalizing = false }},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			o.finalizing, o.everywhere = true, true
			if c.world != nil {
				c.world(&o)
			}
			require.Equal(t, c.want, decide(o).finalized)
		})
	}
}

func TestResync(t *testing.T) {
	for name, c := range map[string]struct {
		machines []machine
		world    func(*observed)
		want     time.Duration
	}{
		"an idle pool":               {want: time.Minute},
		"a plan to carry out":        {world: func(o *observed) { o.wants = replicas(1) }, want: 200 * time.Millisecond},
		"booting":                    {machines: []machine{vm(0, v1alpha1.InstanceJoining, running)}, world: func(o *observed) { o.wants = replicas(1) }, want: 2 * time.Second},
		"going down":                 {machines: []machine{vm(0, v1alpha1.InstanceStopping, status("STOPPING"))}, want: 2 * time.Second},
		"not Ready":                  {machines: []machine{vm(0, v1alpha1.InstanceNotReady, running, joined)}, want: 5 * time.Second},
		"VMs to watch":               {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy)}, world: func(o *observed) { o.wants = replicas(1) }, want: 10 * time.Second},
		"VMs that an agent watches":  {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, func(m *machine) { m.node = &node{ready: true, gpus: 1, agent: true} })}, world: func(o *observed) { o.wants = replicas(1) }, want: time.Minute},
		"a zone that cannot be read": {world: func(o *observed) { o.zones[1].read = false }, want: 10 * time.Second},
		"something to mend":          {world: func(o *observed) { o.problems = []problem{{}} }, want: 10 * time.Second},
		"a deadline":                 {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, func(m *machine) { m.idleSince = ago(5*time.Minute - 3*time.Second) })}, want: 3500 * time.Millisecond},
		"the end of a block, and short": {world: func(o *observed) {
			o.wants, o.zones[0].until, o.zones[1].until = replicas(1), noon.Add(time.Second), noon.Add(time.Hour)
		}, want: 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts(c.machines...)
			if c.world != nil {
				c.world(&o)
			}
			require.Equal(t, c.want, settle(o, decide(o), nil).resync)
		})
	}
}

// decide does not touch what it is given, and gives the same for the same.
func TestDecideIsPure(t *testing.T) {
	build := func() observed {
		o := facts(vm(0, v1alpha1.InstanceReady, healthy), vm(1, v1alpha1.InstanceStopping, healthy, status("STOPPING"), preempted), vm(2, v1alpha1.InstancePlanned), vm(3, v1alpha1.InstanceGone, because("Stockout"), lasting(time.Minute)))
		o.wants = replicas(3)
		return o
	}
	o := build()
	first := decide(o)
	require.True(t, reflect.DeepEqual(build(), o), "the input was changed")
	require.Equal(t, first, decide(o))
}

func TestSettle(t *testing.T) {
	refused := func(kind gce.Kind) error { return &gce.Error{Kind: kind, Message: "m"} }
	for name, c := range map[string]struct {
		m       machine
		outcome outcome
		state   v1alpha1.InstanceState
		reason  string
		again   bool
	}{
		"insert taken":             {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, begun: gce.Operation{Name: "op"}}, v1alpha1.InstanceCreating, "", false},
		"insert refused: stockout": {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, err: refused(gce.Stockout)}, v1alpha1.InstanceGone, "Stockout", true},
		"insert refused: taken":    {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, err: refused(gce.AlreadyExists)}, v1alpha1.InstanceGone, v1alpha1.VMNameTaken, true},
		"insert, no answer":        {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, err: refused(gce.Unavailable)}, v1alpha1.InstancePlanned, "Unavailable", false},
		"insert, a conflict":       {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, err: &gce.Error{Kind: gce.Unavailable, HTTPStatus: 409}}, v1alpha1.InstanceGone, "Unavailable", true},
		"insert, too many calls":   {vm(0, v1alpha1.InstancePlanned), outcome{operation: operation{verb: insertVM}, err: refused(gce.RateLimited)}, v1alpha1.InstancePlanned, "", false},
		"drained":                  {vm(0, v1alpha1.InstanceReady), outcome{operation: operation{verb: drainNode}, drained: true}, v1alpha1.InstanceDeleting, v1alpha1.VMNotNeeded, true},
		"drained before its limit": {vm(0, v1alpha1.InstanceStopping, because(v1alpha1.VMRunLimit)), outcome{operation: operation{verb: drainNode}, drained: true}, v1alpha1.InstanceDeleting, v1alpha1.VMRunLimit, true},
		"not drained":              {vm(0, v1alpha1.InstanceReady), outcome{operation: operation{verb: drainNode}}, v1alpha1.InstanceReady, "", false},
		"delete taken":             {vm(0, v1alpha1.InstanceDeleting), outcome{operation: operation{verb: deleteVM}, begun: gce.Operation{Name: "op"}}, v1alpha1.InstanceDeleting, "", false},
		"delete failed":            {vm(0, v1alpha1.InstanceDeleting), outcome{operation: operation{verb: deleteVM}, err: refused(gce.Unavailable)}, v1alpha1.InstanceDeleting, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			c.outcome.vm = c.m.name
			d := settle(facts(), decision{machines: []machine{c.m}}, []outcome{c.outcome})
			require.Equal(t, c.state, d.machines[0].state)
			require.Equal(t, c.reason, d.machines[0].reason)
			require.Equal(t, c.again, d.resync == resyncNow)
			require.Equal(t, c.outcome.begun.Name, d.machines[0].operation)
			require.Equal(t, c.outcome.err != nil, len(d.failures) == 1)
		})
	}
}
