package sim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	sampling = 5 * time.Minute
	// stuckAfter exceeds all that may hold a job which nothing is wrong with any more: failed starts are remembered for an
	// hour and wait 30 minutes, a VM has 15 minutes to join, an image that cannot be pulled holds a replica for 15 minutes
	// twice, Metacontroller backs off for 17 minutes.
	stuckAfter = 2 * time.Hour
)

// livePast is what the laws saw of the training.
type livePast struct {
	next   time.Time                   // sample
	faults int                         // at the last sample
	wrong  time.Time                   // when something last went wrong
	pods   map[types.UID]time.Duration // training of each pod at the last sample
	moved  map[types.UID]time.Time     // when a job last trained, by its UID
}

func newLivePast(w *World) livePast {
	return livePast{next: w.start, wrong: w.start, pods: map[types.UID]time.Duration{}, moved: map[types.UID]time.Time{}}
}

// sample is the law training-goes-on: in a world in which nothing is wrong a job that should train does.
func (l *Laws) sample() {
	now := l.world.Clock.Now()
	if now.Before(l.live.next) {
		return
	}
	l.live.next = now.Add(sampling)
	if faults := l.world.Counts.Total(); faults != l.live.faults || l.ear.calm.IsZero() {
		l.live.faults, l.live.wrong = faults, now
	}
	l.samplePods(now)
	for _, r := range l.world.API.List("SpotInstanceJob") {
		job := As[*v1alpha1.SpotInstanceJob](r)
		since := l.live.moved[job.UID]
		for _, at := range []time.Time{l.live.wrong, l.ear.calm, job.CreationTimestamp.Time} {
			if at.After(since) {
				since = at
			}
		}
		if now.Sub(since) > stuckAfter && l.shouldTrain(job) && l.hasRoom(job) {
			l.violate("training-goes-on", "%s has not trained for %s, and nothing is wrong", r.Key, now.Sub(since))
		}
	}
}

// samplePods notes which jobs have trained since the last sample.
func (l *Laws) samplePods(now time.Time) {
	pods := map[types.UID]time.Duration{}
	for _, r := range l.world.API.List("Pod") {
		pod := As[*corev1.Pod](r)
		if pod.Labels[v1alpha1.LabelJobUID] == "" {
			continue
		}
		pods[pod.UID] = l.world.Machines.Progress(pod)
		if pods[pod.UID] > l.live.pods[pod.UID] {
			l.live.moved[types.UID(pod.Labels[v1alpha1.LabelJobUID])] = now
		}
	}
	l.live.pods = pods
}

// shouldTrain tells whether a job is neither over, nor suspended, nor wrong. Nobody promises that VMs have the labels that its pods ask for.
func (l *Laws) shouldTrain(job *v1alpha1.SpotInstanceJob) bool {
	return job.DeletionTimestamp == nil && !isOver(job.Status) && !job.Spec.Suspend && len(templatePod(job).NodeSelector) == 0 &&
		!conditionIs(job.Status.Conditions, v1alpha1.ConditionSpecValid, metav1.ConditionFalse)
}

// hasRoom tells whether a job's pool is there and large enough for all that want its VMs.
func (l *Laws) hasRoom(job *v1alpha1.SpotInstanceJob) bool {
	r := l.world.API.Get(Key{"SpotInstanceVM", job.Namespace, job.Spec.SpotInstanceVMRef.Name})
	if r == nil || r.Object.GetDeletionTimestamp() != nil {
		return false
	}
	pool := As[*v1alpha1.SpotInstanceVM](r)
	wanted := 0
	for _, other := range l.world.API.List("SpotInstanceJob") {
		if job := As[*v1alpha1.SpotInstanceJob](other); job.Spec.SpotInstanceVMRef.Name == pool.Name && !isOver(job.Status) {
			wanted += replicasOf(job)
		}
	}
	room := 10
	if pool.Spec.MaxReplicas != nil {
		room = int(*pool.Spec.MaxReplicas)
	}
	if pool.Spec.Replicas != nil {
		room = min(room, int(*pool.Spec.Replicas))
	}
	return wanted <= room
}

// allRun is the law all-replicas-run: in a world that is left alone for long enough each job has all its replicas, but for
// those that have failed too often. It tells what is not so yet. It is lenient while a VM of the pool is replaced because
// its run limit is near.
func (l *Laws) allRun() error {
	for _, r := range l.world.API.List("SpotInstanceJob") {
		job := As[*v1alpha1.SpotInstanceJob](r)
		if !l.shouldTrain(job) || !l.hasRoom(job) || l.isRenewing(job) {
			continue
		}
		failed := 0
		for _, replica := range job.Status.JobStatuses {
			if replica.Phase == v1alpha1.ReplicaFailed {
				failed++
			}
		}
		if int(job.Status.ActiveReplicas)+failed < replicasOf(job) {
			return fmt.Errorf("%s has %d of %d replicas running and %d failed", r.Key, job.Status.ActiveReplicas, replicasOf(job), failed)
		}
	}
	return nil
}

// isRenewing tells whether a VM of a job's pool reaches its run limit, and another has not taken its place.
func (l *Laws) isRenewing(job *v1alpha1.SpotInstanceJob) bool {
	r := l.world.API.Get(Key{"SpotInstanceVM", job.Namespace, job.Spec.SpotInstanceVMRef.Name})
	return r != nil && slices.ContainsFunc(As[*v1alpha1.SpotInstanceVM](r).Status.ProvisionedInstances, func(entry v1alpha1.VMInstanceStatus) bool {
		return entry.Reason == v1alpha1.VMRunLimit && entry.State != v1alpha1.InstanceGone
	})
}
