package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func noRescue(w *world) {
	w.job.Spec.CheckpointConfig.OnPreemption = v1alpha1.PreemptionCheckpointNone
}

// TestRescue tells a preemption from the notice to the successor. Replica 0 is lost or doomed, replica 1 survives; both
// trained for 25 minutes.
func TestRescue(t *testing.T) {
	const trained = 25 * time.Minute
	pair := func(state v1alpha1.InstanceState, since time.Duration, more ...fact) []fact {
		return append([]fact{
			aVM("vm-0", state, since), ready("vm-1"),
			anAttempt(0, 1, trains("vm-0", trained)), anAttempt(1, 1, trains("vm-1", trained)),
		}, more...)
	}
	both := func(more ...fact) []fact {
		return append([]fact{
			stopping("vm-0", 2*time.Second), stopping("vm-1", time.Second),
			anAttempt(0, 1, trains("vm-0", trained)), anAttempt(1, 1, trains("vm-1", trained-time.Minute)),
		}, more...)
	}
	// rescue is the checkpoint of replica 1 that answers the loss of replica 0.
	rescue := func(asked time.Duration, parts ...checkpointPart) fact {
		return func(w *world) {
			pod := &podFacts{uid: podUID(1, 1)}
			name := backupName(&w.job, pod, reasonPreemption, jobName(&w.job, 0, 1))
			aCheckpoint(name, 1, 1, asked, trained-asked, parts...)(w)
		}
	}
	old := aCheckpoint("old", 0, 1, 10*time.Minute, 15*time.Minute, done(6*time.Minute)) // took 4 min
	checkTales(t, map[string]tale{
		"notice: the survivor is checkpointed, the successor waits": {
			given: pair(v1alpha1.InstanceStopping, time.Second), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 9m59s",
		},
		"in flight: waits on": {
			given: pair(v1alpha1.InstanceStopping, time.Minute, rescue(time.Minute)), want: "Recovering; keep r0-a1 r1-a1; resync 9m0s",
		},
		"doomed once, trained again, and doomed: the checkpoint of then does not answer": {
			given: pair(v1alpha1.InstanceStopping, time.Second, rescue(10*time.Minute, done(6*time.Minute)), status(0, 1, v1alpha1.ReplicaRunning, 0)),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 5m59s",
		},
		"the same loss is answered once": {
			given: pair(v1alpha1.InstanceStopping, time.Minute, rescue(10*time.Minute, done(6*time.Minute)), status(0, 1, v1alpha1.ReplicaDoomed, 0)),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from train-preemption-530c762770; resync 20m0s",
		},
		"completed: the successor starts from it": {
			given: pair(v1alpha1.InstanceGone, time.Minute, rescue(50*time.Second, done(time.Second))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from train-preemption-530c762770; resync 29m10s",
		},
		"completed before the pool knew that the VM is gone": {
			given: pair(v1alpha1.InstanceGone, time.Second, rescue(50*time.Second, done(20*time.Second))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from train-preemption-530c762770; resync 29m10s",
		},
		"failed: the successor starts from what there is": {
			given: pair(v1alpha1.InstanceGone, time.Minute, old, rescue(50*time.Second, inPhase("Failed"))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from old; resync 59m10s",
		},
		"overdue by 10 min, unmeasured": {
			given: pair(v1alpha1.InstanceGone, 10*time.Minute, rescue(10*time.Minute)),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2; resync 5m0s",
		},
		"overdue by half of what is measured": {
			given: pair(v1alpha1.InstanceGone, 6*time.Minute, old, rescue(6*time.Minute)),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from old; resync 9m0s",
		},
		"where every checkpoint fails, nobody waits for one": {
			given: pair(v1alpha1.InstanceStopping, time.Second,
				aCheckpoint("broken", 1, 1, 15*time.Minute, 10*time.Minute, inPhase("Failed")),
				aCheckpoint("broken-too", 1, 1, 5*time.Minute, 20*time.Minute, inPhase("Failed"))),
			want: "Recovering; keep r0-a1 r1-a1; start r0-a2; checkpoint r1-a1 preemption",
		},
		"not overdue yet": {
			given: pair(v1alpha1.InstanceGone, 5*time.Minute, old, rescue(5*time.Minute)),
			want:  "Recovering; keep r0-a1 r1-a1; resync 1m0s",
		},
		"a checkpoint that the API server refuses does not hold up the successor": {
			given: pair(v1alpha1.InstanceGone, 10*time.Minute), want: "Recovering; keep r0-a1 r1-a1; start r0-a2; checkpoint r1-a1 preemption",
		},
		"a VM is free and the wait costs more than it saves": {
			given: pair(v1alpha1.InstanceGone, time.Second, ready("vm-2"), aCheckpoint("new", 1, 1, 5*time.Minute, 24*time.Minute, done(time.Minute))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from new; checkpoint r1-a1 preemption",
		},
		"no VM is free: the wait costs nothing": {
			given: pair(v1alpha1.InstanceGone, time.Second, aCheckpoint("new", 1, 1, 5*time.Minute, 24*time.Minute, done(time.Minute))),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 5m59s",
		},
		"a VM is free and the wait saves more than it costs": {
			given: pair(v1alpha1.InstanceGone, time.Second, ready("vm-2"), old),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 5m59s",
		},
		"a scheduled one in flight serves": {
			given: pair(v1alpha1.InstanceGone, time.Second, aCheckpoint("due", 1, 1, time.Minute, 24*time.Minute)),
			want:  "Recovering; keep r0-a1 r1-a1; resync 9m0s",
		},
		"a scheduled one that failed in between is followed by another": {
			given: pair(v1alpha1.InstanceGone, 30*time.Second, aCheckpoint("due", 1, 1, time.Minute, 24*time.Minute, inPhase("Failed"))),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 9m30s",
		},
		"one of the lost replica that completed in the second of its loss is not": {
			given: pair(v1alpha1.InstanceStopping, 0, aCheckpoint("due", 0, 1, time.Minute, 24*time.Minute, done(0))),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m30s",
		},
		"a scheduled one that completed in between is enough": {
			given: pair(v1alpha1.InstanceGone, 30*time.Second, aCheckpoint("due", 1, 1, time.Minute, 24*time.Minute, done(10*time.Second))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from due; resync 29m0s",
		},
		"the best holds more than the survivor could add": {
			given: pair(v1alpha1.InstanceGone, time.Second, aCheckpoint("better", 0, 1, time.Hour, 26*time.Minute, done(50*time.Minute))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from better; resync 20m0s",
		},
		"onPreemption None": {
			given: pair(v1alpha1.InstanceGone, time.Second, noRescue), want: "Recovering; keep r0-a1 r1-a1; start r0-a2; resync 20m0s",
		},
		"NotReady: as doomed as noticed": {
			given: pair(v1alpha1.InstanceNotReady, time.Second), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 9m59s",
		},
		"the survivor's zone is unreadable: it is no survivor": {
			given: []fact{gone("vm-0", time.Second), aVM("vm-1", v1alpha1.InstanceUnknown, time.Second), peersOn("vm-0", "vm-1")},
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2",
		},
		"the survivor with most progress": {
			given: append([]fact{replicas(3), ready("vm-2"), anAttempt(2, 1, trains("vm-2", trained+time.Minute))}, pair(v1alpha1.InstanceGone, time.Second)...),
			want:  "Recovering; keep r0-a1 r1-a1 r2-a1; checkpoint r2-a1 preemption; resync 9m59s",
		},
		"several losers share one checkpoint": {
			given: append([]fact{replicas(3), gone("vm-2", time.Second), anAttempt(2, 1, trains("vm-2", trained))}, pair(v1alpha1.InstanceGone, time.Second)...),
			want:  "Recovering; keep r0-a1 r1-a1 r2-a1; checkpoint r1-a1 preemption; resync 9m59s",
		},
		"several losers start from one checkpoint": {
			given: append([]fact{replicas(3), gone("vm-2", 30*time.Second), anAttempt(2, 1, trains("vm-2", trained))}, pair(v1alpha1.InstanceGone, time.Minute, rescue(50*time.Second, done(time.Second)))...),
			want:  "Recovering; keep r0-a1 r1-a1 r2-a1; start r0-a2 from train-preemption-530c762770; start r2-a2 from train-preemption-530c762770; resync 29m10s",
		},
		"nobody survives: the doomed pod with most progress": {
			given: both(), want: "Recovering; keep r0-a1 r1-a1; checkpoint r0-a1 preemption; resync 9m58s",
		},
		"the second goes a second later: the choice changes": {
			given: both(rescue(time.Second)), want: "Recovering; keep r0-a1 r1-a1; checkpoint r0-a1 preemption; resync 9m58s",
		},
		"both are gone: from what there is": {
			given: []fact{gone("vm-0", time.Second), gone("vm-1", time.Second), peersOn("vm-0", "vm-1"), old},
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from old; start r1-a2 from old",
		},
		"a doomed VM that does not answer cannot be checkpointed": {
			given: []fact{replicas(1), aVM("vm-0", v1alpha1.InstanceNotReady, time.Second), anAttempt(0, 1, trains("vm-0", trained))},
			want:  "Recovering; keep r0-a1; start r0-a2",
		},
	})
}

// TestNotice is about the two minutes of notice that GCE gives the VM of replica 0: a checkpoint of the doomed pod itself, if
// it fits. Replica 1 survives; both trained for 25 minutes.
func TestNotice(t *testing.T) {
	const trained = 25 * time.Minute
	noticed := func(ago time.Duration, more ...fact) []fact {
		return append([]fact{
			ready("vm-0"), ready("vm-1"),
			anAttempt(0, 1, trains("vm-0", trained), isNoticed(ago)), anAttempt(1, 1, trains("vm-1", trained)),
		}, more...)
	}
	// took is a checkpoint of a while ago, which shows how long they take.
	took := func(d time.Duration) fact {
		return aCheckpoint("old", 0, 1, 10*time.Minute, 15*time.Minute, done(10*time.Minute-d))
	}
	own := func(asked time.Duration, parts ...checkpointPart) fact {
		return func(w *world) {
			name := backupName(&w.job, &podFacts{uid: podUID(0, 1)}, reasonPreemption, jobName(&w.job, 0, 1))
			aCheckpoint(name, 0, 1, asked, trained-asked, append(parts, isRescue)...)(w)
		}
	}
	ownName := "train-preemption-bc20813626"
	checkTales(t, map[string]tale{
		"it fits: the doomed pod": {
			given: noticed(time.Second, took(94*time.Second)), want: "Recovering; keep r0-a1 r1-a1; checkpoint r0-a1 preemption; resync 1m59s",
		},
		"it fits hardly: the survivor": {
			given: noticed(time.Second, took(96*time.Second)), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m59s",
		},
		"half of the notice is over: the survivor": {
			given: noticed(time.Minute, took(50*time.Second)), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 15s",
		},
		"nobody knows how long it takes: the survivor": {
			given: noticed(time.Second), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m59s",
		},
		"an hour before the host is maintained: itself, though nobody knows how long it takes": {
			given: []fact{
				ready("vm-0"), ready("vm-1"),
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second), isMaintenance), anAttempt(1, 1, trains("vm-1", trained)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r0-a1 preemption; resync 9m59s",
		},
		"a minute before it, without GPUs: the survivor": {
			given: []fact{
				ready("vm-0"), ready("vm-1"), withoutGPUs,
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second), isMaintenance), anAttempt(1, 1, trains("vm-1", trained)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 59s",
		},
		"the survivor has trained for longer than a checkpoint takes": {
			given: []fact{
				ready("vm-0"), ready("vm-1"), took(time.Minute),
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second)), anAttempt(1, 1, trains("vm-1", trained+61*time.Second)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m29s",
		},
		"it has no more than the best checkpoint: the survivor, who has": {
			given: []fact{
				ready("vm-0"), ready("vm-1"), aCheckpoint("best", 1, 1, 10*time.Minute, trained, done(9*time.Minute)),
				anAttempt(0, 1, trains("vm-0", trained-time.Second), isNoticed(time.Second)), anAttempt(1, 1, trains("vm-1", trained+30*time.Second)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m29s",
		},
		"under way: nobody else is checkpointed, though less time is left than one takes": {
			given: noticed(100*time.Second, took(94*time.Second), own(98*time.Second)), want: "Recovering; keep r0-a1 r1-a1; resync 20s",
		},
		"done: the successor starts from it, and no second one is made": {
			given: noticed(100*time.Second, took(94*time.Second), own(98*time.Second, done(time.Second))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from " + ownName + "; resync 20s",
		},
		"it fails while much is left: the survivor": {
			given: noticed(10*time.Second, took(time.Minute), own(9*time.Second, inPhase("Failed"))),
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m20s",
		},
		"a scheduled one of it that completes after the notice is enough": {
			given: noticed(70*time.Second, took(94*time.Second), aCheckpoint("due", 0, 1, 90*time.Second, 24*time.Minute, done(time.Second))),
			want:  "Recovering; keep r0-a1 r1-a1; start r0-a2 from due; resync 50s",
		},
		"the pool hears of it long after the pod": {
			given: []fact{
				stopping("vm-0", 50*time.Second), ready("vm-1"), took(94 * time.Second), own(98*time.Second, done(time.Second)),
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(100*time.Second)), anAttempt(1, 1, trains("vm-1", trained)),
			},
			want: "Recovering; keep r0-a1 r1-a1; start r0-a2 from " + ownName + "; resync 20s",
		},
		"nobody knows how old the notice is: the survivor": {
			given: []fact{
				ready("vm-0"), ready("vm-1"), took(30 * time.Second),
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second), isLate), anAttempt(1, 1, trains("vm-1", trained)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 44s",
		},
		"the VM stops before it is done: the survivor": {
			given: noticed(121*time.Second, took(94*time.Second), own(119*time.Second)), want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 4.001s",
		},
		"two are noticed: the one with most progress": {
			given: []fact{
				ready("vm-0"), ready("vm-1"), took(30 * time.Second),
				anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second)), anAttempt(1, 1, trains("vm-1", trained+time.Second), isNoticed(time.Second)),
			},
			want: "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 44s",
		},
	})
}

// TestMoves: a pool that leaves a VM by itself gives the replica there the time for a checkpoint of its own.
func TestMoves(t *testing.T) {
	leaves := func(reason string, since time.Duration) fact {
		return func(w *world) {
			stopping("vm-0", since)(w)
			w.pool.Status.ProvisionedInstances[0].Reason = reason
		}
	}
	const trained = 25 * time.Minute
	checkTales(t, map[string]tale{
		"before its run limit": {
			given: []fact{leaves(v1alpha1.VMRunLimit, time.Second), ready("vm-1"), peersOn("vm-0", "vm-1")},
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r0-a1 preemption; resync 9m59s",
		},
		"for a spot VM that is Ready": {
			given: []fact{leaves(v1alpha1.VMSpotIsBack, time.Second), ready("vm-1"), replicas(1), anAttempt(0, 1, trains("vm-0", trained))},
			want:  "Recovering; keep r0-a1; checkpoint r0-a1 preemption; resync 9m59s",
		},
		"preempted meanwhile, with a notice": {
			given: []fact{leaves(v1alpha1.VMRunLimit, time.Minute), ready("vm-1"), anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second)), anAttempt(1, 1, trains("vm-1", trained))},
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 1m59s",
		},
		"preempted meanwhile, and nobody knows when": {
			given: []fact{leaves(v1alpha1.VMRunLimit, time.Minute), ready("vm-1"), anAttempt(0, 1, trains("vm-0", trained), isNoticed(time.Second), isLate), anAttempt(1, 1, trains("vm-1", trained))},
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 preemption; resync 9m0s",
		},
		"its pod is gone": {
			given: []fact{leaves(v1alpha1.VMRunLimit, time.Minute), replicas(1), anAttempt(0, 1), status(0, 1, v1alpha1.ReplicaRunning, 0), onNode("vm-0")},
			want:  "Pending; keep r0-a1",
		},
	})
}

func onNode(node string) fact {
	return func(w *world) { w.job.Status.JobStatuses[len(w.job.Status.JobStatuses)-1].NodeName = node }
}

// TestQuickCheckpointsAreNotOverdueAtOnce: times have whole seconds, so half of a quick checkpoint's time is no measure.
func TestQuickCheckpointsAreNotOverdueAtOnce(t *testing.T) {
	world := func(asked time.Duration) []fact {
		return []fact{
			stopping("vm-0", asked), ready("vm-1"), peersOn("vm-0", "vm-1"),
			aCheckpoint("old", 0, 1, 10*time.Minute, 15*time.Minute, done(10*time.Minute-2*time.Second)),
			aCheckpoint("now", 1, 1, asked, 24*time.Minute, inPhase("ImagePushing"), isRescue),
		}
	}
	o, d := given(world(6 * time.Second)...).decide(t)
	assert.Equal(t, "Recovering; keep r0-a1 r1-a1; resync 1s", told(o, d))
	o, d = given(world(7 * time.Second)...).decide(t)
	assert.Contains(t, told(o, d), "start r0-a2 from old")
}

func TestReadyTellsWhichCheckpointIsWaitedForAndWhy(t *testing.T) {
	took := func(d time.Duration) fact {
		return aCheckpoint("old", 0, 1, 10*time.Minute, 15*time.Minute, done(10*time.Minute-d))
	}
	const goes = "1 of 2 replicas are training; replica 0 is on a VM that is going away, and waits for "
	for want, more := range map[string][]fact{
		goes + "its own checkpoint train-preemption-bc20813626 (one takes 1m30s; GCE gave notice of 2m0s)": {
			ready("vm-0"), took(90 * time.Second), anAttempt(0, 1, trains("vm-0", 25*time.Minute), isNoticed(time.Second)),
		},
		goes + "replica 1's checkpoint train-preemption-530c762770 (one takes 3m0s; GCE gave notice of 2m0s)": {
			ready("vm-0"), took(3 * time.Minute), anAttempt(0, 1, trains("vm-0", 25*time.Minute), isNoticed(time.Second)),
		},
		goes + "replica 1's checkpoint train-preemption-530c762770 (one takes 3m0s)": {
			stopping("vm-0", time.Second), took(3 * time.Minute), anAttempt(0, 1, trains("vm-0", 25*time.Minute)),
		},
		goes + "replica 1's checkpoint train-preemption-530c762770 (how long one takes is not known yet)": {
			stopping("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", 25*time.Minute)),
		},
	} {
		o, d := given(append(more, ready("vm-1"), anAttempt(1, 1, trains("vm-1", 25*time.Minute)))...).decide(t)
		assert.Equal(t, want, meta.FindStatusCondition(renderStatus(o, d).Conditions, v1alpha1.ConditionReady).Message)
	}
}

// isNoticed is what the node agent says of a pod.
func isNoticed(since time.Duration) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) { podCondition(pod, v1alpha1.ConditionPodPreempted, since) }
}

// isLate is said of a notice that the agent found there when it started.
func isLate(_ *batchv1.Job, pod *corev1.Pod) {
	pod.Status.Conditions[len(pod.Status.Conditions)-1].Reason = v1alpha1.ReasonLateNotice
}

// isMaintenance is said when the host will be maintained.
func isMaintenance(_ *batchv1.Job, pod *corev1.Pod) {
	pod.Status.Conditions[len(pod.Status.Conditions)-1].Reason = v1alpha1.ReasonMaintenance
}

func withoutGPUs(w *world) { w.pool.Spec.GPU = nil }

func isRescue(b *checkpointBackup) {
	b.Metadata.Annotations[annotationReason] = string(reasonPreemption)
}

func peersOn(first, second string) fact {
	return and(anAttempt(0, 1, trains(first, 25*time.Minute)), anAttempt(1, 1, trains(second, 25*time.Minute)))
}
