package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
)

// What kstatus, and with it Flux and other tools of GitOps, makes of a job in each phase.
func TestKstatus(t *testing.T) {
	deleted := func(w *world) { at := stamp(ago(time.Second)); w.job.DeletionTimestamp = &at }
	edited := func(w *world) { w.job.Generation++ }
	badRepo := func(w *world) {
		w.job.Spec.CheckpointConfig.CheckpointImageRepo = "registry.acme.io/Checkpoints:latest"
	}
	trainsAlone := and(replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", 10*time.Minute)))
	completed := and(replicas(1), ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute)))
	failed := and(replicas(1), ready("vm-0"), templateWith(`"backoffLimit":0,`), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), final))
	const inProgress, current = kstatus.InProgressStatus, kstatus.CurrentStatus
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		facts []fact
		phase v1alpha1.JobPhase
		later fact // happens after the answer
		want  kstatus.Status
		says  string
	}{
		"its Jobs were asked for":              {phase: v1alpha1.JobPending, want: inProgress, says: "0 of 2 replicas are training"},
		"no pool yet":                          {facts: []fact{noPool}, phase: v1alpha1.JobPending, want: inProgress, says: "SpotInstanceVM a100 does not exist"},
		"the pool is being deleted":            {facts: []fact{poolDeleting}, phase: v1alpha1.JobPending, want: inProgress, says: "is being deleted"},
		"all train":                            {facts: []fact{peers(time.Minute)}, phase: v1alpha1.JobRunning, want: current},
		"one trains, one waits for a VM":       {facts: []fact{ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Minute)), anAttempt(1, 1)}, phase: v1alpha1.JobRunning, want: inProgress, says: "replica 1 waits for a VM"},
		"a VM is lost":                         {facts: []fact{replicas(1), gone("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, phase: v1alpha1.JobRecovering, want: inProgress, says: "replica 0 lost its VM"},
		"backs off":                            {facts: []fact{replicas(1), ready("vm-0"), anAttempt(0, 1, failedOn("vm-0", time.Hour, 25*time.Second))}, phase: v1alpha1.JobRecovering, want: inProgress, says: "replica 0 "},
		"is being suspended":                   {facts: []fact{trainsAlone, suspended}, phase: v1alpha1.JobRunning, want: inProgress, says: "last checkpoint"},
		"suspended":                            {facts: []fact{suspended}, phase: v1alpha1.JobSuspended, want: current},
		"suspended by the template":            {facts: []fact{templateWith(`"suspend":true,`)}, phase: v1alpha1.JobSuspended, want: current},
		"suspended without a pool":             {facts: []fact{noPool, suspended}, phase: v1alpha1.JobSuspended, want: current},
		"the spec cannot be run":               {facts: []fact{badRepo}, phase: v1alpha1.JobInvalid, want: kstatus.FailedStatus, says: "checkpointImageRepo"},
		"the pod does not fit":                 {facts: []fact{asks(2)}, phase: v1alpha1.JobInvalid, want: kstatus.FailedStatus, says: "asks for 2 nvidia.com/gpu"},
		"the pool is too small now, all train": {facts: []fact{peers(time.Minute), asks(2)}, phase: v1alpha1.JobRunning, want: current},
		"completed":                            {facts: []fact{completed}, phase: v1alpha1.JobSucceeded, want: current},
		"completed, and its pool is gone":      {facts: []fact{over(v1alpha1.JobSucceeded, time.Hour), noPool}, phase: v1alpha1.JobSucceeded, want: current},
		"failed":                               {facts: []fact{failed}, phase: v1alpha1.JobFailed, want: kstatus.FailedStatus, says: "more often than jobTemplate.spec.backoffLimit allows"},
		"being deleted":                        {facts: []fact{trainsAlone, statusPhase(v1alpha1.JobRunning), deleted}, phase: v1alpha1.JobRunning, want: kstatus.TerminatingStatus},
		"edited after the answer":              {facts: []fact{suspended}, phase: v1alpha1.JobSuspended, later: edited, want: inProgress, says: "observed generation is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(c.facts...)
			o, d := w.decide(t)
			w.job.Status = renderStatus(o, d)
			require.Equal(t, c.phase, w.job.Status.Phase)
			if c.later != nil {
				c.later(&w)
			}
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&w.job)
			require.NoError(t, err)
			result, err := kstatus.Compute(&unstructured.Unstructured{Object: object})
			require.NoError(t, err)
			assert.Equal(t, c.want, result.Status, result.Message)
			assert.Contains(t, result.Message, c.says)
		})
		seen[string(c.phase)] = true
	}
	for _, phase := range hooktest.Constants(t, "Job") {
		assert.True(t, seen[phase], "no row for phase %s", phase)
	}
}
