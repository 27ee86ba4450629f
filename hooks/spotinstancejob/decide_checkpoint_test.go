package spotinstancejob

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestCheckpointSchedule(t *testing.T) {
	alone := and(replicas(1), ready("vm-0"))
	train := func(since time.Duration) fact { return anAttempt(0, 1, trains("vm-0", since)) }
	failedTwice := and(
		aCheckpoint("f1", 0, 1, 4*time.Hour, time.Hour, inPhase("Failed")),
		aCheckpoint("f2", 0, 1, 3*time.Hour, 2*time.Hour, inPhase("CompletedWithError"), afterFailures(1)),
	)
	checkTales(t, map[string]tale{
		"the first is due an interval after the start": {given: []fact{alone, train(29 * time.Minute)}, want: "Running; keep r0-a1; resync 1m0s"},
		"due": {given: []fact{alone, train(30 * time.Minute)}, want: "Running; keep r0-a1; checkpoint r0-a1 scheduled"},
		"two replicas take turns": {
			given: []fact{peers(40 * time.Minute)}, want: "Running; keep r0-a1 r1-a1; checkpoint r0-a1 scheduled; resync 5m0s",
		},
		"each holds more than the best when its turn comes": {
			given: []fact{peers(45 * time.Minute), aCheckpoint("a", 0, 1, 15*time.Minute, 30*time.Minute, done(10*time.Minute))},
			want:  "Running; keep r0-a1 r1-a1; checkpoint r1-a1 scheduled; resync 15m0s",
		},
		"next is an interval after the last was asked for": {
			given: []fact{alone, train(time.Hour), aCheckpoint("a", 0, 1, 29*time.Minute, 31*time.Minute, done(20*time.Minute))},
			want:  "Running; keep r0-a1; resync 1m0s",
		},
		"never two in flight for a pod": {
			given: []fact{alone, train(2 * time.Hour), aCheckpoint("a", 0, 1, 14*time.Minute, time.Hour, inPhase("ImageBuilding"))},
			want:  "Running; keep r0-a1; resync 1m0s",
		},
		"none of a pod that holds less than the best": {
			given: []fact{alone, train(time.Hour), aCheckpoint("best", 1, 1, time.Hour, 61*time.Minute, done(50*time.Minute))},
			want:  "Running; keep r0-a1; resync 1m0.001s",
		},
		"none on a doomed VM": {
			given: []fact{replicas(1), aVM("vm-0", v1alpha1.InstanceNotReady, time.Second), train(time.Hour), noRescue},
			want:  "Recovering; keep r0-a1; start r0-a2",
		},
		"none where the zone is unreadable": {
			given: []fact{replicas(1), aVM("vm-0", v1alpha1.InstanceUnknown, time.Second), train(time.Hour)}, want: "Running; keep r0-a1",
		},
		"a failed one doubles the wait": {
			given: []fact{alone, train(2 * time.Hour), aCheckpoint("f", 0, 1, 59*time.Minute, time.Hour, inPhase("Failed"))},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running; CheckpointingStalled:CheckpointsFail",
		},
		"a second failure doubles it again": {
			given: []fact{alone, train(5 * time.Hour), failedTwice}, want: "Running; keep r0-a1; checkpoint r0-a1 scheduled",
		},
		"the wait has an end": {
			given: []fact{alone, train(30 * time.Hour), aCheckpoint("f", 0, 1, 359*time.Minute, time.Hour, inPhase("Failed"), afterFailures(40))},
			want:  "Running; keep r0-a1; resync 1m0s",
		},
		"the wait is never below the interval": {
			given: []fact{alone, interval(7 * time.Hour), train(30 * time.Hour), aCheckpoint("f", 0, 1, 419*time.Minute, time.Hour, inPhase("Failed"))},
			want:  "Running; keep r0-a1; resync 1m0s",
		},
		"a completed one ends the back-off": {
			given: []fact{alone, train(5 * time.Hour), failedTwice, aCheckpoint("ok", 0, 1, 29*time.Minute, 4*time.Hour, done(20*time.Minute))},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running",
		},
		"completed without images is a failure": {
			given: []fact{alone, train(2 * time.Hour), aCheckpoint("f", 0, 1, 59*time.Minute, time.Hour, inPhase("Completed"))},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running; CheckpointingStalled:CheckpointsFail",
		},
		"abandoned after timeout is a failure": {
			given: []fact{alone, train(2 * time.Hour), aCheckpoint("f", 0, 1, 59*time.Minute, time.Hour, inPhase("ImagePushing"))},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running; CheckpointingStalled:CheckpointsFail",
		},
		"nobody looked at it": {
			given: []fact{alone, train(2 * time.Hour), aCheckpoint("f", 0, 1, 59*time.Minute, time.Hour)},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running; CheckpointingStalled:AgentSilent",
		},
		"one that died with its pod says nothing": {
			given: []fact{alone, anAttempt(0, 2, trains("vm-0", 29*time.Minute)), aCheckpoint("f", 0, 1, time.Hour, time.Hour, inPhase("Checkpointing"))},
			want:  "Running; keep r0-a2; resync 1m0s", reported: "r0 Running; NoUsableCheckpoint:StartedOver",
		},
		"a deletion that hangs": {
			given: []fact{alone, train(29 * time.Minute), aCheckpoint("f", 9, 9, time.Hour, time.Hour, done(50*time.Minute), backupDeleting(15*time.Minute))},
			want:  "Running; keep r0-a1; resync 1m0s", reported: "r0 Running; CheckpointingStalled:AgentKeepsFinalizer",
		},
		"one deleted by hand is made again": {
			given: []fact{alone, train(40 * time.Minute)}, want: "Running; keep r0-a1; checkpoint r0-a1 scheduled",
		},
	})
}

