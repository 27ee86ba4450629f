package sim

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// untrueAtMost is how long a replica may wait for a reason that is not so: until the hooks have seen what is.
const untrueAtMost = 5 * time.Minute

// waiterID is a replica of a job. Those that status does not name at all count as one.
type waiterID struct {
	job     types.UID
	replica int32
}

const unnamed = -1

// untruth is for how long a replica has waited for a reason that was not so.
type untruth struct {
	lasts time.Duration
	seen  time.Time
}

// waiter is a replica that does not train, and what is really there.
type waiter struct {
	laws    *Laws
	job     *v1alpha1.SpotInstanceJob
	pool    *v1alpha1.SpotInstanceVM // nil: there is none
	attempt *batchv1.Job             // the newest; nil: there is none
	pod     *corev1.Pod              // its newest; nil: there is none
}

// judgeWaits is the law waits-have-true-reasons: no replica waits for five minutes without a reason in status.jobStatuses that is true in
// the model: see truths. A replica that status does not name has none, unless a condition tells the same of all replicas: there is no
// pool, the spec is wrong, the job is suspended.
func (l *Laws) judgeWaits(elapsed time.Duration) {
	now := l.world.Clock.Now()
	for _, r := range l.world.API.List("SpotInstanceJob") {
		job := As[*v1alpha1.SpotInstanceJob](r)
		if job.DeletionTimestamp != nil || isOver(job.Status) {
			continue
		}
		pool := l.poolOf(job)
		isTold := job.Spec.Suspend || pool == nil || pool.DeletionTimestamp != nil ||
			conditionIs(job.Status.Conditions, v1alpha1.ConditionSpecValid, metav1.ConditionFalse)
		if len(job.Status.JobStatuses) < replicasOf(job) && !isTold {
			l.noteUntruth(waiterID{job.UID, unnamed}, elapsed, r.Key, "a replica is not named in status")
		}
		for _, entry := range job.Status.JobStatuses {
			w := l.waiterOf(job, pool, entry.Replica)
			if lie := w.lieOf(entry.Reason); lie != "" {
				l.noteUntruth(waiterID{job.UID, entry.Replica}, elapsed, r.Key, "replica "+replicaName(entry.Replica)+" "+lie)
			}
		}
	}
	for id, lie := range l.demand.untrue {
		if lie.seen.Before(now) {
			delete(l.demand.untrue, id)
		}
	}
}

func (l *Laws) noteUntruth(id waiterID, elapsed time.Duration, job Key, what string) {
	lie, known := l.demand.untrue[id]
	if known {
		lie.lasts += elapsed
	}
	lie.seen = l.world.Clock.Now()
	l.demand.untrue[id] = lie
	if lie.lasts > untrueAtMost {
		l.violate("waits-have-true-reasons", "%s: %s, and it has been so for %s", job, what, lie.lasts)
	}
}

// poolOf is the pool that a job names, or nil.
func (l *Laws) poolOf(job *v1alpha1.SpotInstanceJob) *v1alpha1.SpotInstanceVM {
	r := l.world.API.Get(Key{"SpotInstanceVM", job.Namespace, job.Spec.SpotInstanceVMRef.Name})
	if r == nil {
		return nil
	}
	return As[*v1alpha1.SpotInstanceVM](r)
}

func (l *Laws) waiterOf(job *v1alpha1.SpotInstanceJob, pool *v1alpha1.SpotInstanceVM, replica int32) waiter {
	w := waiter{laws: l, job: job, pool: pool}
	for _, r := range l.world.API.List("Job") {
		owner := r.owner()
		if owner == nil || owner.UID != job.UID || isBeingDeleted(r) || r.Object.GetLabels()[v1alpha1.LabelReplica] != replicaName(replica) {
			continue
		}
		if w.attempt == nil || attemptOf(w.attempt) < attemptOf(r.Object) {
			w.attempt = As[*batchv1.Job](r)
		}
	}
	if w.attempt != nil {
		w.pod = l.world.Machines.podOf(w.attempt.UID)
	}
	return w
}

// lieOf tells what is wrong with the reason of a replica, if anything is. One that trains needs none.
func (w waiter) lieOf(reason string) string {
	isTrue, known := truths[reason]
	switch {
	case w.trains() || w.isRejected():
		return ""
	case reason == "":
		return "does not train, and gives no reason"
	case !known:
		return "waits for " + reason + ", which the laws do not know: tell them when it is true, in truths"
	case !isTrue(w):
		return "waits for " + reason + ", which is not so: " + w.String()
	}
	return ""
}

// isRejected is where the law is lenient: a kubelet rejects each pod of the replica. It is told to have lost its VM then.
func (w waiter) isRejected() bool { return w.pod != nil && w.pod.Status.Reason == reasonRejected }

// trains tells whether a program of the replica runs, of the newest attempt or of one before it.
func (w waiter) trains() bool {
	if w.attempt == nil {
		return false
	}
	machines := w.laws.world.Machines
	return slices.ContainsFunc(machines.pods.records, func(r *Record) bool {
		labels, p := r.Object.GetLabels(), machines.programs[r.Object.GetUID()]
		return p != nil && p.isRunning() && labels[v1alpha1.LabelJobUID] == string(w.job.UID) &&
			labels[v1alpha1.LabelReplica] == w.attempt.Labels[v1alpha1.LabelReplica]
	})
}
