package spotinstancejob

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// mostLosses is how many losses status lists.
const mostLosses = 10

// renderLosses lists the newest losses. The newest of each replica is told by the attempt that followed it, and all others by
// status alone.
func renderLosses(o observed) []v1alpha1.JobLossStatus {
	losses := lossesTold(o)
	for _, old := range o.job.Status.RecentLosses {
		isKnown := slices.ContainsFunc(losses, func(l v1alpha1.JobLossStatus) bool {
			return l.Replica == old.Replica && l.Attempt == old.Attempt
		})
		if !isKnown && secondsOf(old.LostSeconds) >= 0 && secondsOf(old.LostSeconds) <= mostSeconds && webhook.IsWritable(old.Time) {
			losses = append(losses, old)
		}
	}
	slices.SortFunc(losses, func(a, b v1alpha1.JobLossStatus) int {
		return cmp.Or(b.Time.Compare(a.Time.Time), cmp.Compare(a.Replica, b.Replica), cmp.Compare(b.Attempt, a.Attempt))
	})
	return losses[:min(len(losses), mostLosses)]
}

// renderSeconds are the seconds that were lost, unless only the training knows.
func renderSeconds(o observed, lost int64) *int64 {
	if o.savesItself() {
		return nil
	}
	return &lost
}

func secondsOf(lost *int64) int64 {
	if lost == nil {
		return 0
	}
	return *lost
}

// failureOf is how a replica's newest attempt failed, while its pod is there to tell.
func failureOf(r replica) *v1alpha1.JobFailureStatus {
	a, hasFailed := r.newest, r.phase == v1alpha1.ReplicaBackingOff || r.phase == v1alpha1.ReplicaFailed || r.phase == v1alpha1.ReplicaRestoreFailed
	if !hasFailed || a.pod == nil || a.pod.failure == "" || a.end().IsZero() {
		return nil
	}
	return &v1alpha1.JobFailureStatus{Attempt: a.attempt, Time: metav1.Time{Time: a.end().UTC().Truncate(time.Second)}, Message: a.pod.failure}
}

// lostSince is when a replica's newest attempt lost its VM, or began to, or zero. What status says stays while the phase does: the pool, the
// Node and the pod tell of one loss at different times.
func lostSince(r replica) time.Time {
	if r.phase != v1alpha1.ReplicaDoomed && r.phase != v1alpha1.ReplicaLost {
		return time.Time{}
	}
	if r.newest.previous == r.phase && !r.newest.lostSince.IsZero() {
		return r.newest.lostSince
	}
	since := r.newest.end().UTC().Truncate(time.Second)
	if !webhook.IsWritable(metav1.Time{Time: since}) {
		return time.Time{}
	}
	return since
}

// keptFailure is the one that status knows, unless somebody made something else of it.
func keptFailure(old *v1alpha1.JobFailureStatus) *v1alpha1.JobFailureStatus {
	if old == nil || len(old.Message) > 2*mostLastWords || !webhook.IsWritable(old.Time) {
		return nil
	}
	return old
}

// lossesTold are those in the ledgers that an attempt has followed.
func lossesTold(o observed) []v1alpha1.JobLossStatus {
	var losses []v1alpha1.JobLossStatus
	for replica, account := range o.ledger.Replicas {
		next := slices.IndexFunc(o.attempts, func(a attempt) bool { return a.replica == replica && a.attempt > account.Through })
		if next >= 0 && !account.LastLoss.IsZero() {
			losses = append(losses, v1alpha1.JobLossStatus{
				Replica: replica, Attempt: account.Through, Time: metav1.Time{Time: account.LastLoss},
				LostSeconds: renderSeconds(o, account.LastLost), RestoredFrom: o.attempts[next].image,
			})
		}
	}
	return losses
}
