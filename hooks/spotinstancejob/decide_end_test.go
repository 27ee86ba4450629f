package spotinstancejob

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func startedAgo(d time.Duration) fact {
	return func(w *world) { at := stamp(ago(d)); w.job.Status.StartTime = &at }
}

func over(p v1alpha1.JobPhase, since time.Duration) fact {
	return func(w *world) {
		at := stamp(ago(since))
		w.job.Status.Phase, w.job.Status.CompletionTime = p, &at
	}
}

func exitCode(code int32) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].State.Terminated.ExitCode = code
	}
}

func TestEnd(t *testing.T) {
	healthy := one(v1alpha1.InstanceReady, 5*time.Hour)
	completed := anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))
	exhausted := func(replica int32, vm string, more ...part) fact {
		spent := fmt.Sprintf(`{"replicas":{"%d":{"through":6,"failures":6}}}`, replica)
		return anAttempt(replica, 7, append([]part{failedOn(vm, time.Hour, time.Minute), carries(spent), final}, more...)...)
	}
	const policy = `"podFailurePolicy":{"rules":[
		{"action":"Ignore","onExitCodes":{"operator":"In","values":[5]}},
		{"action":"FailJob","onExitCodes":{"containerName":"trainer","operator":"In","values":[42]}},
		{"action":"FailJob","onExitCodes":{"containerName":"other","operator":"In","values":[43]}},
		{"action":"FailJob","onPodConditions":[{"type":"ConfigIssue","status":"True"}]},
		{"action":"Count","onExitCodes":{"operator":"NotIn","values":[99]}},
		{"action":"FailJob","onExitCodes":{"operator":"In","values":[99]}}]},`
	hasOther := func(w *world) {
		w.job.Spec.JobTemplate.Raw = bytes.Replace(w.job.Spec.JobTemplate.Raw, []byte(`{"containers":`), []byte(`{"initContainers":[{"name":"other","image":"acme/fetch:1"}],"containers":`), 1)
	}
	const disruption = `"podFailurePolicy":{"rules":[{"action":"FailJob","onPodConditions":[{"type":"DisruptionTarget"}]}]},`
	failing := func(parts ...part) []fact {
		return []fact{healthy, templateWith(policy), hasOther, anAttempt(0, 1, append([]part{failedOn("vm-0", time.Hour, time.Minute)}, parts...)...)}
	}
	checkTales(t, map[string]tale{
		"the first success ends the job": {
			given: []fact{ready("vm-0"), ready("vm-1"), completed, anAttempt(1, 1, trains("vm-1", time.Hour))},
			want:  "Succeeded; keep r0-a1", reported: "r0 Succeeded; r1 Running; Complete:TrainingCompleted",
		},
		"success is final when its VM goes": {
			given: []fact{one(v1alpha1.InstanceGone, 50*time.Second), status(0, 1, v1alpha1.ReplicaSucceeded, 0), over(v1alpha1.JobSucceeded, time.Minute), completed},
			want:  "Succeeded; keep r0-a1",
		},
		"success is final when status is set back": {
			given: []fact{healthy, status(0, 1, v1alpha1.ReplicaRunning, 0), statusPhase(v1alpha1.JobRunning), completed},
			want:  "Succeeded; keep r0-a1",
		},
		"two succeed: the first to end stays": {
			given: []fact{ready("vm-0"), ready("vm-1"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute)), anAttempt(1, 1, completedOn("vm-1", time.Hour, 2*time.Minute))},
			want:  "Succeeded; keep r1-a1",
		},
		"two succeed: the second by the next sync": {
			given: []fact{ready("vm-0"), ready("vm-1"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute)), anAttempt(1, 1, completedOn("vm-1", time.Hour, 2*time.Minute)), over(v1alpha1.JobSucceeded, time.Minute)},
			want:  "Succeeded; keep r1-a1",
		},
		"success is final when its Job is deleted": {given: []fact{over(v1alpha1.JobSucceeded, time.Minute)}, want: "Succeeded"},
		"success comes before a deadline that passed, too": {
			given: []fact{healthy, templateWith(`"activeDeadlineSeconds":60,`), startedAgo(time.Hour), completed}, want: "Succeeded; keep r0-a1",
		},
		"ttl: not yet":  {given: []fact{healthy, templateWith(`"ttlSecondsAfterFinished":100,`), over(v1alpha1.JobSucceeded, time.Minute), completed}, want: "Succeeded; keep r0-a1; resync 40s"},
		"ttl: expired":  {given: []fact{healthy, templateWith(`"ttlSecondsAfterFinished":60,`), over(v1alpha1.JobSucceeded, time.Minute), completed, aCheckpoint("c", 0, 1, time.Hour, time.Hour, done(50*time.Minute))}, want: "Succeeded; drop c"},
		"ttl: all gone": {given: []fact{healthy, templateWith(`"ttlSecondsAfterFinished":60,`), over(v1alpha1.JobSucceeded, time.Hour)}, want: "Succeeded"},

		"one exhausted replica is not the end": {
			given: []fact{ready("vm-0"), ready("vm-1"), exhausted(0, "vm-0"), anAttempt(1, 1, trains("vm-1", time.Minute))},
			want:  "Running; keep r0-a7 r1-a1; resync 44m0s", reported: "r0 Failed; r1 Running; NoUsableCheckpoint:StartedOver",
		},
		"one exhausted, the other in back-off": {
			given: []fact{ready("vm-0"), ready("vm-1"), exhausted(0, "vm-0"), anAttempt(1, 1, failedOn("vm-1", time.Hour, 15*time.Second))},
			want:  "Running; keep r0-a7 r1-a1; resync 5s",
		},
		"all exhausted: first said": {
			given: []fact{ready("vm-0"), ready("vm-1"), exhausted(0, "vm-0"), exhausted(1, "vm-1")},
			want:  "Failed; keep r0-a7 r1-a7; resync 1s", reported: "r0 Failed; r1 Failed; Failed:BackoffLimitExceeded",
		},
		"all exhausted: then kept": {
			given: []fact{ready("vm-0"), ready("vm-1"), exhausted(0, "vm-0"), exhausted(1, "vm-1"), over(v1alpha1.JobFailed, time.Minute)},
			want:  "Failed; keep r0-a7 r1-a7",
		},
		"backoffLimit 0": {
			given: []fact{healthy, templateWith(`"backoffLimit":0,`), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), final)},
			want:  "Failed; keep r0-a1; resync 1s",
		},
		"a final attempt that lost its VM is replaced": {
			given: []fact{one(v1alpha1.InstanceGone, time.Minute), templateWith(`"backoffLimit":0,`), anAttempt(0, 1, trains("vm-0", time.Hour), final)},
			want:  "Recovering; keep r0-a1; start r0-a2",
		},

		"deadline: not yet": {given: []fact{healthy, templateWith(`"activeDeadlineSeconds":100,`), startedAgo(time.Minute), anAttempt(0, 1, trains("vm-0", time.Minute))}, want: "Running; keep r0-a1; resync 40s"},
		"deadline: passed": {
			given: []fact{healthy, templateWith(`"activeDeadlineSeconds":60,`), startedAgo(time.Minute), anAttempt(0, 1, trains("vm-0", time.Minute))},
			want:  "Failed; keep r0-a1; resync 1s", reported: "r0 Running; Failed:DeadlineExceeded",
		},
		"deadline: once that is known, the replicas go": {
			given: []fact{healthy, templateWith(`"activeDeadlineSeconds":60,`), startedAgo(time.Minute), over(v1alpha1.JobFailed, time.Second), anAttempt(0, 1, trains("vm-0", time.Minute))},
			want:  "Failed",
		},

		"FailJob":                       {given: failing(exitCode(42)), want: "Failed; keep r0-a1; resync 1s", reported: "r0 BackingOff; Failed:PodFailurePolicy"},
		"FailJob for another container": {given: failing(exitCode(43)), want: "Recovering; keep r0-a1; start r0-a2"},
		"FailJob by disruption never fires": {
			given: []fact{healthy, templateWith(disruption), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), disrupted(time.Minute))},
			want:  "Recovering; keep r0-a1; start r0-a2", reported: "r0 Lost; IgnoredFields:PodFailurePolicy; NoUsableCheckpoint:StartedOver",
		},
		"nor of a pod that failed long before": {
			given: []fact{healthy, templateWith(disruption), status(0, 1, v1alpha1.ReplicaBackingOff, 1), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), disrupted(time.Second))},
			want:  "Recovering; keep r0-a1; start r0-a2", reported: "r0 BackingOff; IgnoredFields:PodFailurePolicy; NoUsableCheckpoint:StartedOver",
		},
		"FailJob by condition":                          {given: failing(exitCode(99), condIs("ConfigIssue")), want: "Failed; keep r0-a1; resync 1s"},
		"FailJob, but the VM was going":                 {given: []fact{one(v1alpha1.InstanceStopping, 70*time.Second), templateWith(policy), hasOther, anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), exitCode(42))}, want: "Recovering; keep r0-a1; start r0-a2"},
		"Ignore restarts at once and counts no failure": {given: failing(exitCode(5)), want: "Recovering; keep r0-a1; start r0-a2", reported: "r0 Lost; NoUsableCheckpoint:StartedOver"},
		"Count comes before a later rule":               {given: failing(exitCode(7)), want: "Recovering; keep r0-a1; start r0-a2", reported: "r0 BackingOff; NoUsableCheckpoint:StartedOver"},
		"NotIn":                                         {given: failing(exitCode(99)), want: "Failed; keep r0-a1; resync 1s"},
	})
}

