package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

var poolID = identity{cluster: "c", project: "acme", namespace: "default", name: "pool", uid: "u"}

const (
	a = "us-central1-a"
	b = "us-central1-b"
)

// facts is a pool that follows demand, in two zones that were read.
func facts(machines ...machine) observed {
	o := observed{
		now: noon, id: poolID, generation: 1, highest: -1, machines: machines,
		settings: settings{maximum: 10, joinTimeout: 15 * time.Minute, idleTimeout: 5 * time.Minute, gpus: 1, model: gce.ModelSpot},
		zones:    []zone{{name: a, wanted: true, read: true}, {name: b, wanted: true, read: true}},
	}
	return o
}

// replicas are so many that want a VM.
func replicas(n int) []want { return make([]want, n) }

// vm is the VM with this ordinal in the first zone, as status has it: for ten minutes in this state.
func vm(ordinal int, state v1alpha1.InstanceState, edit ...func(*machine)) machine {
	m := machine{
		name: poolID.vmName(ordinal), ordinal: ordinal, zone: a, written: written{state: state}, gpus: 1, mustShow: 1,
		state: state, since: ago(10 * time.Minute), presence: absent, requestID: "request",
	}
	for _, e := range edit {
		e(&m)
	}
	return m
}

func running(m *machine) {
	m.presence, m.status = present, "RUNNING"
	m.seen.created, m.seen.instanceID = ago(12*time.Minute), "17"
}

func status(s string) func(*machine) {
	return func(m *machine) { running(m); m.status = s }
}

func unreadable(m *machine) { m.presence = unknown }
func joined(m *machine)     { m.joined, m.seen.instanceID, m.seen.created = true, "17", ago(time.Hour) }

func healthy(m *machine) {
	running(m)
	m.joined = true
	m.node = &node{name: m.name, uid: "n", zone: m.zone, ready: true, gpus: 1}
}

func withNode(n node) func(*machine) { return func(m *machine) { m.node = &n } }

func lasting(d time.Duration) func(*machine) { return func(m *machine) { m.since = ago(d) } }

func because(reason string) func(*machine) { return func(m *machine) { m.reason = reason } }

func inserted(op gce.Operation) func(*machine) { return func(m *machine) { m.insert = &op } }

func failed(kind gce.Kind) func(*machine) {
	return inserted(gce.Operation{Done: true, Error: &gce.Error{Kind: kind, Message: "m"}})
}

func preempted(m *machine)  { m.preempted = true }
func stoppedVM(m *machine)  { m.stopped = true }
func training(m *machine)   { m.pods = 1 }
func evicted(m *machine)    { m.pods, m.dying = 1, 1 }
func outdated(m *machine)   { m.oldSpec = true }
func unrecorded(m *machine) { m.written = written{} }
func isLeaving(m *machine)  { m.node.leaving = true }
func noticed(m *machine)    { m.node.noticed = true }
func told(m *machine)       { m.told = true }
func watched(m *machine)    { m.node.agent = true }
func closed(m *machine)     { m.node.closed = true }
func booted(d time.Duration) func(*machine) {
	return func(m *machine) { running(m); m.seen.created = ago(d) }
}

