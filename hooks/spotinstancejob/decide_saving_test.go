package spotinstancejob

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// savesItself is a training without an agent, as a user says it.
func savesItself(w *world) {
	w.job.Spec.CheckpointConfig = v1alpha1.CheckpointConfig{Method: v1alpha1.CheckpointApplication}
}

// orphaned is an attempt whose Job somebody has deleted, and whose pod is still there.
func orphaned(w *world) { w.jobs = w.jobs[:len(w.jobs)-1] }

func jobCounts(active, terminating int32) part {
	return func(job *batchv1.Job, _ *corev1.Pod) {
		job.Status.Active, job.Status.Terminating = active, &terminating
	}
}

// On a notice the replica is doomed and its pod is told by the pool's hook; the next attempt starts when no pod of the replica can run.
func TestNextAttemptOfATrainingThatSavesItself(t *testing.T) {
	inAnHour := trains("vm-0", time.Hour)
	target := jobIs(batchv1.JobFailureTarget, time.Second)
	tales := map[string]tale{
		"it trains, and nobody checkpoints it": {[]fact{ready("vm-0"), anAttempt(0, 1, inAnHour)}, "Running; keep r0-a1", "r0 Running"},
		"one replica unless it says more":      {nil, "Pending; start r0-a1", ""},
		"two if it says so":                    {[]fact{replicas(2)}, "Pending; start r0-a1; start r1-a1", ""},
		"its VM has its notice":                {[]fact{stopping("vm-0", time.Second), anAttempt(0, 1, inAnHour)}, "Recovering; keep r0-a1", "r0 Doomed"},
		"it is told to end":                    {[]fact{stopping("vm-0", time.Second), anAttempt(0, 1, inAnHour, podDeleted(time.Second), target)}, "Recovering; keep r0-a1", "r0 Lost"},
		"it is drained from a VM that is well": {[]fact{ready("vm-0"), anAttempt(0, 1, inAnHour, podDeleted(time.Second), disrupted(time.Second), target)}, "Recovering; keep r0-a1", "r0 Lost"},
		"it saved and exited 0": {
			[]fact{stopping("vm-0", 9*time.Second), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Second), podDeleted(3*time.Second), disrupted(3*time.Second))},
			"Recovering; keep r0-a1; start r0-a2", "r0 Lost",
		},
		"it saved and exited 0, drained": {
			[]fact{ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute), podDeleted(time.Minute), disrupted(time.Minute))},
			"Recovering; keep r0-a1; start r0-a2", "r0 Lost",
		},
		"it exited 143": {
			[]fact{stopping("vm-0", 9*time.Second), anAttempt(0, 1, exited("vm-0", time.Hour, 143, time.Second), jobIs(batchv1.JobFailed, time.Second), podDeleted(3*time.Second))},
			"Recovering; keep r0-a1; start r0-a2", "r0 Lost",
		},
		"its pod ended and is gone":                   {[]fact{stopping("vm-0", time.Minute), status(0, 1, v1alpha1.ReplicaLost, 0), anAttempt(0, 1, noPod, jobIs(batchv1.JobFailed, time.Second))}, "Recovering; keep r0-a1; start r0-a2", "r0 Lost"},
		"its VM is gone without a word":               {[]fact{gone("vm-0", time.Second), anAttempt(0, 1, inAnHour)}, "Recovering; keep r0-a1; start r0-a2", "r0 Lost"},
		"its VM is gone while its pod still ends":     {[]fact{gone("vm-0", time.Second), anAttempt(0, 1, inAnHour, podDeleted(time.Minute))}, "Recovering; keep r0-a1; start r0-a2", "r0 Lost"},
		"its VM was given up and nobody hears it":     {[]fact{aVM("vm-0", v1alpha1.InstanceNotReady, time.Hour), anAttempt(0, 1, inAnHour)}, "Recovering; keep r0-a1", "r0 Doomed"},
		"its zone is not read and its pod is evicted": {[]fact{aVM("vm-0", v1alpha1.InstanceUnknown, time.Hour), anAttempt(0, 1, inAnHour, podDeleted(time.Minute))}, "Recovering; keep r0-a1", "r0 Lost"},
		"its pod was taken from a Node nobody hears": {
			[]fact{aVM("vm-0", v1alpha1.InstanceNotReady, time.Hour), status(0, 1, v1alpha1.ReplicaLost, 0), inStatusOn("vm-0"), anAttempt(0, 1, noPod, jobIs(batchv1.JobFailed, time.Second))},
			"Recovering; keep r0-a1", "r0 Lost",
		},
		"its pod is not seen, and its Job counts it as ending": {[]fact{ready("vm-0"), anAttempt(0, 1, noPod, target, jobCounts(0, 1))}, "Recovering; keep r0-a1", "r0 Lost"},
		"its Job was deleted by hand":                          {[]fact{ready("vm-0"), anAttempt(0, 1, inAnHour, podDeleted(time.Second)), orphaned}, "Pending", "r0 Pending"},
		"its Job was deleted by hand, and its pod has ended":   {[]fact{ready("vm-0"), anAttempt(0, 1, exited("vm-0", time.Hour, 0, time.Second)), orphaned}, "Pending; start r0-a1", ""},
		"its Job is being deleted":                             {[]fact{ready("vm-0"), anAttempt(0, 1, inAnHour, jobDeleting, podDeleted(time.Second))}, "Pending", "r0 Pending"},
		"the other replica's pod is no reason to wait": {
			[]fact{replicas(2), ready("vm-0"), gone("vm-1", time.Second), anAttempt(0, 1, inAnHour), anAttempt(1, 1, trains("vm-1", time.Hour))},
			"Recovering; keep r0-a1 r1-a1; start r1-a2", "r0 Running; r1 Lost",
		},
		"both replicas are lost": {
			[]fact{replicas(2), gone("vm-0", time.Second), gone("vm-1", time.Second), anAttempt(0, 1, inAnHour), anAttempt(1, 1, trains("vm-1", time.Hour))},
			"Recovering; keep r0-a1 r1-a1; start r0-a2; start r1-a2", "r0 Lost; r1 Lost",
		},
		"it failed by itself":     {[]fact{ready("vm-0"), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute))}, "Recovering; keep r0-a1; start r0-a2", "r0 BackingOff"},
		"it did all its training": {[]fact{ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))}, "Succeeded; keep r0-a1", "r0 Succeeded; Complete:TrainingCompleted"},
		"it is suspended":         {[]fact{suspended, ready("vm-0"), anAttempt(0, 1, inAnHour)}, "Suspended", "r0 Pending"},
		"it was suspended a moment ago and is resumed": {
			[]fact{status(0, 1, v1alpha1.ReplicaPending, 0), ready("vm-0"), anAttempt(0, 1, inAnHour, podDeleted(time.Second)), orphaned}, "Pending", "r0 Pending",
		},
		"it is past its deadline": {
			[]fact{templateWith(`"activeDeadlineSeconds":60,`), began(time.Hour), ready("vm-0"), anAttempt(0, 1, inAnHour)},
			"Failed; keep r0-a1; resync 1s", "r0 Running; Failed:DeadlineExceeded",
		},
	}
	for name, c := range tales {
		c.given = append([]fact{savesItself}, c.given...)
		tales[name] = c
	}
	checkTales(t, tales)
}

