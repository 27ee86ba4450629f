package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
)

// A VM that serves no replica has one reason, which says what to do, and when something happens by itself.
func TestWhyAVMServesNobody(t *testing.T) {
	type edits = []func(*machine)
	const (
		ready, joining, stopping = v1alpha1.InstanceReady, v1alpha1.InstanceJoining, v1alpha1.InstanceStopping
	)
	pods := func(n int) func(*machine) { return func(m *machine) { m.pods = n } }
	idle := func(m *machine) { m.idleSince = ago(time.Minute) }
	passedOver := func(since time.Duration) func(*machine) { return func(m *machine) { m.passedOver = ago(since) } }
	waits := func(o *observed) {
		o.wants = []want{{attempt: "train-r0-a1", waitsSince: ago(time.Hour), said: "0/4 nodes are available"}}
	}
	held := func(o *observed) {
		waits(o)
		o.wants[0].heldUntil = noon.Add(time.Hour)
	}
	on := func(n node) func(*machine) {
		return func(m *machine) { healthy(m); n.name, n.uid = m.name, "n"; m.node = &n }
	}
	usual := func(o *observed) { o.usualStart = 130 * time.Second }
	const deleted = "it is deleted at 2026-03-01T12:04:00Z, or as soon as it is empty after that"
	const givenUp = "if it is not Ready at 2026-03-01T12:03:00Z, it is deleted and another one is tried"
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		state  v1alpha1.InstanceState
		edits  edits
		world  func(*observed)
		reason string
		says   []string
	}{
		"a plan":                            {state: v1alpha1.InstancePlanned, reason: v1alpha1.NotServingRequested, says: []string{"is asked of GCE"}},
		"GCE makes it":                      {state: v1alpha1.InstanceCreating, edits: edits{status("STAGING")}, world: usual, reason: v1alpha1.NotServingRequested, says: []string{"does not run yet; VMs of this pool usually take 2m10s"}},
		"GCE says nothing of its insert":    {state: v1alpha1.InstancePlanned, edits: edits{because(string(gce.Unavailable)), lasting(10 * time.Second)}, reason: v1alpha1.NotServingNoAnswer, says: []string{"if the zone shows no such VM at 2026-03-01T12:01:20Z, another zone is asked"}},
		"no Node yet":                       {state: joining, edits: edits{running}, world: usual, reason: v1alpha1.NotServingBooting, says: []string{"runs since 2026-03-01T11:50:00Z", "usually take 2m10s", givenUp, "get-serial-port-output " + poolID.vmName(0) + " --zone us-central1-a --project acme"}},
		"no Node yet, of the first VM":      {state: joining, edits: edits{running}, reason: v1alpha1.NotServingBooting, says: []string{"has no Node yet; if it is not Ready at"}},
		"its Node is not Ready yet":         {state: joining, edits: edits{running, withNode(node{name: "n"})}, reason: v1alpha1.NotServingJoining, says: []string{"kubectl describe node " + poolID.vmName(0), givenUp}},
		"its GPUs are not there yet":        {state: joining, edits: edits{running, withNode(node{name: "n", ready: true})}, reason: v1alpha1.NotServingGPUsMissing, says: []string{"shows 0 of 1", "NVIDIA's device plugin", givenUp}},
		"it trains":                         {state: ready, edits: edits{healthy, pods(1)}},
		"it is free, and is needed":         {state: ready, edits: edits{healthy}},
		"it trains on a cordoned Node":      {state: ready, edits: edits{on(node{ready: true, gpus: 1, cordoned: true}), pods(1)}},
		"its Node is cordoned":              {state: ready, edits: edits{on(node{ready: true, gpus: 1, cordoned: true}), idle}, reason: v1alpha1.NotServingCordoned, says: []string{"kubectl uncordon " + poolID.vmName(0), deleted}},
		"its Node has a taint":              {state: ready, edits: edits{on(node{ready: true, gpus: 1, tainted: "maintenance"}), passedOver(2 * time.Minute), idle}, world: waits, reason: v1alpha1.NotServingTainted, says: []string{"add it to spec.taints", deleted}},
		"it has lost its GPUs":              {state: ready, edits: edits{on(node{ready: true}), passedOver(2 * time.Minute), idle}, world: waits, reason: v1alpha1.NotServingGPUsMissing, says: []string{"see the device plugin's pod on that Node", deleted}},
		"its kubelet rejects pods":          {state: ready, edits: edits{healthy, idle, func(m *machine) { m.rejects = "no healthy devices" }}, reason: v1alpha1.NotServingRejects, says: []string{"it said: no healthy devices", deleted}},
		"no pod that waits may run there":   {state: ready, edits: edits{healthy, idle, func(m *machine) { m.misplaced = true }}, reason: v1alpha1.NotServingMisplaced, says: []string{"by its node selector or affinity", deleted}},
		"the scheduler passes it over":      {state: ready, edits: edits{healthy, passedOver(time.Minute)}, world: waits, reason: v1alpha1.NotServingUnschedulable, says: []string{"the scheduler binds no pod to it. It says of the pod of Job train-r0-a1: 0/4 nodes are available"}},
		"what it was bought for is held":    {state: ready, edits: edits{healthy, idle}, world: held, reason: v1alpha1.NotServingIdle, says: []string{deleted}},
		"nobody needs it":                   {state: ready, edits: edits{healthy, idle}, reason: v1alpha1.NotServingIdle, says: []string{"no replica needs it; " + deleted}},
		"it is emptied":                     {state: ready, edits: edits{healthy, idle, func(m *machine) { m.leaving = true }}, reason: v1alpha1.NotServingDraining, says: []string{"as soon as it is empty"}},
		"somebody's pod holds it":           {state: ready, edits: edits{healthy, idle, func(m *machine) { m.leaving, m.heldBy = true, "web/shop" }}, reason: v1alpha1.NotServingDraining, says: []string{"pod web/shop", "PodDisruptionBudget"}},
		"its Node is silent":                {state: v1alpha1.InstanceNotReady, edits: edits{on(node{gpus: 1}), pods(1)}, reason: v1alpha1.NotServingNotReady, says: []string{"it is waited for: kubectl describe node"}},
		"its Node was silent for long":      {state: v1alpha1.InstanceNotReady, edits: edits{on(node{gpus: 1}), because(v1alpha1.VMNodeNotReady)}, reason: v1alpha1.NotServingGivenUp, says: []string{"another VM takes its place"}},
		"its zone cannot be read":           {state: v1alpha1.InstanceUnknown, edits: edits{joined, unreadable}, reason: v1alpha1.NotServingZoneUnreachable, says: []string{"until GCE lists the zone"}},
		"GCE gave notice":                   {state: stopping, edits: edits{healthy, because(v1alpha1.VMPreempted), pods(1)}, reason: v1alpha1.NotServingNoticed, says: []string{"taken back by GCE"}},
		"its run limit is near":             {state: stopping, edits: edits{healthy, because(v1alpha1.VMRunLimit), pods(1)}, reason: v1alpha1.NotServingMoving, says: []string{"(RunLimit)"}},
		"a spot VM takes its place":         {state: stopping, edits: edits{healthy, because(v1alpha1.VMSpotIsBack), pods(1)}, reason: v1alpha1.NotServingMoving, says: []string{"(SpotIsBack)"}},
		"GCE stops it":                      {state: stopping, edits: edits{status("STOPPING"), because(v1alpha1.VMPreempted)}, reason: v1alpha1.NotServingStopping, says: []string{"stops (Preempted)"}},
		"it stops, and nobody knows why":    {state: stopping, edits: edits{status("STOPPING")}, reason: v1alpha1.NotServingStopping, says: []string{"stops (nothing tells why yet)"}},
		"it is deleted":                     {state: v1alpha1.InstanceDeleting, edits: edits{running, because(v1alpha1.VMJoinTimeout)}, reason: v1alpha1.NotServingDeleting, says: []string{"(JoinTimeout)"}},
		"it is gone, and is no VM any more": {state: v1alpha1.InstanceGone, edits: edits{because(v1alpha1.VMPreempted)}},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, c.state, c.edits...)
			o := facts(m)
			if c.world != nil {
				c.world(&o)
			}
			lack := lackOf(o, decision{wants: o.wants, usualStart: o.usualStart}, m)
			assert.Equal(t, c.reason, lack.reason, lack.message)
			assert.Equal(t, c.reason == "", lack.message == "")
			for _, words := range c.says {
				assert.Contains(t, lack.message, words)
			}
		})
		seen[c.reason] = true
	}
	for _, reason := range hooktest.Constants(t, "NotServing") {
		assert.True(t, seen[reason], "no row for %s", reason)
	}
}

