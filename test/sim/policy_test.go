package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// hours makes a trace of one row an hour, with the capacity of each zone in each hour.
func hours(zones []string, capacity ...[]int) Trace {
	trace := Trace{Zones: zones}
	for i, c := range capacity {
		trace.Rows = append(trace.Rows, TraceRow{At: time.Duration(i) * time.Hour, Capacity: c})
	}
	return trace
}

func every(d time.Duration) v1alpha1.CheckpointInterval {
	return v1alpha1.CheckpointInterval{Duration: d}
}

func inTwoZones(lasts time.Duration, capacity ...[]int) Circumstances {
	return Circumstances{
		Seed: 1, Trace: hours([]string{"us-east1-b", "us-east1-c"}, capacity...), Lasts: lasts,
		Boot: time.Minute, Checkpoint: 3 * time.Minute, Notice: 2 * time.Minute,
	}
}

// run runs a policy, and checks what must hold of every outcome.
func run(t *testing.T, c Circumstances, p Policy) Outcome {
	t.Helper()
	o, err := Run(c, p)
	require.NoError(t, err)
	assert.Equal(t, c.Lasts, o.Progress+o.Lost+o.Stalled)
	assert.GreaterOrEqual(t, o.Stalled, time.Duration(0))
	assert.LessOrEqual(t, o.VMTime(), time.Duration(2*p.Replicas)*c.Lasts)
	assert.Equal(t, o.Progress, o.Curve[len(o.Curve)-1])
	return o
}

// One VM, checkpoints every 20 minutes that take 3, preempted after 2 hours with 2 minutes of notice; there is room in the
// other zone. A checkpoint begins 20, 40, 60, 80, 100 and 120 minutes after the start, or a little later.
func TestOnePreemption(t *testing.T) {
	c := inTwoZones(4*time.Hour-time.Minute, []int{1, 0}, []int{1, 0}, []int{0, 1}, []int{0, 1})
	o := run(t, c, Policy{Replicas: 1, Interval: every(20 * time.Minute), Zones: c.Trace.Zones, Operator: Hooks})
	assert.Equal(t, 1, o.Preemptions)
	assert.Less(t, o.Lost, 25*time.Minute)
	assert.Greater(t, o.Goodput(), 0.85)
	assert.InDelta(t, 4, o.VMTime().Hours(), 0.1)
	assert.InDelta(t, 2, o.Billed["us-east1-c"].Hours(), 0.1)
	assert.GreaterOrEqual(t, o.Checkpoints, 9)

	none := run(t, c, Policy{Replicas: 1, Zones: c.Trace.Zones, Operator: Hooks})
	assert.Zero(t, none.Checkpoints)
	assert.InDelta(t, 2, none.Lost.Hours(), 0.1, "all that was trained until then")
	assert.InDelta(t, 2, none.Progress.Hours(), 0.15)

	stuck := run(t, c, Policy{Replicas: 1, Interval: every(20 * time.Minute), Zones: c.Trace.Zones[:1], Operator: Hooks})
	assert.Greater(t, stuck.Stalled, 110*time.Minute, "one zone without capacity")
}

// A checkpoint that freezes its program costs that time, and nothing that was trained before.
func TestFreeze(t *testing.T) {
	c := inTwoZones(4*time.Hour-time.Minute, []int{1, 1}, []int{1, 1}, []int{1, 1}, []int{1, 1})
	p := Policy{Replicas: 1, Interval: every(20 * time.Minute), Zones: c.Trace.Zones, Operator: Hooks}
	without := run(t, c, p)
	c.Freeze = time.Minute
	with := run(t, c, p)
	assert.Equal(t, without.Checkpoints, with.Checkpoints)
	assert.InDelta(t, float64(with.Checkpoints), (with.Stalled - without.Stalled).Minutes(), 1.1, "a minute each; the last may be in flight")
	assert.Zero(t, with.Lost)
}

// An interval that the operator chooses follows from what a checkpoint costs.
func TestAutoIntervalFollowsTheCost(t *testing.T) {
	c := inTwoZones(12*time.Hour, []int{1, 1}, []int{1, 1})
	p := Policy{Replicas: 1, Interval: v1alpha1.CheckpointInterval{Auto: true}, Zones: c.Trace.Zones, Operator: Hooks}
	made := func(checkpoint time.Duration) int {
		c.Checkpoint, c.Freeze = checkpoint, checkpoint/2
		return run(t, c, p).Checkpoints
	}
	cheap, dear := made(time.Minute), made(10*time.Minute)
	assert.InDelta(t, 12*60/25, cheap, 6, "5 minutes, then about 25")
	assert.InDelta(t, 12*60/85, dear, 3, "5 minutes, then about 85")
}

func TestSameSeedSameOutcome(t *testing.T) {
	zones := []string{"us-east1-b", "us-east1-c"}
	c := Circumstances{Seed: 7, Trace: Synthesize(7, zones, 24*time.Hour), Lasts: 12 * time.Hour, Boot: 2 * time.Minute, Checkpoint: 3 * time.Minute}
	for _, operator := range []Operator{Hooks, Original, Nursed} {
		p := Policy{Replicas: 2, Interval: every(30 * time.Minute), Zones: zones, Operator: operator}
		first := run(t, c, p)
		assert.NotZero(t, first.Preemptions, "%s", operator)
		assert.Equal(t, first, run(t, c, p), "%s", operator)
	}
}

