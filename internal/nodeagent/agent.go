// Package nodeagent watches, inside a spot VM, whether GCE takes the VM back, and says so in the cluster.
//
//	instance/preempted   the agent's Node                        training pods there
//	not read yet         –                                       –
//	FALSE                SpotPreempted=False                     –
//	TRUE                 SpotPreempted=True, TaintPreempted      training.dcnlab.com/Preempted=True
//
// GCE never takes a notice back, so TRUE is the last word. From then on the agent looks every second, for pods that have
// come since and for what somebody else has undone, until the VM stops. It goes on through every outage of the metadata
// server and of the API server.
//
// It decides nothing: what a notice leads to is up to the hooks.
package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	retryAfter = time.Second // after a failure, and for all that may come after the notice
	lookAfter  = time.Minute // while nothing is wrong: somebody may have made the Node again
	// callTimeout bounds what is said at one go. A VM that is about to go has no time to wait for an answer.
	callTimeout = 5 * time.Second
)

// Reasons of both conditions.
const (
	ReasonNoNotice = "NoNotice"
	ReasonNotice   = "PreemptionNotice"
)

// Kube is what the agent asks of the API server. Errors are worth another try.
type Kube interface {
	Node(ctx context.Context, name string) (*corev1.Node, error)
	SetNodeCondition(ctx context.Context, node corev1.ObjectReference, condition corev1.NodeCondition) error
	TaintNode(ctx context.Context, node corev1.ObjectReference, taint corev1.Taint, wanted bool) error
	PodsOnNode(ctx context.Context, node string) ([]corev1.Pod, error)
	SetPodCondition(ctx context.Context, pod corev1.ObjectReference, condition corev1.PodCondition) error
}

// Agent is one VM's. All fields must be set.
type Agent struct {
	Node     string // name of the VM's Node
	Metadata *Metadata
	Kube     Kube
	Now      func() time.Time
	Log      *slog.Logger

	noticed time.Time // when the notice was read; zero: it was not
}

// Run watches and speaks until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	readings := make(chan bool)
	var watching sync.WaitGroup
	watching.Go(func() { a.watch(ctx, readings) })
	defer watching.Wait()
	var next <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case preempted := <-readings:
			if preempted {
				a.noticed = a.Now()
				a.Log.Warn("GCE takes this VM back", "node", a.Node)
			}
		case <-next:
		}
		wait := lookAfter
		if err := a.speak(ctx); err != nil {
			a.Log.Error("this is not known in the cluster yet", "node", a.Node, "error", err.Error())
			wait = retryAfter
		}
		if !a.noticed.IsZero() {
			wait = retryAfter
		}
		next = time.After(wait)
	}
}

// watch sends the first reading and each other one that differs from the one before, the last one being true.
func (a *Agent) watch(ctx context.Context, readings chan<- bool) {
	etag, known, troubled := "", false, false
	for ctx.Err() == nil {
		preempted, read, err := a.Metadata.Preempted(ctx, etag)
		if err != nil {
			if !troubled && ctx.Err() == nil {
				a.Log.Error("the metadata server cannot be read; trying again", "node", a.Node, "error", err.Error())
			}
			troubled = true
			pause(ctx, retryAfter)
			continue
		}
		etag, troubled = read, false
		if known && !preempted {
			continue
		}
		known = true
		select {
		case readings <- preempted:
		case <-ctx.Done():
		}
		if preempted {
			return
		}
		if etag == "" {
			pause(ctx, retryAfter) // the next answer would not wait for a change
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// speak writes what is known, where it is not written yet. Jobs hear of it by their pods, pools by the Node; nothing of it
// waits for the rest.
func (a *Agent) speak(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, err := a.Kube.Node(ctx, a.Node)
	if err != nil {
		return fmt.Errorf("read Node %s: %w", a.Node, err)
	}
	ref := corev1.ObjectReference{Name: node.Name, UID: node.UID}
	err = a.setNodeCondition(ctx, node, ref)
	if a.noticed.IsZero() {
		return err
	}
	taint := corev1.Taint{Key: v1alpha1.TaintPreempted, Effect: corev1.TaintEffectNoSchedule}
	return errors.Join(err, a.tellPods(ctx), a.Kube.TaintNode(ctx, ref, taint, true))
}

func (a *Agent) setNodeCondition(ctx context.Context, node *corev1.Node, ref corev1.ObjectReference) error {
	wanted := corev1.NodeCondition{
		Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionFalse, Reason: ReasonNoNotice,
		Message: "the node agent watches for GCE's notice", LastTransitionTime: metav1.NewTime(a.Now()),
	}
	if !a.noticed.IsZero() {
		wanted.Status, wanted.Reason, wanted.LastTransitionTime = corev1.ConditionTrue, ReasonNotice, metav1.NewTime(a.noticed)
		wanted.Message = noticeOf(node)
	}
	for _, c := range node.Status.Conditions {
		if c.Type == wanted.Type && c.Status == wanted.Status {
			if !a.noticed.IsZero() {
				a.noticed = c.LastTransitionTime.Time // an agent that has started again goes on
			}
			return nil
		}
	}
	if err := a.Kube.SetNodeCondition(ctx, ref, wanted); err != nil {
		return fmt.Errorf("set %s of Node %s: %w", wanted.Type, a.Node, err)
	}
	return nil
}

// noticeOf says how much time there is.
func noticeOf(node *corev1.Node) string {
	if seconds := node.Labels[v1alpha1.LabelNotice]; seconds != "" {
		return "GCE takes this VM back: it stops it " + seconds + " s after lastTransitionTime"
	}
	return "GCE takes this VM back and stops it now"
}

// tellPods tells the training pods that do not know yet.
func (a *Agent) tellPods(ctx context.Context) error {
	pods, err := a.Kube.PodsOnNode(ctx, a.Node)
	if err != nil {
		return fmt.Errorf("list the pods on Node %s: %w", a.Node, err)
	}
	var failures []error
	for _, pod := range pods {
		if pod.Labels[v1alpha1.LabelJobUID] == "" || isTold(pod) {
			continue
		}
		ref := corev1.ObjectReference{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
		err := a.Kube.SetPodCondition(ctx, ref, corev1.PodCondition{
			Type: v1alpha1.ConditionPodPreempted, Status: corev1.ConditionTrue, Reason: ReasonNotice,
			Message: "GCE takes the VM back that this pod runs on", LastTransitionTime: metav1.NewTime(a.noticed),
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("set %s of pod %s/%s: %w", v1alpha1.ConditionPodPreempted, pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(failures...)
}

func isTold(pod corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1alpha1.ConditionPodPreempted && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
