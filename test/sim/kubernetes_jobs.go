package sim

import (
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// jobController is Kubernetes' Job controller for Jobs of one pod that is never replaced: parallelism and completions 1,
// backoffLimit 0, podReplacementPolicy TerminatingOrFailed.
//
//	Succeeded pod ─► SuccessCriteriaMet ─► Complete
//	Failed or terminating pod ─► FailureTarget ─(pod has ended or is gone)─► Failed
//
// The finalizer of a pod that is being deleted is taken off when nothing else holds the pod any more, not when the Job has
// counted it, since the API removes a pod with its last finalizer. Nobody looks at that finalizer.
type jobController struct {
	world *World
	pods  *stock
	turns *turns
}

func newJobController(w *World) *jobController {
	c := &jobController{world: w, pods: w.Machines.pods}
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
	if len(own) == 0 && job.Status.Failed+job.Status.Succeeded == 0 {
		c.createPod(job)
		return
	}
	_ = c.world.API.Update(k, job.UID, func(o Object) { c.count(&o.(*batchv1.Job).Status, own) }) // it was found just now
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
		own = append(own, As[*corev1.Pod](r))
	}
	return job, own
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
			Namespace: job.Namespace, Name: job.Name + "-" + v1alpha1.Hash(string(job.UID))[:5], Labels: labels, Annotations: template.Annotations,
			Finalizers:      []string{batchv1.JobTrackingFinalizer},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec:   template.Spec,
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if _, err := c.world.API.Create(pod); err != nil {
		c.world.Tracef("job %s: %v", job.Name, err)
	}
}

// count writes what the pods say of their Job. What was counted once stays counted.
func (c *jobController) count(s *batchv1.JobStatus, pods []*corev1.Pod) {
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
	if s.StartTime == nil {
		s.StartTime = new(c.world.API.timestamp())
	}
	s.Active, s.Ready, s.Terminating = active, &ready, &terminating
	s.Succeeded, s.Failed = max(s.Succeeded, succeeded), max(s.Failed, failed)
	c.conclude(s, active+terminating == 0)
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
