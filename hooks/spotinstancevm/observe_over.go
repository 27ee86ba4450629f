package spotinstancevm

import (
	"context"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	// mostJudgesRead bounds how many SpotInstanceJobs one call reads.
	mostJudgesRead = 20
	// verdictsTimeout is what a call that may have to buy a VM waits for all of them.
	verdictsTimeout = time.Second
	// unjudgedFor is how long a Job that has ended counts as one that another attempt follows, while the SpotInstanceJob cannot be read.
	unjudgedFor = 5 * time.Minute
)

// readOver tells which Jobs no attempt follows: the training succeeded, or failed for good. Whether an attempt that exited 0, or failed for
// the last time, was rather lost with its VM, only the hook of the SpotInstanceJob judges, by more than this hook is sent. So its verdict
// is read, from the API server itself, of Jobs that have ended and might be the last. That is none in most calls, and each once: what is
// over stays over. Nobody waits for a verdict: until there is one the replica wants a VM.
func (h *Hook) readOver(ctx context.Context, r request, now time.Time) map[types.UID]bool {
	ctx, cancel := context.WithTimeout(ctx, verdictsTimeout)
	defer cancel()
	known := h.memory.over(r.pool.UID)
	over := map[types.UID]bool{}
	verdicts := map[types.NamespacedName]judge{}
	for _, job := range mayBeLast(r.jobs) {
		if known[job.UID] {
			over[job.UID] = true
			continue
		}
		name := types.NamespacedName{Namespace: job.Namespace, Name: metav1.GetControllerOfNoCopy(&job).Name}
		verdict, isRead := verdicts[name]
		if !isRead && len(verdicts) < mostJudgesRead {
			verdict = h.askJudge(ctx, name)
			verdicts[name] = verdict
		}
		if verdict.isOver(job) || !verdict.answered && now.Sub(endOfJob(job)) > unjudgedFor {
			over[job.UID] = true
		}
		if verdict.isOver(job) {
			known[job.UID] = true
		}
	}
	h.memory.setOver(r.pool.UID, known, r.jobs)
	return over
}

// mayBeLast are the Jobs that have ended so that no attempt may follow, the newest end first.
func mayBeLast(jobs []batchv1.Job) []batchv1.Job {
	ended := slices.DeleteFunc(slices.Clone(jobs), func(job batchv1.Job) bool {
		final := job.Annotations[v1alpha1.AnnotationFinalAttempt] == "true" && jobIs(job, batchv1.JobFailed)
		return job.DeletionTimestamp != nil || !isAttempt(job) || !jobIs(job, batchv1.JobComplete) && !final
	})
	slices.SortStableFunc(ended, func(a, b batchv1.Job) int { return endOfJob(b).Compare(endOfJob(a)) })
	return ended
}

// endOfJob is when a Job was Complete or Failed, or zero.
func endOfJob(job batchv1.Job) time.Time {
	var end time.Time
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed {
			end = later(end, c.LastTransitionTime.Time)
		}
	}
	return end
}

// judge is what the API server said of a SpotInstanceJob.
type judge struct {
	answered bool
	job      *v1alpha1.SpotInstanceJob // nil: there is none of this name
}

func (h *Hook) askJudge(ctx context.Context, name types.NamespacedName) judge {
	job, err := h.kube.TrainingJob(ctx, name.Namespace, name.Name)
	if err != nil {
		return judge{answered: apierrors.IsNotFound(err)}
	}
	return judge{answered: true, job: job}
}

// isOver tells whether no attempt follows a Job that has ended.
func (j judge) isOver(job batchv1.Job) bool {
	switch {
	case !j.answered:
		return false
	case j.job == nil || j.job.UID != metav1.GetControllerOfNoCopy(&job).UID:
		return true // its Jobs are collected
	case j.job.Status.Phase == v1alpha1.JobSucceeded || j.job.Status.Phase == v1alpha1.JobFailed:
		return true
	}
	return slices.ContainsFunc(j.job.Status.JobStatuses, func(replica v1alpha1.JobReplicaStatus) bool {
		return replica.Name == job.Name && (replica.Phase == v1alpha1.ReplicaSucceeded || replica.Phase == v1alpha1.ReplicaFailed)
	})
}

// over are the Jobs that no attempt follows, as far as this server has heard.
func (m *memory) over(uid types.UID) map[types.UID]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := maps.Clone(m.pool(uid).over)
	if known == nil {
		known = map[types.UID]bool{}
	}
	return known
}

// setOver keeps those of them that are there still.
func (m *memory) setOver(uid types.UID, known map[types.UID]bool, jobs []batchv1.Job) {
	kept := map[types.UID]bool{}
	for _, job := range jobs {
		if known[job.UID] {
			kept[job.UID] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool(uid).over = kept
}