// inStatusOn is the Node that status gives the last attempt that was told of.
func inStatusOn(node string) fact {
	return func(w *world) { w.job.Status.JobStatuses[len(w.job.Status.JobStatuses)-1].NodeName = node }
}

func began(since time.Duration) fact {
	return func(w *world) { at := stamp(ago(since)); w.job.Status.StartTime = &at }
}

// A frozen container's next attempt starts beside the old one, as ever.
func TestFrozenTrainingDoesNotWaitForItsEnd(t *testing.T) {
	checkTales(t, map[string]tale{
		"its pod ends": {[]fact{replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour), podDeleted(time.Second))}, "Recovering; keep r0-a1; start r0-a2", "r0 Lost; NoUsableCheckpoint:StartedOver"},
	})
}

// Exit 0 is no success of a training that saves itself if nobody saw its pod: it exits 0 whenever it is told to end.
func TestExitZeroThatNobodySaw(t *testing.T) {
	complete := anAttempt(0, 1, noPod, jobIs(batchv1.JobComplete, time.Hour))
	for name, c := range map[string]struct {
		facts []fact
		want  v1alpha1.JobPhase
	}{
		"it saves itself, and trained when it was last seen":   {[]fact{savesItself, status(0, 1, v1alpha1.ReplicaRunning, 0)}, v1alpha1.JobRecovering},
		"it saves itself, and had ended when it was last seen": {[]fact{savesItself, status(0, 1, v1alpha1.ReplicaEnding, 0)}, v1alpha1.JobSucceeded},
		"the agent saves it": {[]fact{replicas(1), status(0, 1, v1alpha1.ReplicaRunning, 0)}, v1alpha1.JobSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			_, d := given(append(c.facts, ready("vm-0"), inStatusOn("vm-0"), complete)...).decide(t)
			assert.Equal(t, c.want, d.phase)
		})
	}
}