func TestUsualStart(t *testing.T) {
	started := func(d time.Duration) machine {
		return vm(0, v1alpha1.InstanceReady, healthy, func(m *machine) { m.seen.created, m.written.state = ago(d), v1alpha1.InstanceJoining })
	}
	before := func(d time.Duration) func(*observed) { return func(o *observed) { o.usualStart = d } }
	for name, c := range map[string]struct {
		world    func(*observed)
		machines []machine
		want     time.Duration
	}{
		"nobody knows":             {},
		"the first":                {machines: []machine{started(100 * time.Second)}, want: 100 * time.Second},
		"of a quick VM":            {machines: []machine{started(7 * time.Second)}, want: 7 * time.Second},
		"the next counts a fourth": {world: before(100 * time.Second), machines: []machine{started(180 * time.Second)}, want: 120 * time.Second},
		"two at once":              {machines: []machine{started(100 * time.Second), started(180 * time.Second)}, want: 120 * time.Second},
		"little changes":           {world: before(100 * time.Second), machines: []machine{started(110 * time.Second)}, want: 100 * time.Second},
		"it was Ready before":      {world: before(time.Minute), machines: []machine{vm(0, v1alpha1.InstanceReady, healthy)}, want: time.Minute},
		"status did not know it":   {machines: []machine{vm(0, v1alpha1.InstanceReady, healthy, func(m *machine) { m.written = written{} })}},
		"it is not Ready yet":      {machines: []machine{vm(0, v1alpha1.InstanceJoining, running)}},
		"the clock was set back":   {machines: []machine{started(-time.Minute)}},
		"status makes no sense":    {world: before(-time.Hour)},
		"the pool is deleted":      {world: func(o *observed) { o.finalizing, o.usualStart = true, time.Minute }, machines: []machine{started(9 * time.Minute)}, want: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts()
			if c.world != nil {
				c.world(&o)
			}
			assert.Equal(t, c.want, usualStart(o, c.machines))
		})
	}
}