// One case per state that a VM can get into, and per reason.
func TestStates(t *testing.T) {
	const (
		planned  = v1alpha1.InstancePlanned
		creating = v1alpha1.InstanceCreating
		joining  = v1alpha1.InstanceJoining
		isReady  = v1alpha1.InstanceReady
		notReady = v1alpha1.InstanceNotReady
		stopping = v1alpha1.InstanceStopping
		deleting = v1alpha1.InstanceDeleting
		gone     = v1alpha1.InstanceGone
		unread   = v1alpha1.InstanceUnknown
	)
	type edits []func(*machine)
	for name, c := range map[string]struct {
		from   v1alpha1.InstanceState
		facts  edits
		world  func(*observed)
		to     v1alpha1.InstanceState
		reason string
	}{
		"planned, nothing sent":                       {from: planned, to: planned},
		"planned, its insert is in flight":            {from: planned, facts: edits{inserted(gce.Operation{})}, to: creating},
		"planned, and there it is":                    {from: planned, facts: edits{status("PROVISIONING")}, to: creating},
		"planned, its insert is done, it is not":      {from: planned, facts: edits{inserted(gce.Operation{Done: true})}, to: gone, reason: v1alpha1.VMLost},
		"creating, invisible for a moment":            {from: creating, facts: edits{lasting(14 * time.Second)}, to: creating},
		"creating, invisible for too long":            {from: creating, facts: edits{lasting(15 * time.Second)}, to: gone, reason: v1alpha1.VMLost},
		"creating, a status not known here":           {from: creating, facts: edits{status("WARMING_UP")}, to: creating},
		"insert failed: stockout":                     {from: creating, facts: edits{failed(gce.Stockout)}, to: gone, reason: "Stockout"},
		"insert failed: unsupported":                  {from: creating, facts: edits{failed(gce.Unsupported)}, to: gone, reason: "Unsupported"},
		"insert failed: quota":                        {from: creating, facts: edits{failed(gce.Quota)}, to: gone, reason: "Quota"},
		"insert failed: invalid":                      {from: creating, facts: edits{failed(gce.Invalid)}, to: gone, reason: "Invalid"},
		"insert failed: the name is taken":            {from: creating, facts: edits{failed(gce.AlreadyExists)}, to: gone, reason: v1alpha1.VMNameTaken},
		"insert failed: preempted":                    {from: creating, facts: edits{failed(gce.Preempted)}, to: gone, reason: v1alpha1.VMPreempted},
		"insert failed, and the VM is still seen":     {from: creating, facts: edits{status("PROVISIONING"), failed(gce.Stockout)}, to: creating},
		"running, no Node":                            {from: creating, facts: edits{running}, to: joining},
		"running, Node not Ready":                     {from: joining, facts: edits{running, withNode(node{gpus: 1})}, to: joining},
		"running, Node Ready without GPUs":            {from: joining, facts: edits{running, withNode(node{ready: true})}, to: joining},
		"running, Node Ready with GPUs":               {from: joining, facts: edits{running, withNode(node{ready: true, gpus: 1})}, to: isReady},
		"joinTimeout, never RUNNING":                  {from: creating, facts: edits{booted(16 * time.Minute), func(m *machine) { m.status = "STAGING" }}, to: deleting, reason: v1alpha1.VMJoinTimeout},
		"joinTimeout, Node without GPUs":              {from: joining, facts: edits{booted(16 * time.Minute), withNode(node{ready: true})}, to: deleting, reason: v1alpha1.VMJoinTimeout},
		"joinTimeout is over the moment it joins":     {from: joining, facts: edits{booted(16 * time.Minute), withNode(node{ready: true, gpus: 1})}, to: isReady},
		"joined, its GPUs are gone from the Node":     {from: isReady, facts: edits{healthy, withNode(node{ready: true})}, to: isReady},
		"joined, Node not Ready":                      {from: isReady, facts: edits{healthy, withNode(node{gpus: 1})}, to: notReady},
		"joined, its kubelet shuts down":              {from: isReady, facts: edits{healthy, withNode(node{gpus: 1, shutsDown: true})}, to: notReady, reason: v1alpha1.VMNodeNotReady},
		"joined, Node deleted":                        {from: isReady, facts: edits{running, joined}, to: notReady, reason: v1alpha1.VMNodeNotReady},
		"silent, may be given up":                     {from: notReady, facts: edits{healthy, withNode(node{}), func(m *machine) { m.abandon = true }}, to: notReady, reason: v1alpha1.VMNodeNotReady},
		"may be given up, and unread":                 {from: notReady, facts: edits{healthy, withNode(node{}), unreadable, func(m *machine) { m.abandon = true }}, to: notReady, reason: v1alpha1.VMNodeNotReady},
		"silent, Kubernetes has evicted its pod":      {from: notReady, facts: edits{healthy, withNode(node{}), evicted}, to: deleting, reason: v1alpha1.VMNodeNotReady},
		"silent for a moment, its pod is deleted":     {from: notReady, facts: edits{healthy, withNode(node{}), evicted, lasting(19 * time.Second)}, to: notReady},
		"given up, and it trains":                     {from: notReady, facts: edits{healthy, withNode(node{}), because(v1alpha1.VMNodeNotReady), training}, to: notReady, reason: v1alpha1.VMNodeNotReady},
		"given up, and is Ready again":                {from: notReady, facts: edits{healthy, because(v1alpha1.VMNodeNotReady)}, to: isReady},
		"given up, then preempted":                    {from: notReady, facts: edits{healthy, because(v1alpha1.VMNodeNotReady), status("STOPPING"), preempted}, to: stopping, reason: v1alpha1.VMPreempted},
		"not Ready, Ready again":                      {from: notReady, facts: edits{healthy}, to: isReady},
		"given up for joinTimeout":                    {from: notReady, facts: edits{running, joined, because(v1alpha1.VMNodeNotReady), lasting(16 * time.Minute)}, to: deleting, reason: v1alpha1.VMNodeNotReady},
		"its agent has told a pod":                    {from: isReady, facts: edits{healthy, told}, to: stopping, reason: v1alpha1.VMPreempted},
		"its agent has the notice":                    {from: isReady, facts: edits{healthy, noticed}, to: stopping, reason: v1alpha1.VMPreempted},
		"noticed, and its Node is deleted":            {from: stopping, facts: edits{running, joined, because(v1alpha1.VMPreempted)}, to: stopping, reason: v1alpha1.VMPreempted},
		"noticed near its run limit":                  {from: isReady, facts: edits{healthy, noticed, func(m *machine) { m.runsUntil, m.seen.created = noon.Add(20*time.Minute), ago(time.Hour) }}, to: stopping, reason: v1alpha1.VMPreempted},
		"noticed, then a user's stop":                 {from: stopping, facts: edits{healthy, noticed, status("STOPPING"), stoppedVM, because(v1alpha1.VMPreempted)}, to: stopping, reason: v1alpha1.VMPreempted},
		"unread, noticed":                             {from: isReady, facts: edits{healthy, noticed, unreadable}, to: stopping, reason: v1alpha1.VMPreempted},
		"pool deleted, noticed":                       {from: stopping, facts: edits{healthy, noticed, because(v1alpha1.VMPreempted)}, world: func(o *observed) { o.finalizing = true }, to: deleting, reason: v1alpha1.VMPoolDeleted},
		"STOPPING, nobody knows why":                  {from: isReady, facts: edits{healthy, status("STOPPING")}, to: stopping},
		"STOPPING, preempted":                         {from: isReady, facts: edits{healthy, status("STOPPING"), preempted}, to: stopping, reason: v1alpha1.VMPreempted},
		"STOPPING, a user's stop":                     {from: isReady, facts: edits{healthy, status("STOPPING"), stoppedVM}, to: stopping, reason: v1alpha1.VMStopped},
		"TERMINATED":                                  {from: stopping, facts: edits{status("TERMINATED")}, to: stopping},
		"STOPPED":                                     {from: isReady, facts: edits{healthy, status("STOPPED")}, to: stopping},
		"SUSPENDING":                                  {from: isReady, facts: edits{healthy, status("SUSPENDING")}, to: stopping},
		"REPAIRING":                                   {from: isReady, facts: edits{healthy, status("REPAIRING")}, to: stopping},
		"a Node that is Ready after its VM stops":     {from: joining, facts: edits{status("STOPPING"), withNode(node{ready: true, gpus: 1})}, to: stopping},
		"20 minutes before its run limit":             {from: isReady, facts: edits{healthy, func(m *machine) { m.runsUntil, m.seen.created = noon.Add(20*time.Minute), ago(time.Hour) }}, to: stopping, reason: v1alpha1.VMRunLimit},
		"21 minutes before its run limit":             {from: isReady, facts: edits{healthy, func(m *machine) { m.runsUntil, m.seen.created = noon.Add(21*time.Minute), ago(time.Hour) }}, to: isReady},
		"a short run is used at least by half":        {from: isReady, facts: edits{healthy, func(m *machine) { m.runsUntil, m.seen.created = noon.Add(16*time.Minute), ago(14*time.Minute) }}, to: isReady},
		"left for its run limit, then preempted":      {from: stopping, facts: edits{because(v1alpha1.VMRunLimit), status("STOPPING"), preempted}, to: stopping, reason: v1alpha1.VMPreempted},
		"Ready, absent":                               {from: isReady, facts: edits{joined}, to: gone, reason: v1alpha1.VMLost},
		"Ready, absent, preempted":                    {from: isReady, facts: edits{joined, preempted}, to: gone, reason: v1alpha1.VMPreempted},
		"Stopping, absent, a user's stop":             {from: stopping, facts: edits{joined, stoppedVM}, to: gone, reason: v1alpha1.VMStopped},
		"gone, and it turns out why":                  {from: gone, facts: edits{joined, because(v1alpha1.VMLost), preempted}, to: gone, reason: v1alpha1.VMPreempted},
		"deleted before it joined, its Node is left":  {from: deleting, facts: edits{because(v1alpha1.VMJoinTimeout), withNode(node{ready: true, gpus: 1})}, to: gone, reason: v1alpha1.VMJoinTimeout},
		"gone, deleted by us":                         {from: deleting, facts: edits{joined, because(v1alpha1.VMNotNeeded), stoppedVM}, to: gone, reason: v1alpha1.VMNotNeeded},
		"gone, and there again":                       {from: gone, facts: edits{healthy}, to: isReady},
		"deleting, still there":                       {from: deleting, facts: edits{healthy, because(v1alpha1.VMNotNeeded)}, to: deleting, reason: v1alpha1.VMNotNeeded},
		"deleting, and its insert fails for that":     {from: deleting, facts: edits{because(v1alpha1.VMNotNeeded), failed(gce.Invalid)}, to: gone, reason: v1alpha1.VMNotNeeded},
		"deleted, which status forgot, and failed":    {from: creating, facts: edits{failed(gce.Stockout), func(m *machine) { m.dismissal = v1alpha1.VMJoinTimeout }}, to: gone, reason: v1alpha1.VMJoinTimeout},
		"deleting, its insert is in flight":           {from: deleting, facts: edits{because(v1alpha1.VMPoolDeleted), inserted(gce.Operation{})}, to: deleting, reason: v1alpha1.VMPoolDeleted},
		"unread, Node Ready":                          {from: isReady, facts: edits{healthy, unreadable}, to: isReady},
		"unread, Node not Ready":                      {from: isReady, facts: edits{joined, unreadable}, to: unread},
		"unread, no Node yet":                         {from: creating, facts: edits{unreadable}, to: unread},
		"unread, planned":                             {from: planned, facts: edits{unreadable}, to: unread},
		"unread, planned by the last answer":          {from: planned, facts: edits{unreadable, unrecorded}, to: planned},
		"unread, on its way out":                      {from: stopping, facts: edits{unreadable, because(v1alpha1.VMPreempted)}, to: stopping, reason: v1alpha1.VMPreempted},
		"unread, being deleted":                       {from: deleting, facts: edits{unreadable, because(v1alpha1.VMNotNeeded)}, to: deleting, reason: v1alpha1.VMNotNeeded},
		"unread, gone":                                {from: gone, facts: edits{unreadable, because(v1alpha1.VMLost)}, to: gone, reason: v1alpha1.VMLost},
		"unread while planned, read again, never was": {from: unread, to: gone, reason: v1alpha1.VMNotNeeded},
		"unread while Ready, read again, absent":      {from: unread, facts: edits{joined}, to: gone, reason: v1alpha1.VMLost},
		"pool deleted, VM there":                      {from: isReady, facts: edits{healthy}, world: func(o *observed) { o.finalizing = true }, to: deleting, reason: v1alpha1.VMPoolDeleted},
		"pool deleted, planned, perhaps sent":         {from: planned, world: func(o *observed) { o.finalizing = true }, to: deleting, reason: v1alpha1.VMPoolDeleted},
		"pool deleted, its plan may still come":       {from: deleting, facts: edits{because(v1alpha1.VMPoolDeleted), lasting(14 * time.Second)}, world: func(o *observed) { o.finalizing = true }, to: deleting, reason: v1alpha1.VMPoolDeleted},
		"pool deleted, its plan never came":           {from: deleting, facts: edits{because(v1alpha1.VMPoolDeleted), lasting(15 * time.Second)}, world: func(o *observed) { o.finalizing = true }, to: gone, reason: v1alpha1.VMPoolDeleted},
		"failed before the spec was edited":           {from: gone, facts: edits{because(v1alpha1.VMJoinTimeout)}, world: func(o *observed) { o.edited = true }, to: gone, reason: v1alpha1.VMSuperseded},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts()
			if c.world != nil {
				c.world(&o)
			}
			before := vm(0, c.from, c.facts...)
			after := advance(o, before)
			require.Equal(t, c.to, after.state)
			require.Equal(t, c.reason, after.reason)
			if c.from == c.to {
				require.Equal(t, before.since, after.since, "since moves with the state only")
			} else {
				require.Equal(t, noon, after.since)
			}
			again := advance(o, after)
			require.Equal(t, after, again, "nothing happened, and it changed")
		})
	}
}

