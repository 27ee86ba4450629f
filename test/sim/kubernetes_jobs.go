package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// jobController is Kubernetes' Job controller for Jobs of one pod that is never replaced: parallelism and completions 1,
// backoffLimit 0, podReplacementPolicy TerminatingOrFailed.
//
//	Succeeded pod ─► SuccessCriteriaMet ─► Complete
//	Failed or terminating pod ─► FailureTarget ─(pod has ended or is gone)─► Failed
//	spec.suspend ─► Suspended, its pod is deleted and counts for nothing ─(resumed)─► another pod
//
// A pod that the API server refuses is tried again after 1, 2, 4 ... 60 s.
//
// The finalizer of a pod that is being deleted is taken off when nothing else holds the pod any more, not when the Job has
// counted it, since the API removes a pod with its last finalizer. Nobody looks at that finalizer.
type jobController struct {
	world *World
	pods  *stock
	turns *turns

	made     map[types.UID]int // pods so far, by Job
	failures map[Key]int       // of creating a pod, in a row
}

// How long the Job controller waits before it tries once more to create a pod: twice as long after each time.
const (
	podRetries       = time.Second
	podRetriesAtMost = time.Minute
)

func newJobController(w *World) *jobController {
	c := &jobController{world: w, pods: w.Machines.pods, made: map[types.UID]int{}, failures: map[Key]int{}}
	c.turns = newTurns(w, 100*time.Millisecond, time.Second, c.sync)
	return c
}

func (c *jobController) see(change Change) {
	r := change.Record()
	switch r.Kind {
	case "Job":
		c.turns.ask(r.Key)
	case "Pod":
		if owner := r.owner(); owner != nil && owner.Kind == "Job" {
			c.turns.ask(Key{"Job", r.Namespace, owner.Name})
		}
	}
}

func (c *jobController) sync(k Key) {
	job, own := c.find(k)
	if job == nil {
		return
	}
	if isSuspended(job) {
		c.stop(own)
		own = nil
	}
	if len(own) == 0 && job.Status.Failed+job.Status.Succeeded == 0 && !isSuspended(job) {
		c.createPod(job)
		return
	}
	_ = c.world.API.Update(k, job.UID, func(o Object) { c.count(o.(*batchv1.Job), own) }) // it was found just now
	if now := conditionsOf(c.world.API.Get(k)); now != conditionsOf(&Record{Object: job}) {
		c.world.Tracef("job %s %s", k.Name, now)
	}
	for _, pod := range own {
		c.release(pod)
	}
}

// find is a Job and its pods. Pods of a Job that is no more are released.
func (c *jobController) find(k Key) (job *batchv1.Job, own []*corev1.Pod) {
	if r := c.world.API.Get(k); r != nil {
		job = As[*batchv1.Job](r)
	}
	for _, r := range slices.Clone(c.pods.records) {
		owner := r.owner()
		if r.Namespace != k.Namespace || owner == nil || owner.Kind != "Job" || owner.Name != k.Name {
			continue
		}
		if job == nil || owner.UID != job.UID {
			c.release(As[*corev1.Pod](r))
			continue
		}
		if pod := As[*corev1.Pod](r); !isLetGo(pod) {
			own = append(own, pod)
		}
	}
	return job, own
}

// isLetGo tells whether the controller has deleted a pod for a suspension, and counts it no more.
func isLetGo(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && !slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer)
}

// stop deletes the pods of a suspended Job.
func (c *jobController) stop(pods []*corev1.Pod) {
	for _, pod := range pods {
		if isTerminal(pod) || pod.DeletionTimestamp != nil {
			continue
		}
		c.world.Tracef("suspend %s", pod.Name)
		_ = c.world.API.Update(keyOf(pod), pod.UID, func(o Object) { o.SetFinalizers(nil) }) // it was found just now
		_ = c.world.API.Delete(keyOf(pod), pod.UID)
	}
}