// No checkpointConfig says the same as method Application, and neither asks for what only the agent needs.
func TestWhoSavesTheTraining(t *testing.T) {
	for name, c := range map[string]struct {
		config v1alpha1.CheckpointConfig
		itself bool
	}{
		"no checkpointConfig":       {v1alpha1.CheckpointConfig{}, true},
		"Application":               {v1alpha1.CheckpointConfig{Method: v1alpha1.CheckpointApplication, Retain: new(int32(3))}, true},
		"Container":                 {v1alpha1.CheckpointConfig{Method: v1alpha1.CheckpointContainer, CheckpointImageRepo: "acme/checkpoints"}, false},
		"as in manifests of before": {v1alpha1.CheckpointConfig{CheckpointImageRepo: "acme/checkpoints"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour)))
			w.job.Spec.CheckpointConfig = c.config
			o, d := w.decide(t)
			assert.Nil(t, o.invalid)
			assert.Equal(t, c.itself, len(d.backups) == 0, "after an hour a checkpoint is due")
			assert.Equal(t, c.itself, renderStatus(o, d).LostSeconds == nil)
			if c.itself {
				assert.EqualValues(t, 1, renderStatus(o, d).DesiredReplicas)
				return
			}
			assert.EqualValues(t, 2, renderStatus(o, d).DesiredReplicas)
		})
	}
}

// What only the agent follows is named, with what to do.
func TestFieldsThatOnlyTheAgentFollows(t *testing.T) {
	w := given(savesItself, ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour)))
	config := &w.job.Spec.CheckpointConfig
	config.Retain, config.Timeout, config.OnPreemption = new(int32(3)), &metav1.Duration{Duration: 15 * time.Minute}, v1alpha1.PreemptionCheckpointAuto
	_, d := w.decide(t)
	assert.Equal(t, "no condition IgnoredFields", messageOf(d, v1alpha1.ConditionIgnoredFields), "the schema sets these")

	config.CheckpointImageRepo, config.CheckpointInterval = "acme/no:tag", v1alpha1.CheckpointInterval{Auto: true}
	config.CheckpointRepoCredentialRef, config.Retain = &corev1.SecretReference{Namespace: "other", Name: "push"}, new(int32(5))
	o, d := w.decide(t)
	assert.Nil(t, o.invalid)
	assert.Equal(t, "with method Application the training saves itself, and these fields are not used: remove spec.checkpointConfig.checkpointImageRepo, "+
		"spec.checkpointConfig.checkpointInterval, spec.checkpointConfig.checkpointRepoCredentialRef, spec.checkpointConfig.retain", messageOf(d, v1alpha1.ConditionIgnoredFields))
}

// What a training lost that saves itself only it knows: no number is made up, and losses and training are counted all the same.
func TestLossesOfATrainingThatSavesItself(t *testing.T) {
	w := given(savesItself, gone("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour)))
	o, d := w.decide(t)
	require.Len(t, d.attempts, 1)
	account := d.attempts[0].ledger.Replicas[0]
	assert.EqualValues(t, 1, account.Losses)
	assert.Zero(t, account.LostSeconds)
	assert.InDelta(t, 3600, account.TrainedSeconds, 1)
	assert.EqualValues(t, 1, renderStatus(o, d).Preemptions)

	w = given(savesItself, ready("vm-1"), anAttempt(0, 2, trains("vm-1", time.Minute), carries(d.attempts[0].ledger.String())))
	o, d = w.decide(t)
	data, err := json.Marshal(renderStatus(o, d))
	require.NoError(t, err)
	assert.Contains(t, string(data), `"recentLosses":[{"replica":0,"attempt":1,"time":"2026-03-01T11:59:59Z"}]`)
	assert.NotContains(t, string(data), "lostSeconds")
	assert.Equal(t, "no condition NoUsableCheckpoint", messageOf(d, v1alpha1.ConditionNoUsableCheckpoint))
}

// Its pod gets the whole notice to save itself, unless the user says how long it takes, and a variable tells how long that is.
func TestTimeToSave(t *testing.T) {
	notice := func(d time.Duration) fact {
		return func(w *world) { w.pool.Spec.PreemptionNotice = &metav1.Duration{Duration: d} }
	}
	onDemand := func(w *world) { w.pool.Spec.ProvisioningModel = v1alpha1.ProvisioningStandard }
	asks := func(seconds string) fact {
		return func(w *world) {
			w.job.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":` + seconds + `,"containers":[{"name":"trainer","image":"acme/train:1"}]}}}}`)
		}
	}
	const none = "no condition GraceExceedsNotice"
	for name, c := range map[string]struct {
		facts    []fact
		grace    int64
		variable string
		warns    string
	}{
		"two minutes' notice":                {nil, 100, "100", none},
		"no notice":                          {[]fact{notice(0)}, 30, "30", none},
		"on demand":                          {[]fact{onDemand}, 30, "30", none},
		"no pool yet":                        {[]fact{noPool}, 30, "30", none},
		"it asks for less":                   {[]fact{asks("60")}, 60, "60", none},
		"it asks for more than the notice":   {[]fact{asks("600")}, 600, "120", "spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds is 600, and a spot VM may be off 120 s after its notice (spec.preemptionNotice of SpotInstanceVM a100): the training goes on, and has to save itself within that time"},
		"it asks for more than no notice":    {[]fact{notice(0), asks("60")}, 60, "30", "spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds is 60, and a spot VM may be off 30 s after its notice"},
		"it asks for more, and none is told": {[]fact{onDemand, asks("600")}, 600, "600", none},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(append([]fact{savesItself}, c.facts...)...).decide(t)
			var job batchv1.Job
			data, err := json.Marshal(renderJob(o, newAttempt{attempt: 1}))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &job))
			pod := job.Spec.Template
			assert.Equal(t, "true", pod.Annotations[v1alpha1.AnnotationSavesItself], "the pool's hook tells by it whom to tell")
			assert.Equal(t, c.grace, *pod.Spec.TerminationGracePeriodSeconds)
			assert.Equal(t, []corev1.EnvVar{{Name: v1alpha1.VariableNotice, Value: c.variable}}, pod.Spec.Containers[0].Env)
			assert.Contains(t, messageOf(d, v1alpha1.ConditionGraceExceedsNotice), c.warns)
		})
	}
}