func interval(d time.Duration) fact {
	return func(w *world) {
		w.job.Spec.CheckpointConfig.CheckpointInterval = v1alpha1.CheckpointInterval{Duration: d}
	}
}

func TestCheckpointsKept(t *testing.T) {
	done := func(name string, replica int32, progress time.Duration, parts ...checkpointPart) fact {
		return aCheckpoint(name, replica, 7, time.Hour+progress, progress, append(parts, done(50*time.Minute))...)
	}
	failed := func(name string, asked time.Duration) fact {
		return aCheckpoint(name, 0, 1, asked, time.Minute, inPhase("Failed"))
	}
	quiet := and(replicas(1), ready("vm-0"), interval(48*time.Hour), anAttempt(0, 1, trains("vm-0", 2*time.Minute)))
	const keep = "Running; keep r0-a1; "
	checkTales(t, map[string]tale{
		"the three best":                   {given: []fact{quiet, done("a", 0, 1), done("b", 0, 2*time.Second), done("c", 1, 3*time.Second), done("d", 0, 4*time.Second)}, want: keep + "drop a; resync 47h58m0s"},
		"as many as retain says":           {given: []fact{quiet, retain(1), done("a", 0, time.Second), done("b", 0, 2*time.Second)}, want: keep + "drop a; resync 47h58m0s"},
		"unusable ones go first":           {given: []fact{quiet, retain(1), done("a", 0, time.Second), done("b", 0, 2*time.Second, ofGPU("other/1"))}, want: keep + "drop b; resync 47h58m0s"},
		"those in flight":                  {given: []fact{quiet, retain(1), done("a", 0, time.Second), aCheckpoint("b", 0, 1, time.Minute, 0)}, want: keep + "resync 14m0s"},
		"what an attempt started from":     {given: []fact{replicas(1), retain(1), ready("vm-0"), done("a", 3, time.Second), done("b", 3, 2*time.Second), anAttempt(0, 2, restored("a", time.Second), trains("vm-0", time.Minute))}, want: "Running; keep r0-a2; resync 29m0s"},
		"two failures of a replica":        {given: []fact{quiet, failed("f1", 4*time.Hour), failed("f2", 3*time.Hour), failed("f3", 2*time.Hour)}, want: keep + "drop f1; resync 46h0m0s"},
		"abandoned ones count as failures": {given: []fact{quiet, failed("f1", 4*time.Hour), aCheckpoint("f2", 0, 7, 3*time.Hour, time.Minute), failed("f3", 2*time.Hour)}, want: keep + "drop f1; resync 46h0m0s"},
	})
}

// TestCheckpointsOfManyReplicasKeepTheirPace: when more replicas take turns than checkpoints are kept, each replica's
// last one is kept, too, or it would be due again at once.
func TestCheckpointsOfManyReplicasKeepTheirPace(t *testing.T) {
	facts := []fact{replicas(5), retain(1)}
	for r := range int32(5) {
		vm := fmt.Sprintf("vm-%d", r)
		facts = append(facts, ready(vm), anAttempt(r, 1, trains(vm, 56*time.Minute)),
			aCheckpoint(fmt.Sprintf("ckpt-%d", r), r, 1, time.Duration(26-6*r)*time.Minute, time.Duration(30+6*r)*time.Minute, done(time.Minute)))
	}
	o, d := given(facts...).decide(t)
	assert.Equal(t, "Running; keep r0-a1 r1-a1 r2-a1 r3-a1 r4-a1; resync 4m0s", told(o, d))
}

func TestLongIntervalsDoNotOverflow(t *testing.T) {
	facts := []fact{replicas(64), interval(500_000 * time.Hour)}
	for r := range int32(64) {
		vm := fmt.Sprintf("vm-%d", r)
		facts = append(facts, ready(vm), anAttempt(r, 1, trains(vm, time.Hour)))
	}
	_, d := given(facts...).decide(t)
	assert.Empty(t, d.backups)
}
