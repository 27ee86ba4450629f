package spotinstancevm

import (
	"cmp"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// want is a replica of a training job that wants a VM.
type want struct {
	job     string   // UID of the SpotInstanceJob
	vms     []string // that its pods are on
	attempt string   // name of the Job whose pod waits for a Node; empty: none does

	name   string          // of one of its Jobs
	pod    *corev1.PodSpec // that its Jobs make, as far as it asks something of its Node
	zones  []string        // of the spec, that its pod may run in; nil: all
	misfit *nodefit.Misfit // why no VM of the pool can run its pod; nil: one may
	unfit  bool            // found now: misfit is set, and it is on no VM

	waitsSince time.Time // since when the scheduler finds no Node for that pod
	said       string    // by the scheduler, of that pod
	heldUntil  time.Time // as status has it: no VM is bought for that pod before; zero: nothing holds it
	heldFor    string    // what the scheduler said when VMs were there that it did not bind the pod to
}

// wantsOf are the replicas of training jobs that want a VM. The attempt of a replica that was lost or failed stays listed
// until its successor exists, so each replica counts once and without gaps.
func wantsOf(r request, now time.Time) []want {
	type replica struct{ job, replica string }
	byReplica := map[replica]*want{}
	for _, job := range r.jobs {
		id := replica{job.Labels[v1alpha1.LabelJobUID], job.Labels[v1alpha1.LabelReplica]}
		if id.job == "" || id.replica == "" || !r.wantsVM(job, now) {
			continue
		}
		if byReplica[id] == nil {
			byReplica[id] = &want{job: id.job, pod: &job.Spec.Template.Spec}
		}
		byReplica[id].name = job.Name
		if pod := r.podOf[job.UID]; pod != nil {
			byReplica[id].takePod(job.Name, *pod)
		}
	}
	wants := make([]want, 0, len(byReplica))
	for _, id := range slices.SortedFunc(maps.Keys(byReplica), func(a, b replica) int {
		return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.replica, b.replica))
	}) {
		w := *byReplica[id]
		w.recallHold(r.pool.Status)
		wants = append(wants, w)
	}
	return wants
}

// wantsVM tells whether a Job's replica can use a VM:
//
//	the Job is being deleted, or is no attempt of a SpotInstanceJob        no
//	it ended, and no attempt follows it: see readOver                      no
//	it is suspended by somebody else, and its pod does not run (any more)  no
//	its pod has scheduling gates                                           no
//	it has had no pod for PodGrace                                         no
//	its pod was rejected so often in a row that the replica rests          no
//	else                                                                   yes
func (r request) wantsVM(job batchv1.Job, now time.Time) bool {
	pod := r.podOf[job.UID]
	hasPod := pod != nil && pod.DeletionTimestamp == nil && !hasEnded(*pod)
	switch {
	case job.DeletionTimestamp != nil || !isAttempt(job):
		return false
	case r.over[job.UID]:
		return false
	case job.Spec.Suspend != nil && *job.Spec.Suspend && !hasPod:
		return false
	case hasPod && isGated(*pod), isResting(job, pod):
		return false
	}
	return pod != nil || hasEndedJob(job) || job.Status.Active > 0 || now.Sub(podsSince(job)) < v1alpha1.PodGrace
}

// isAttempt tells whether a SpotInstanceJob controls the Job. Labels can be copied.
func isAttempt(job batchv1.Job) bool {
	owner := metav1.GetControllerOfNoCopy(&job)
	return owner != nil && owner.Kind == "SpotInstanceJob"
}

// isGated tells whether somebody keeps the pod from the scheduler.
func isGated(pod corev1.Pod) bool {
	scheduled := podCondition(pod, corev1.PodScheduled)
	return scheduled != nil && scheduled.Status == corev1.ConditionFalse && scheduled.Reason == corev1.PodReasonSchedulingGated
}

// podsSince is since when the Job controller may make the Job's pod: since the Job exists, or is not suspended any more.
func podsSince(job batchv1.Job) time.Time {
	return later(job.CreationTimestamp.Time, timeOf(job.Status.StartTime))
}

// takePod notes where a pod of the replica is, or that it waits for a Node.
func (w *want) takePod(attempt string, pod corev1.Pod) {
	if pod.Spec.NodeName != "" {
		w.vms = append(w.vms, pod.Spec.NodeName)
		return
	}
	scheduled := podCondition(pod, corev1.PodScheduled)
	if pod.DeletionTimestamp != nil || hasEnded(pod) || scheduled != nil && scheduled.Status == corev1.ConditionTrue {
		return
	}
	// A scheduler of somebody's own may say nothing at all.
	w.attempt, w.waitsSince, w.said = attempt, pod.CreationTimestamp.Time, "the scheduler has said nothing of the pod"
	if scheduled != nil {
		w.waitsSince, w.said = scheduled.LastTransitionTime.Time, scheduled.Message
	}
}

func (w *want) recallHold(status v1alpha1.SpotInstanceVMStatus) {
	for _, held := range status.UnschedulableReplicas {
		if held.JobName == w.attempt {
			w.heldUntil, w.heldFor = held.Until.Time, held.Message
		}
	}
}

func podCondition(pod corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &pod.Status.Conditions[i]
}

func hasEndedJob(job batchv1.Job) bool {
	return jobIs(job, batchv1.JobComplete) || jobIs(job, batchv1.JobFailed)
}

func jobIs(job batchv1.Job, condition batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == condition && c.Status == corev1.ConditionTrue
	})
}