func condIs(kind corev1.PodConditionType) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) { podCondition(pod, kind, time.Minute) }
}

func TestHolding(t *testing.T) {
	working := and(peers(time.Hour), aCheckpoint("c", 0, 1, time.Hour, time.Minute))
	deleted := func(w *world) { at := stamp(ago(time.Second)); w.job.DeletionTimestamp = &at }
	badRepo := func(w *world) {
		w.job.Spec.CheckpointConfig.CheckpointImageRepo = "registry.acme.io/Checkpoints:latest"
	}
	checkTales(t, map[string]tale{
		"a parent being deleted changes nothing": {given: []fact{working, deleted}, want: "; keep r0-a1 r1-a1"},
		"nor when a VM is lost":                  {given: []fact{gone("vm-0", time.Second), deleted, statusPhase(v1alpha1.JobRunning), anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Running; keep r0-a1"},
		"an invalid spec starts nothing":         {given: []fact{badRepo}, want: "Invalid"},
		"an invalid spec holds what is there":    {given: []fact{working, badRepo}, want: "Running; keep r0-a1 r1-a1"},
		"an invalid spec does not shorten backoffLimit": {
			given: []fact{
				one(v1alpha1.InstanceReady, time.Hour), templateWith(`"backoffLimit":20,`), badRepo,
				anAttempt(0, 9, failedOn("vm-0", time.Hour, time.Minute), carries(`{"replicas":{"0":{"through":8,"failures":8}}}`)),
			},
			want: "Invalid; keep r0-a9",
		},
	})
}

func TestSuspend(t *testing.T) {
	alone := and(replicas(1), ready("vm-0"), suspended)
	train := anAttempt(0, 1, trains("vm-0", 10*time.Minute))
	last := func(asked time.Duration, parts ...checkpointPart) fact {
		return func(w *world) {
			name := backupName(&w.job, &podFacts{uid: podUID(0, 1)}, reasonSuspend, "1")
			aCheckpoint(name, 0, 1, asked, 10*time.Minute-asked, parts...)(w)
		}
	}
	templateSuspended := templateWith(`"suspend":true,`)
	checkTales(t, map[string]tale{
		"one last checkpoint": {given: []fact{alone, train}, want: "Running; keep r0-a1; checkpoint r0-a1 suspend"},
		"of the best replica": {
			given: []fact{suspended, ready("vm-0"), ready("vm-1"), train, anAttempt(1, 1, trains("vm-1", 11*time.Minute))},
			want:  "Running; keep r0-a1 r1-a1; checkpoint r1-a1 suspend",
		},
		"waits for it":                   {given: []fact{alone, train, last(time.Minute)}, want: "Running; keep r0-a1; resync 14m0s"},
		"then all goes":                  {given: []fact{alone, train, last(time.Minute, done(time.Second)), status(0, 1, v1alpha1.ReplicaRunning, 0)}, want: "Suspended", reported: "r0 Pending"},
		"or when it failed":              {given: []fact{alone, train, last(time.Minute, inPhase("Failed"))}, want: "Suspended"},
		"or after timeout":               {given: []fact{alone, anAttempt(0, 1, trains("vm-0", time.Hour)), last(15 * time.Minute)}, want: "Suspended"},
		"or when nothing runs":           {given: []fact{alone, anAttempt(0, 1)}, want: "Suspended"},
		"or when nothing would be added": {given: []fact{alone, train, aCheckpoint("c", 1, 1, time.Minute, 20*time.Minute, done(time.Second))}, want: "Suspended"},
		"before it has begun":            {given: []fact{suspended}, want: "Suspended"},
		"by the template":                {given: []fact{templateSuspended}, want: "Suspended"},
		"in mid-recovery the survivor's state is saved, and nobody is started": {
			given: []fact{suspended, gone("vm-0", time.Second), ready("vm-1"), train, anAttempt(1, 1, trains("vm-1", 10*time.Minute))},
			want:  "Recovering; keep r0-a1 r1-a1; checkpoint r1-a1 suspend",
		},
		"resume starts from the best, with new numbers": {
			given: []fact{aCheckpoint("c", 0, 3, time.Hour, time.Minute, done(50*time.Minute)), statusPhase(v1alpha1.JobSuspended), status(0, 3, v1alpha1.ReplicaPending, 2), status(1, 1, v1alpha1.ReplicaPending, 0)},
			want:  "Pending; start r0-a4 from c; start r1-a2 from c",
		},
		"resume while the old Jobs still go": {
			given: []fact{replicas(1), ready("vm-0"), anAttempt(0, 3, trains("vm-0", 10*time.Minute), jobDeleting)}, want: "Pending; start r0-a4",
		},
	})
}

// TestResumeRemembersFailures: no child is left to tell, status does.
func TestResumeRemembersFailures(t *testing.T) {
	o, d := given(replicas(1), statusPhase(v1alpha1.JobSuspended), status(0, 7, v1alpha1.ReplicaPending, 6)).decide(t)
	require.Equal(t, "Pending; start r0-a8", told(o, d))
	assert.True(t, d.attempts[0].final)
	assert.EqualValues(t, 6, d.attempts[0].ledger.Replicas[0].Failures)
}

func TestInvalidSpecs(t *testing.T) {
	pod := func(spec string) string { return `{"spec":{"template":{"spec":{` + spec + `}}}}` }
	with := func(field string) string {
		return `{"spec":{` + field + `,"template":{"spec":{"containers":[{"name":"a","image":"b"}]}}}}`
	}
	const image = `"containers":[{"name":"a","image":"b"}]`
	cases := map[string]struct{ template, repo, want string }{
		"no template":          {``, "", "spec.jobTemplate"},
		"not an object":        {`[]`, "", "spec.jobTemplate"},
		"empty":                {`{}`, "", "spec.jobTemplate.spec.template.spec.containers: Required value: fix it, delete this SpotInstanceJob and apply it again (the training starts from zero)"},
		"typo":                 {pod(`"containers":[{"name":"a","image":"b","comand":["x"]}]`), "", `unknown field "spec.template.spec.containers[0].comand"`},
		"typo in case":         {pod(`"Containers":[{"name":"a","image":"b"}]`), "", `unknown field "spec.template.spec.Containers"`},
		"wrong type":           {pod(`"containers":[{"name":"a","image":"b","env":[{"name":"N","value":1}]}]`), "", "spec.jobTemplate"},
		"parallelism":          {with(`"parallelism":3`), "", "spec.jobTemplate.spec.parallelism: must be 1: set it to 1 or remove it: a replica is one pod that runs the whole training, and spec.replicas makes redundant copies of it, not shards"},
		"completions":          {with(`"completions":2`), "", "spec.jobTemplate.spec.completions"},
		"Indexed shards":       {with(`"completionMode":"Indexed","completions":2`), "", "spec.jobTemplate.spec.completions: must be 1: set it to 1 or remove it"},
		"Indexed, unsaid":      {with(`"completionMode":"Indexed"`), "", "spec.jobTemplate.spec.completions: Required value: when completion mode is Indexed"},
		"Indexed success":      {with(`"completionMode":"Indexed","completions":1,"successPolicy":{"rules":[{"succeededCount":1}]}`), "", "spec.jobTemplate.spec.successPolicy"},
		"successPolicy":        {with(`"successPolicy":{"rules":[{"succeededCount":1}]}`), "", "spec.jobTemplate.spec.successPolicy"},
		"selector":             {with(`"manualSelector":true`), "", "spec.jobTemplate.spec.selector"},
		"managedBy":            {with(`"managedBy":"acme.io/x"`), "", "spec.jobTemplate.spec.managedBy"},
		"per index":            {with(`"maxFailedIndexes":1`), "", "spec.jobTemplate.spec.backoffLimitPerIndex"},
		"FailIndex":            {with(`"podFailurePolicy":{"rules":[{"action":"FailIndex","onExitCodes":{"operator":"In","values":[1]}}]}`), "", "spec.jobTemplate.spec.podFailurePolicy.rules[0].action"},
		"a pod of Windows":     {pod(`"os":{"name":"windows"},` + image), "", "spec.jobTemplate.spec.template.spec.os.name: is windows: set it to linux or remove it"},
		"nodeName":             {pod(`"nodeName":"vm-0",` + image), "", "spec.jobTemplate.spec.template.spec.nodeName: is not supported: remove it"},
		"controller-uid":       {`{"metadata":{"labels":{"controller-uid":"x"}},"spec":{"template":{"spec":{` + image + `}}}}`, "", "spec.jobTemplate.metadata.labels[controller-uid]"},
		"no container name":    {pod(`"containers":[{"image":"b"}]`), "", "containers[0].name: Required value"},
		"no container image":   {pod(`"containers":[{"name":"a"}]`), "", "containers[0].image: Required value"},
		"an API server's rule": {with(`"backoffLimit":-1`), "", "spec.jobTemplate.spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0: fix it, delete this SpotInstanceJob and apply it again (the training starts from zero)"},
		"several of them":      {pod(`"hostname":"A_","containers":[{"name":"Train_Model","image":"b"},{"name":"a","image":"b"},{"name":"a"}],"volumes":[{}]`), "", `spec.template.spec.hostname: Invalid value: "A_"`},
		"too many to say":      {pod(`"hostname":"A_","containers":[{"name":"Train_Model","image":"b"},{"name":"a","image":"b"},{"name":"a"}],"volumes":[{}]`), "", "; and 1 more: fix it"},
		"a long value":         {pod(`"containers":[{"name":"` + strings.Repeat("é", 100_000) + `","image":"b"}]`), "", "...: fix it"},
		"repository tag":       {plainTemplate, "docker.io/acme/checkpoints:latest", "spec.checkpointConfig.checkpointImageRepo"},
		"repository case":      {plainTemplate, "docker.io/Acme/checkpoints", "spec.checkpointConfig.checkpointImageRepo"},
		"no repository path":   {plainTemplate, "registry.acme.io/", "spec.checkpointConfig.checkpointImageRepo"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := given()
			w.job.Spec.JobTemplate.Raw = []byte(c.template)
			if c.repo != "" {
				w.job.Spec.CheckpointConfig.CheckpointImageRepo = c.repo
			}
			_, invalid := parseTemplate(w.job.Spec)
			require.NotNil(t, invalid)
			assert.Contains(t, invalid.Error(), c.want)
		})
	}
}

func TestRepositories(t *testing.T) {
	cases := map[string]struct{ host, path string }{
		"docker.io/acme/checkpoints":     {"docker.io", "acme/checkpoints"},
		"acme/checkpoints":               {"docker.io", "acme/checkpoints"},
		"checkpoints":                    {"docker.io", "checkpoints"},
		"localhost/checkpoints":          {"localhost", "checkpoints"},
		"registry:5000/checkpoints":      {"registry:5000", "checkpoints"},
		"https://registry.acme.io/a/b-c": {"registry.acme.io", "a/b-c"},
	}
	for repository, want := range cases {
		host, path, err := splitRepository(repository)
		require.NoError(t, err, repository)
		assert.Equal(t, want.host, host, repository)
		assert.Equal(t, want.path, path, repository)
	}
}

// TestRulesForDisruptionsAreNotUsed: Ignore is what the operator does anyway.
func TestRulesForDisruptionsAreNotUsed(t *testing.T) {
	for rule, says := range map[string]string{
		`{"action":"FailJob","onPodConditions":[{"type":"DisruptionTarget"}]}`:                                               "podFailurePolicy.rules[0]: FailJob on condition DisruptionTarget is not used",
		`{"action":"Count","onPodConditions":[{"type":"Mine","status":"True"},{"type":"DisruptionTarget","status":"True"}]}`: "podFailurePolicy.rules[0]: Count on condition DisruptionTarget is not used",
		`{"action":"Ignore","onPodConditions":[{"type":"DisruptionTarget"}]}`:                                                "",
		`{"action":"FailJob","onPodConditions":[{"type":"DisruptionTarget","status":"False"}]}`:                              "",
		`{"action":"FailJob","onPodConditions":[{"type":"Mine"}]}`:                                                           "",
		`{"action":"FailJob","onExitCodes":{"operator":"In","values":[1]}}`:                                                  "",
	} {
		_, d := given(templateWith(`"podFailurePolicy":{"rules":[` + rule + `]},`)).decide(t)
		message := messageOf(d, v1alpha1.ConditionIgnoredFields)
		if says == "" {
			says = "no condition"
		}
		assert.Contains(t, message, says, rule)
	}
}