// createPod makes the Job's only pod.
func (c *jobController) createPod(job *batchv1.Job) {
	template := job.Spec.Template.DeepCopy()
	labels := maps.Clone(template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[batchv1.ControllerUidLabel], labels[batchv1.JobNameLabel] = string(job.UID), job.Name
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: c.podName(job), Labels: labels, Annotations: template.Annotations,
			Finalizers:      []string{batchv1.JobTrackingFinalizer},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec:   template.Spec,
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	k := keyOf(job)
	_, err := c.world.API.Create(pod)
	if err == nil {
		c.made[job.UID]++
		delete(c.failures, k)
		return
	}
	c.world.Tracef("job %s: %v", job.Name, err)
	_ = c.world.API.Update(k, job.UID, func(o Object) { c.count(o.(*batchv1.Job), nil) }) // it was found just now
	c.failures[k]++
	c.world.whenUp(min(podRetries<<min(c.failures[k]-1, 10), podRetriesAtMost), func() { c.turns.ask(k) })
}

// podName is that of a Job's next pod.
func (c *jobController) podName(job *batchv1.Job) string {
	seed := string(job.UID)
	if n := c.made[job.UID]; n > 0 {
		seed += fmt.Sprint("/", n)
	}
	return job.Name + "-" + v1alpha1.Hash(seed)[:5]
}

// count writes what the pods say of their Job. What was counted once stays counted.
func (c *jobController) count(job *batchv1.Job, pods []*corev1.Pod) {
	s := &job.Status
	var active, ready, terminating, succeeded, failed int32
	for _, pod := range pods {
		switch {
		case pod.Status.Phase == corev1.PodSucceeded:
			succeeded++
		case pod.Status.Phase == corev1.PodFailed:
			failed++
		case pod.DeletionTimestamp != nil:
			failed++
			terminating++
		default:
			active++
			if isReady(pod) {
				ready++
			}
		}
	}
	if s.StartTime == nil && !isSuspended(job) {
		s.StartTime = new(c.world.API.timestamp())
	}
	c.noteSuspension(job)
	s.Active, s.Ready, s.Terminating = active, &ready, &terminating
	s.Succeeded, s.Failed = max(s.Succeeded, succeeded), max(s.Failed, failed)
	c.conclude(s, active+terminating == 0)
}

// noteSuspension writes the condition Suspended, once the Job has been. A Job that is resumed starts anew.
func (c *jobController) noteSuspension(job *batchv1.Job) {
	s, now := &job.Status, c.world.API.timestamp()
	is := batchv1.JobCondition{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse, Reason: "JobResumed", Message: "Job resumed", LastProbeTime: now, LastTransitionTime: now}
	if isSuspended(job) {
		is.Status, is.Reason, is.Message = corev1.ConditionTrue, "JobSuspended", "Job suspended"
	}
	i := slices.IndexFunc(s.Conditions, func(c batchv1.JobCondition) bool { return c.Type == is.Type })
	switch {
	case i < 0 && !isSuspended(job):
	case i < 0:
		s.Conditions = append(s.Conditions, is)
	case s.Conditions[i].Status != is.Status:
		s.Conditions[i] = is
		if !isSuspended(job) {
			s.StartTime = &now
		}
	}
}

// conclude adds the condition that is due next.
func (c *jobController) conclude(s *batchv1.JobStatus, ended bool) {
	const exceeded, reached = "Job has reached the specified backoff limit", "Reached expected number of succeeded pods"
	add := func(kind batchv1.JobConditionType, reason, message string) {
		now := c.world.API.timestamp()
		s.Conditions = append(s.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastProbeTime: now, LastTransitionTime: now,
		})
	}
	succeeds, fails := hasCondition(s, batchv1.JobSuccessCriteriaMet), hasCondition(s, batchv1.JobFailureTarget)
	switch {
	case hasCondition(s, batchv1.JobComplete) || hasCondition(s, batchv1.JobFailed):
	case succeeds && ended:
		s.CompletionTime = new(c.world.API.timestamp())
		add(batchv1.JobComplete, batchv1.JobReasonCompletionsReached, reached)
	case fails && ended:
		add(batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded, exceeded)
	case succeeds || fails:
	case s.Succeeded > 0:
		add(batchv1.JobSuccessCriteriaMet, batchv1.JobReasonCompletionsReached, reached)
	case s.Failed > 0:
		add(batchv1.JobFailureTarget, batchv1.JobReasonBackoffLimitExceeded, exceeded)
	}
}

// release takes the finalizer off a pod that has been counted, or whose Job is no more.
func (c *jobController) release(pod *corev1.Pod) {
	isFree := pod.DeletionTimestamp == nil && isTerminal(pod) || isForceDeleted(pod)
	if !isFree || len(pod.Finalizers) == 0 {
		return
	}
	_ = c.world.API.Update(keyOf(pod), pod.UID, func(o Object) { // it was found just now
		o.SetFinalizers(slices.DeleteFunc(o.GetFinalizers(), func(f string) bool { return f == batchv1.JobTrackingFinalizer }))
	})
}

func hasCondition(s *batchv1.JobStatus, kind batchv1.JobConditionType) bool {
	return slices.ContainsFunc(s.Conditions, func(c batchv1.JobCondition) bool { return c.Type == kind })
}

// conditionsOf is the newest condition of a Job, for the trace.
func conditionsOf(job *Record) string {
	all := As[*batchv1.Job](job).Status.Conditions
	if len(all) == 0 {
		return ""
	}
	return string(all[len(all)-1].Type)
}
