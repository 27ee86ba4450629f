package spotinstancejob

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// worlds is how many are tried: enough to find each of the mistakes that this test has found.
const worlds = 300

// TestLawsOnRandomWorlds asks for worlds that nobody thought of. The seed names the world.
func TestLawsOnRandomWorlds(t *testing.T) {
	for seed := range uint64(worlds) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 1)))
		at := fmt.Sprintf("seed %d", seed)
		o, d := w.decide(t)
		checkChildren(t, at, o, d)
		checkDecision(t, at, o, d)

		w.job.Status = renderStatus(o, d)
		o, d = w.decide(t) // the same children, as if the cache of children were stale
		checkChildren(t, at, o, d)
		require.GreaterOrEqual(t, renderStatus(o, d).Preemptions, w.job.Status.Preemptions, at)
		require.Equal(t, toJSON(t, w.job.Status), toJSON(t, settled(t, w, 1)), "%s: nothing happened", at)
		require.Equal(t, render(o, d), render(o, decide(o)), "%s: decide changed its input", at)
	}
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return string(data)
}

// checkChildren: each child is listed once, and no name was ever used by another.
func checkChildren(t *testing.T, at string, o observed, d decision) {
	t.Helper()
	listed := map[string]bool{}
	list := func(name string) {
		require.False(t, listed[name], "%s: %s is listed twice", at, name)
		listed[name] = true
	}
	for _, name := range append(append([]string{}, d.keepJobs...), d.keepBacks...) {
		list(name)
	}
	for _, a := range d.attempts {
		list(jobName(o.job, a.replica, a.attempt))
		for _, old := range o.attempts {
			require.False(t, old.replica == a.replica && old.attempt >= a.attempt, "%s: attempt number %d is not new", at, a.attempt)
		}
	}
	for _, b := range d.backups {
		list(b.name)
		require.False(t, (&survey{observed: o}).exists(b.name), "%s: %s exists", at, b.name)
	}
}

// checkDecision: what is final stays so, an attempt is replaced only once, and nobody goes before its successor exists.
func checkDecision(t *testing.T, at string, o observed, d decision) {
	t.Helper()
	if over := d.phase == v1alpha1.JobSucceeded || d.phase == v1alpha1.JobFailed || d.phase == v1alpha1.JobSuspended; over {
		require.Empty(t, d.attempts, at)
		return
	}
	slots, known := map[int32]bool{}, slices.Clone(d.keepJobs)
	for _, status := range o.job.Status.JobStatuses {
		known = append(known, status.Name)
	}
	for _, a := range d.attempts {
		known = append(known, jobName(o.job, a.replica, a.attempt))
	}
	for _, r := range d.replicas {
		slots[r.number] = true
		require.Contains(t, known, r.newest.name, at)
	}
	for _, a := range d.attempts {
		slots[a.replica] = true
		require.Empty(t, (&survey{observed: o}).heldBy(a.replica), at)
	}
	if !o.job.Spec.Suspend {
		require.Len(t, slots, int((&survey{observed: o}).replicas()), at)
	}
	for _, b := range d.backups {
		require.True(t, b.of.started(), at)
	}
}

// randomWorld has up to three replicas with up to three attempts each, in any state, on VMs in any state.
func randomWorld(random *rand.Rand) world {
	minutes := func(n int) time.Duration { return time.Duration(random.IntN(n*60)) * time.Second }
	states := []v1alpha1.InstanceState{"", v1alpha1.InstanceReady, v1alpha1.InstanceReady, v1alpha1.InstanceStopping, v1alpha1.InstanceNotReady, v1alpha1.InstanceGone, v1alpha1.InstanceUnknown, v1alpha1.InstanceDeleting}
	phases := []string{"", v1alpha1.ReplicaRunning, v1alpha1.ReplicaLost, v1alpha1.ReplicaDoomed, v1alpha1.ReplicaBackingOff, v1alpha1.ReplicaSucceeded}
	facts := []fact{replicas(3)}
	for r := range random.Int32N(4) {
		newest := random.Int32N(4)
		for n := int32(1); n <= newest; n++ {
			vm, since := fmt.Sprintf("vm-%d-%d", r, n), minutes(90)
			facts = append(facts, aVM(vm, states[random.IntN(len(states))], minutes(5)))
			parts := [][]part{
				{},
				{noPod},
				{on(vm, since)},
				{trains(vm, since)},
				{trains(vm, since)},
				{trains(vm, since), podDeleted(minutes(2))},
				{trains(vm, since), jobDeleting},
				{failedOn(vm, since, minutes(2))},
				{completedOn(vm, since, minutes(2))},
				{exited(vm, since, 0, minutes(1))},
				{failedOn(vm, since, minutes(1)), noPod},
				{trains(vm, since), jobIs(batchv1.JobFailureTarget, minutes(1))},
			}[random.IntN(12)]
			if random.IntN(3) == 0 {
				parts = append(parts, restored("ckpt-0", minutes(60)))
			}
			facts = append(facts, anAttempt(r, n, parts...))
			if phase := phases[random.IntN(len(phases))]; phase != "" && n == newest {
				facts = append(facts, status(r, n, phase, random.Int32N(3)))
			}
		}
	}
	for i := range random.IntN(5) {
		parts := [][]checkpointPart{{}, {done(minutes(20))}, {done(minutes(20))}, {inPhase("Failed")}, {inPhase("Completed")}, {done(minutes(9)), backupDeleting(minutes(20))}}[random.IntN(6)]
		facts = append(facts, aCheckpoint(fmt.Sprintf("ckpt-%d", i), random.Int32N(3), 1+random.Int32N(3), minutes(60), minutes(60), parts...))
	}
	if random.IntN(6) == 0 {
		facts = append(facts, suspended)
	}
	if random.IntN(3) == 0 {
		facts = append(facts, savesItself)
	}
	return given(facts...)
}