// Pools that rest come to the same as those that are looked at every minute, with fewer calls.
func TestPoolsAtRest(t *testing.T) {
	c := inTwoZones(5*time.Hour, []int{2, 2}, []int{2, 2}, []int{1, 2}, []int{0, 2}, []int{2, 0})
	p := Policy{Replicas: 2, Interval: every(30 * time.Minute), Zones: c.Trace.Zones, Operator: Hooks}
	resting := run(t, c, p)
	c.Restless = true
	restless := run(t, c, p)
	assert.Equal(t, restless.Preemptions, resting.Preemptions)
	assert.InDelta(t, restless.Progress.Minutes(), resting.Progress.Minutes(), 2)
	assert.InDelta(t, restless.Lost.Minutes(), resting.Lost.Minutes(), 2)
	assert.Less(t, resting.HookCalls, restless.HookCalls)
}

// A pool at rest is looked at every 5 minutes, but within a minute of what GCE does.
func TestSleeperWakes(t *testing.T) {
	w := tell(t)
	letSleep(w.World)
	var looks []time.Time
	w.Servers.Observe(func(c Call) {
		if c.Path == "/spotinstancevm/sync" {
			looks = append(looks, c.At)
		}
	})
	w.do("pool spot zones=a replicas=1")
	w.Advance(20 * time.Minute)
	looks = nil
	w.Advance(20 * time.Minute)
	assert.LessOrEqual(t, len(looks), 7, "Metacontroller looks at all parents every 30 minutes, too, and after each of two steps of its account")
	looks = nil
	w.Advance(12 * time.Second)
	require.NoError(t, w.GCE.Crash(w.running()[0]))
	w.Advance(watchedInterval)
	assert.NotEmpty(t, looks)
}

// The original makes no periodic checkpoints, and asks for a VM only once the survivor's checkpoint has completed.
func TestOriginalIsSerial(t *testing.T) {
	c := inTwoZones(4*time.Hour, []int{2, 0}, []int{1, 0}, []int{2, 0}, []int{2, 0})
	o := run(t, c, Policy{Replicas: 2, Zones: c.Trace.Zones, Operator: Original})
	assert.Equal(t, 1, o.Preemptions)
	assert.Equal(t, 1, o.Checkpoints)
	assert.Greater(t, o.Goodput(), 0.95, "the survivor trains on")

	w := meteredWorld(t)
	original := newOriginal(w.World, Policy{Replicas: 2, Zones: []string{"us-central1-a"}, Operator: Original})
	original.poll()
	inserts := func() int { return w.GCE.Calls()[gcefake.Insert] }
	w.until("both train", func() bool { return original.survivor() != nil && original.slots[1].pod != Key{} })
	w.Advance(time.Hour)
	require.Empty(t, w.API.List("CheckpointBackup"), "nothing is periodic")
	require.NoError(t, w.GCE.Preempt(original.slots[0].vm))
	w.until("the checkpoint", func() bool { return len(w.API.List("CheckpointBackup")) == 1 })
	begun := w.Clock.Now()
	w.until("it completes", func() bool { return w.meter.saves == 1 })
	assert.Equal(t, 2, inserts(), "no VM was asked for until now")
	done := w.Clock.Now()
	assert.Greater(t, done.Sub(begun), 3*time.Minute)
	w.until("the VM", func() bool { return inserts() == 3 })
	assert.LessOrEqual(t, w.Clock.Now().Sub(done), 10*time.Second)
	w.until("it is restored", func() bool { return original.slots[0].pod != Key{} })
	w.Advance(time.Minute)
	restored := As[*corev1.Pod](w.API.Get(original.slots[0].pod))
	assert.Greater(t, w.Machines.Progress(restored), time.Hour)
	require.NoError(t, w.GCE.Preempt(restored.Spec.NodeName))
	w.Advance(time.Hour)
	assert.Equal(t, 4, inserts(), "a VM is asked for")
	assert.Len(t, w.running(), 2, "and idles")
	assert.Equal(t, Key{}, original.slots[0].pod)
	assert.Equal(t, 1, w.meter.saves)
}

// What ends a job for good under the original does not when it is nursed.
func TestOriginalEnds(t *testing.T) {
	for name, capacity := range map[string][][]int{
		"both are lost at once":         {{2, 0}, {0, 0}, {2, 0}, {2, 0}, {2, 0}},
		"the replacements are lost too": {{2, 0}, {1, 0}, {2, 0}, {0, 0}, {2, 0}},
	} {
		c := inTwoZones(5*time.Hour, capacity...)
		c.Lasts += 4 * time.Hour
		p := Policy{Replicas: 2, Zones: c.Trace.Zones, Operator: Original}
		o := run(t, c, p)
		p.Operator = Nursed
		nursed := run(t, c, p)
		assert.Greater(t, nursed.Progress, o.Progress+time.Hour, name)
	}
}
