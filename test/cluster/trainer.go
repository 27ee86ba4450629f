package cluster

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Annotations of a pod that say what its program does. Times are seconds, fractions allowed. Without them a program
// runs until it is told to end.
const (
	// AnnotationTrainSeconds is how much training the program needs, including what it restored: it then exits 0.
	AnnotationTrainSeconds = "lab.training.dcnlab.com/train-seconds"
	// AnnotationFailAfter is how long after its start the program exits 1.
	AnnotationFailAfter = "lab.training.dcnlab.com/fail-after"
	// AnnotationSIGTERM is "exit0" for a program that catches SIGTERM and exits 0; others exit 143. One that saves itself has saved by then.
	AnnotationSIGTERM = "lab.training.dcnlab.com/sigterm"
)

// Trainer runs the programs of all pods on Nodes whose kubelet lives: it pulls images, lets training progress in real
// time from what the image restored, ends programs, and reports that as a kubelet does. kwok starts and removes pods.
type Trainer struct {
	cluster *Cluster
	images  *Images
	pods    corelisters.PodLister
	kubelet kubelet

	mu         sync.Mutex
	terminated map[types.UID]termination
	acted      map[types.UID]string // resource version of the pod as it was last written on: older ones are old news
	saved      map[string]save      // by replica, of programs that save themselves
}

// save is what a program has saved when it was told to end.
type save struct {
	by       types.UID // its pod
	progress time.Duration
}

// kubelet is what a Node's kubelet is up to.
type kubelet interface {
	reaches(node string) bool   // it runs and can talk to the API server
	shutsDown(node string) bool // its VM was told to stop
	lost(node string) bool      // its VM is off for good

	rejects(node string) string // why it rejects each pod; empty: it does not
}

// termination is a SIGTERM that was sent.
type termination struct {
	at       time.Time
	shutDown bool
}

// trainerTick is how often the Trainer looks; programs end up to that much late.
const trainerTick = 100 * time.Millisecond

func (t *Trainer) run(ctx context.Context) {
	for sleep(ctx, trainerTick) {
		pods, err := t.pods.List(labels.Everything())
		if err != nil {
			continue // a lister of a cache has no errors
		}
		for _, pod := range pods {
			if pod.Spec.NodeName != "" && t.kubelet.reaches(pod.Spec.NodeName) {
				t.look(ctx, pod)
			}
		}
		t.forget(pods)
	}
}

// look does what is due for one pod.
func (t *Trainer) look(ctx context.Context, cached *corev1.Pod) {
	if t.isOld(cached) {
		return
	}
	pod := cached.DeepCopy()
	if !t.change(pod) {
		return
	}
	_, err := t.cluster.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	if err == nil {
		t.setActed(cached)
		return
	}
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		fmt.Fprintf(t.cluster.log, "lab: pod %s/%s: %v\n", pod.Namespace, pod.Name, err)
	}
}

// change writes into the pod's status what is due, and reports whether anything is.
func (t *Trainer) change(pod *corev1.Pod) bool {
	now := time.Now()
	switch pod.Status.Phase {
	case corev1.PodPending, "":
		if t.kubelet.shutsDown(pod.Spec.NodeName) {
			setRejected(pod, "NodeShutdown", "Pod was rejected as the node is shutting down.")
			return true
		}
		if reason := t.kubelet.rejects(pod.Spec.NodeName); reason != "" {
			setRejected(pod, reason, "Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which is unexpected")
			return true
		}
		return pod.DeletionTimestamp == nil && t.pull(pod)
	case corev1.PodRunning:
		e, due := t.ending(pod, now)
		if due {
			setEnded(pod, e, metav1.NewTime(now))
		}
		return due
	}
	return false
}

// pull reports the images of a new pod as there or not.
func (t *Trainer) pull(pod *corev1.Pod) bool {
	for _, container := range pod.Spec.Containers {
		if _, found := t.images.Progress(container.Image); !found {
			return setWaiting(pod, "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: not found", container.Image))
		}
	}
	return setWaiting(pod, "ContainerCreating", "")
}