// The user's own variable of that name stays, and others can refer to ours. The template, which all attempts share, does not change.
func TestVariableOfTheNotice(t *testing.T) {
	w := given(savesItself)
	w.job.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[
		{"name":"a","image":"x","env":[{"name":"SAVE","value":"$(SPOT_NOTICE_SECONDS)"}]},{"name":"b","image":"x","env":[{"name":"SPOT_NOTICE_SECONDS","value":"5"}]}]}}}}`)
	o, _ := w.decide(t)
	for range 2 {
		containers := renderJob(o, newAttempt{attempt: 1}).Spec.Template.Spec.Containers
		require.Len(t, containers[0].Env, 2)
		assert.Equal(t, v1alpha1.VariableNotice, *containers[0].Env[0].Name)
		require.Len(t, containers[1].Env, 1)
		assert.Equal(t, "5", *containers[1].Env[0].Value)
	}
}

// A frozen training gets none of it.
func TestFrozenTrainingIsNotTold(t *testing.T) {
	o, _ := given().decide(t)
	pod := renderJob(o, newAttempt{attempt: 1}).Spec.Template
	assert.NotContains(t, pod.Annotations, v1alpha1.AnnotationSavesItself)
	assert.Nil(t, pod.Spec.TerminationGracePeriodSeconds)
	assert.Empty(t, pod.Spec.Containers[0].Env)
}

// Whoever waits says for which pod.
func TestWhyATrainingThatSavesItselfWaits(t *testing.T) {
	for name, c := range map[string]struct {
		facts []fact
		says  string
	}{
		"its VM goes":          {[]fact{stopping("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, "replica 0 is on a VM that is going away, and saves itself: its next attempt starts when pod train-392faf-r0-a1-abcde has ended, or its VM is gone"},
		"its pod ends":         {[]fact{ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour), podDeleted(time.Second))}, "replica 0 lost its VM, and saves itself: its next attempt starts when pod train-392faf-r0-a1-abcde has ended, or its VM is gone"},
		"its Job is gone":      {[]fact{ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour), podDeleted(time.Second)), orphaned}, "replica 0 has no Job, and saves itself: its next attempt starts when pod train-392faf-r0-a1-abcde has ended, or its VM is gone"},
		"its Job counts a pod": {[]fact{ready("vm-0"), anAttempt(0, 1, noPod, jobIs(batchv1.JobFailureTarget, time.Second), jobCounts(0, 1))}, "its next attempt starts when the pod of Job train-392faf-r0-a1 has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(append([]fact{savesItself}, c.facts...)...).decide(t)
			status := renderStatus(o, d)
			require.Len(t, status.JobStatuses, 1)
			assert.Equal(t, v1alpha1.WaitSaving, status.JobStatuses[0].Reason)
			assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), c.says)
		})
	}
	_, d := given(savesItself, suspended).decide(t)
	assert.Equal(t, "set spec.suspend to false to continue from what the training has saved", messageOf(d, v1alpha1.ConditionReady))
}
