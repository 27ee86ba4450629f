package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const asksForSSD = `{"spec":{"template":{"spec":{"nodeSelector":{"example.com/disk":"ssd"}}}}}`

// alone lets time pass without a call of the hooks.
func (w *court) alone(d time.Duration) {
	w.Meta.restart(1000 * time.Hour)
	w.tick()
	w.Advance(d)
}

// tick lets the laws look, though nothing happens.
func (w *court) tick() { w.Clock.AfterFunc(10*time.Second, w.tick) }

func (w *court) change(k Key, change func(Object)) {
	w.Helper()
	require.NoError(w, w.API.Update(k, "", change))
}

func (w *court) changeJob(change func(*v1alpha1.SpotInstanceJob)) {
	w.change(keyOf(w.job), func(o Object) { change(o.(*v1alpha1.SpotInstanceJob)) })
}

// saysWait lets the job's status say why replica 0 waits.
func (w *court) saysWait(reason string) {
	w.changeJob(func(job *v1alpha1.SpotInstanceJob) {
		job.Status.JobStatuses = []v1alpha1.JobReplicaStatus{{Name: "one", Reason: reason}}
	})
}

// oneVM is a pool with a VM whose Node never comes, bought for a replica.
func (w *court) oneVM() {
	w.saysWait(v1alpha1.WaitSuspended)
	w.changeJob(func(job *v1alpha1.SpotInstanceJob) { job.Spec.Suspend = true })
	w.attempt("one", "0")
	w.poolSays(planned("pool-0"))
	w.insert("pool-0")
	w.alone(30 * time.Minute)
}

// changeAttempt is an attempt that was changed, and its pod.
func (w *court) changeAttempt(job func(*batchv1.Job), pod func(*corev1.Pod)) {
	w.attempt("one", "0")
	w.change(Key{"Job", Namespace, "one"}, func(o Object) { job(o.(*batchv1.Job)) })
	if pod == nil {
		w.API.Remove(Key{"Pod", Namespace, "one"})
		return
	}
	w.change(Key{"Pod", Namespace, "one"}, func(o Object) {
		o.(*corev1.Pod).Status = corev1.PodStatus{Phase: corev1.PodPending}
		pod(o.(*corev1.Pod))
	})
}

// Each reason is true of what it is for, and of nothing that looks like it.
func TestReasonsThatAreTrue(t *testing.T) {
	asItIs, unbound := func(*batchv1.Job) {}, func(p *corev1.Pod) { p.Spec.NodeName = "" }
	suspended := func(j *batchv1.Job) { j.Spec.Suspend = new(true) }
	noPods := func(w *court) { w.API.admit = (&podQuota{world: w.World}).admit }
	failed := func(j *batchv1.Job) {
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
	}
	all := []string{
		v1alpha1.WaitNoCapacity, v1alpha1.WaitAtMaxReplicas, v1alpha1.WaitForVM, v1alpha1.WaitUnschedulable, v1alpha1.WaitNoPod, v1alpha1.WaitSchedulingGated,
		v1alpha1.WaitSuspendedByOthers, v1alpha1.WaitForJob, v1alpha1.WaitPoolMissing, v1alpha1.WaitSpecInvalid, v1alpha1.WaitStarting,
		v1alpha1.WaitForCheckpoint, v1alpha1.WaitVMLost, v1alpha1.WaitEnding, v1alpha1.WaitBackingOff, v1alpha1.WaitSuspended, v1alpha1.WaitOver,
	}
	for name, c := range map[string]struct {
		is   func(*court)
		true []string
	}{
		"no Job yet":            {func(*court) {}, []string{v1alpha1.WaitForJob}},
		"no pool":               {func(w *court) { w.API.Remove(keyOf(w.pool)) }, []string{v1alpha1.WaitForJob, v1alpha1.WaitPoolMissing}},
		"no pod":                {func(w *court) { w.changeAttempt(asItIs, nil); noPods(w); w.alone(time.Minute) }, []string{v1alpha1.WaitNoPod}},
		"no pod for a moment":   {func(w *court) { w.changeAttempt(asItIs, nil) }, []string{v1alpha1.WaitForVM, v1alpha1.WaitNoPod}},
		"suspended by others":   {func(w *court) { w.changeAttempt(suspended, nil) }, []string{v1alpha1.WaitSuspendedByOthers}},
		"suspended by its user": {func(w *court) { w.changeJob(func(job *v1alpha1.SpotInstanceJob) { job.Spec.Suspend = true }) }, []string{v1alpha1.WaitForJob, v1alpha1.WaitSuspended}},
		"no VM is free":         {func(w *court) { w.changeAttempt(asItIs, unbound) }, []string{v1alpha1.WaitForVM}},
		"GCE has refused one":   {func(w *court) { w.changeAttempt(asItIs, unbound); w.Laws.demand.lost = w.Clock.Now() }, []string{v1alpha1.WaitForVM, v1alpha1.WaitNoCapacity}},
		"the pool may have none": {func(w *court) {
			w.changeAttempt(asItIs, unbound)
			w.change(keyOf(w.pool), func(o Object) { o.(*v1alpha1.SpotInstanceVM).Spec.Replicas = new(int32) })
		}, []string{v1alpha1.WaitForVM, v1alpha1.WaitAtMaxReplicas}},
		"gated": {func(w *court) {
			w.changeAttempt(asItIs, func(p *corev1.Pod) {
				p.Spec.NodeName, p.Spec.SchedulingGates = "", []corev1.PodSchedulingGate{{Name: "queue"}}
			})
		}, []string{v1alpha1.WaitForVM, v1alpha1.WaitSchedulingGated}},
		"a VM stood free":    {func(w *court) { w.changeAttempt(asItIs, unbound); w.Laws.demand.beside[w.pool.UID] = w.Clock.Now() }, []string{v1alpha1.WaitForVM, v1alpha1.WaitUnschedulable}},
		"its Node is gone":   {func(w *court) { w.changeAttempt(asItIs, func(*corev1.Pod) {}) }, []string{v1alpha1.WaitForJob, v1alpha1.WaitStarting, v1alpha1.WaitVMLost}},
		"its program failed": {func(w *court) { w.changeAttempt(failed, nil) }, []string{v1alpha1.WaitForJob, v1alpha1.WaitVMLost, v1alpha1.WaitEnding, v1alpha1.WaitBackingOff, v1alpha1.WaitOver}},
		"a checkpoint is made": {func(w *court) {
			w.inFlight()
			w.change(Key{"Job", Namespace, "one"}, func(o Object) { failed(o.(*batchv1.Job)) })
		}, []string{v1alpha1.WaitForJob, v1alpha1.WaitForCheckpoint, v1alpha1.WaitEnding, v1alpha1.WaitBackingOff, v1alpha1.WaitOver, v1alpha1.WaitVMLost}},
		"a label that no VM has": {func(w *court) {
			w.changeAttempt(asItIs, unbound)
			w.changeJob(func(job *v1alpha1.SpotInstanceJob) { job.Spec.JobTemplate.Raw = []byte(asksForSSD) })
		}, []string{v1alpha1.WaitForVM, v1alpha1.WaitSpecInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCourt(t)
			c.is(w)
			var found []string
			for _, reason := range all {
				job := As[*v1alpha1.SpotInstanceJob](w.API.Get(keyOf(w.job)))
				if w.Laws.waiterOf(job, w.Laws.poolOf(job), 0).lieOf(reason) == "" {
					found = append(found, reason)
				}
			}
			assert.ElementsMatch(t, c.true, found)
		})
	}
}