// ending is how the program of a running pod ends, and whether it does now.
func (t *Trainer) ending(pod *corev1.Pod, now time.Time) (ending, bool) {
	if term, ok := t.termination(pod, now); ok {
		t.save(pod, now)
		exit := int32(exitSIGTERM)
		if pod.Annotations[AnnotationSIGTERM] == "exit0" {
			exit = 0
		}
		return ending{exitCode: exit, shutDown: term.shutDown}, now.Sub(term.at) >= t.cluster.timing.SIGTERM
	}
	ran := now.Sub(startedAt(pod))
	if t.images.isBroken(pod.Spec.Containers[0].Image) {
		return ending{exitCode: 1}, true
	}
	if after, ok := seconds(pod, AnnotationFailAfter); ok && ran >= after {
		return ending{exitCode: 1}, true
	}
	needed, ok := seconds(pod, AnnotationTrainSeconds)
	return ending{}, ok && t.Progress(pod) >= needed
}

// Progress is how much training a pod has behind it: what its image restored and what it trained since. It stands still
// once the pod has ended, and is zero before the pod starts.
func (t *Trainer) Progress(pod *corev1.Pod) time.Duration {
	began, ended := startedAt(pod), endedAt(pod)
	if began.IsZero() {
		return 0
	}
	if ended.IsZero() {
		ended = time.Now()
	}
	restored, _ := t.images.Progress(pod.Spec.Containers[0].Image)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch saved := t.saved[replicaKey(pod)]; {
	case !savesItself(pod):
	case saved.by == pod.UID:
		return saved.progress
	default:
		restored = saved.progress
	}
	return restored + ended.Sub(began)
}

// save keeps the training of a program that saves itself and was told to end, once.
func (t *Trainer) save(pod *corev1.Pod, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := replicaKey(pod)
	if before := t.saved[k]; savesItself(pod) && before.by != pod.UID {
		t.saved[k] = save{by: pod.UID, progress: before.progress + now.Sub(startedAt(pod))}
	}
}

func savesItself(pod *corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationSavesItself] == "true"
}

// replicaKey names the replica of a training job that a pod is an attempt of.
func replicaKey(pod *corev1.Pod) string {
	return pod.Labels[v1alpha1.LabelJobUID] + "/" + pod.Labels[v1alpha1.LabelReplica]
}

// shutDown sends SIGTERM to a pod because its Node is shutting down.
func (t *Trainer) shutDown(pod types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.terminated[pod]; !ok {
		t.terminated[pod] = termination{at: time.Now(), shutDown: true}
	}
}

// termination is the SIGTERM that the pod got, now if it is being deleted and has not got it yet.
func (t *Trainer) termination(pod *corev1.Pod, now time.Time) (termination, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	term, ok := t.terminated[pod.UID]
	if !ok && pod.DeletionTimestamp != nil {
		term, ok = termination{at: now}, true
		t.terminated[pod.UID] = term
	}
	return term, ok
}

func (t *Trainer) isOld(pod *corev1.Pod) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acted[pod.UID] == pod.ResourceVersion
}

func (t *Trainer) setActed(pod *corev1.Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acted[pod.UID] = pod.ResourceVersion
}

// forget drops what is known of pods that are gone.
func (t *Trainer) forget(pods []*corev1.Pod) {
	exists := map[types.UID]bool{}
	for _, pod := range pods {
		exists[pod.UID] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for uid := range t.terminated {
		if !exists[uid] {
			delete(t.terminated, uid)
		}
	}
	for uid := range t.acted {
		if !exists[uid] {
			delete(t.acted, uid)
		}
	}
}

// seconds reads a duration in seconds from an annotation. One that does not parse counts as absent.
func seconds(pod *corev1.Pod, annotation string) (time.Duration, bool) {
	value, err := strconv.ParseFloat(pod.Annotations[annotation], 64)
	return time.Duration(value * float64(time.Second)), err == nil
}
