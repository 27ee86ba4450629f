package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// toldBy is the Events that one sync of a world tells, and the status it answers with.
func toldBy(t *testing.T, w world) (events []corev1.Event, status v1alpha1.SpotInstanceJobStatus) {
	t.Helper()
	hook := Hook{Now: func() time.Time { return noon }, Tell: func(told []corev1.Event) { events = append(events, told...) }}
	request := w.request(t)
	response, err := hook.Sync(t.Context(), request)
	require.NoError(t, err)
	return events, response.Status.(v1alpha1.SpotInstanceJobStatus)
}

// Of each replica that waits for another reason than before one Event tells, with what to do. The same facts again tell nothing.
func TestAWaitIsToldOnce(t *testing.T) {
	w := given(anAttempt(0, 1, madeAgo(time.Minute), noPod), ready("vm-1"), anAttempt(1, 1, trains("vm-1", time.Minute)))
	events, status := toldBy(t, w)
	require.Len(t, events, 1)
	assert.Equal(t, corev1.Event{
		Type: corev1.EventTypeWarning, Reason: v1alpha1.WaitNoPod,
		Message:        "replica 0, attempt 1, has no pod, so it asks for no VM: kubectl describe job train-392faf-r0-a1 tells why",
		InvolvedObject: corev1.ObjectReference{APIVersion: "training.training.dcnlab.com/v1alpha1", Kind: "SpotInstanceJob", Namespace: "ml", Name: "train", UID: "uid-train"},
	}, events[0])

	w.job.Status = status
	events, status = toldBy(t, w)
	assert.Empty(t, events, "nothing changed")

	w.job.Status = status
	gone("vm-1", time.Second)(&w)
	w.pool.Status.ProvisionedInstances = w.pool.Status.ProvisionedInstances[1:]
	events, _ = toldBy(t, w)
	require.Len(t, events, 1, "of the other replica nothing new is told")
	assert.Equal(t, v1alpha1.WaitVMLost, events[0].Reason)
	assert.Equal(t, "replica 1, attempt 1, lost its VM", events[0].Message)
}

func TestWhichWaitsAreTold(t *testing.T) {
	failed := and(replicas(1), ready("vm-0"), templateWith(`"backoffLimit":0,`), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), final))
	for name, c := range map[string]struct {
		facts        []fact
		kind, reason string // empty: none is told
		says         string
	}{
		"its Job was asked for now": {facts: []fact{replicas(1)}},
		"it trains":                 {facts: []fact{peers(time.Minute)}},
		"no VM is free":             {facts: []fact{replicas(1), anAttempt(0, 1)}, kind: corev1.EventTypeNormal, reason: v1alpha1.WaitForVM, says: "replica 0, attempt 1, waits for a VM"},
		"no pool":                   {facts: []fact{replicas(1), noPool, anAttempt(0, 1)}, kind: corev1.EventTypeWarning, reason: v1alpha1.WaitPoolMissing, says: "SpotInstanceVM"},
		"it is suspended":           {facts: []fact{replicas(1), suspended, anAttempt(0, 1)}, kind: corev1.EventTypeNormal, reason: v1alpha1.WaitSuspended, says: "is suspended: it goes on when spec.suspend is false"},
		"it has completed":          {facts: []fact{replicas(1), ready("vm-0"), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))}, kind: corev1.EventTypeNormal, reason: v1alpha1.WaitOver, says: "is over: Job train-392faf-r0-a1 completed the training"},
		"it has failed":             {facts: []fact{failed}, kind: corev1.EventTypeWarning, reason: v1alpha1.WaitOver, says: "failed"},
		"the job is being deleted":  {facts: []fact{replicas(1), anAttempt(0, 1), func(w *world) { w.job.DeletionTimestamp = new(stamp(noon)) }}},
	} {
		t.Run(name, func(t *testing.T) {
			events, _ := toldBy(t, given(c.facts...))
			if c.reason == "" {
				assert.Empty(t, events)
				return
			}
			require.Len(t, events, 1)
			assert.Equal(t, []string{c.kind, c.reason}, []string{events[0].Type, events[0].Reason})
			assert.Contains(t, events[0].Message, c.says)
		})
	}
}