func TestWanted(t *testing.T) {
	three := 3
	for name, c := range map[string]struct {
		settings settings
		demand   int
		want     int
	}{
		"follows demand":        {settings{maximum: 10}, 4, 4},
		"at most maximum":       {settings{maximum: 3}, 4, 3},
		"at least minimum":      {settings{minimum: 2, maximum: 10}, 0, 2},
		"fixed":                 {settings{fixed: &three, maximum: 10}, 9, 3},
		"fixed beyond maximum":  {settings{fixed: &three, maximum: 2}, 0, 2},
		"fixed below minimum":   {settings{fixed: &three, minimum: 5, maximum: 10}, 0, 5},
		"maximum beats minimum": {settings{minimum: 5, maximum: 4}, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, wanted(observed{settings: c.settings, wants: replicas(c.demand)}))
		})
	}
}

func TestSupply(t *testing.T) {
	for name, c := range map[string]struct {
		m    machine
		want bool
	}{
		"planned":               {vm(0, v1alpha1.InstancePlanned), true},
		"creating":              {vm(0, v1alpha1.InstanceCreating), true},
		"joining":               {vm(0, v1alpha1.InstanceJoining), true},
		"Ready":                 {vm(0, v1alpha1.InstanceReady), true},
		"not Ready, waited for": {vm(0, v1alpha1.InstanceNotReady), true},
		"not Ready, given up":   {vm(0, v1alpha1.InstanceNotReady, because(v1alpha1.VMNodeNotReady)), false},
		"stopping":              {vm(0, v1alpha1.InstanceStopping), false},
		"deleting":              {vm(0, v1alpha1.InstanceDeleting), false},
		"gone":                  {vm(0, v1alpha1.InstanceGone), false},
		"unread for 59 seconds": {vm(0, v1alpha1.InstanceUnknown, lasting(59*time.Second)), true},
		"unread for a minute":   {vm(0, v1alpha1.InstanceUnknown, lasting(time.Minute)), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, isSupply(facts(), c.m)) })
	}
}

// A Node outlives its VM for a while. It must not turn a failed start into a success.
func TestOnlyAVMThatExistsJoins(t *testing.T) {
	working := withNode(node{ready: true, gpus: 1})
	for name, c := range map[string]struct {
		m    machine
		want bool
	}{
		"it runs":        {vm(0, v1alpha1.InstanceJoining, running, working), true},
		"not yet read":   {vm(0, v1alpha1.InstanceJoining, unreadable, working), true},
		"it stops":       {vm(0, v1alpha1.InstanceJoining, status("STOPPING"), working), false},
		"it is gone":     {vm(0, v1alpha1.InstanceDeleting, working), false},
		"its GPUs lack":  {vm(0, v1alpha1.InstanceJoining, running, withNode(node{ready: true})), false},
		"it had, before": {vm(0, v1alpha1.InstanceGone, joined), true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, advance(facts(), c.m).joined) })
	}
}
