// Package nodeagent watches, inside a spot VM, whether GCE takes the VM back, and says so in the cluster.
//
//	the metadata server says                       the agent's Node                        training pods there
//	nothing yet                                    –                                       –
//	preempted FALSE                                SpotPreempted=False                     –
//	preempted TRUE                                 SpotPreempted=True, TaintPreempted      training.dcnlab.com/Preempted=True
//	maintenance-event TERMINATE_ON_HOST_MAINTENANCE   the same, with the reason HostMaintenance
//
// GCE never takes a notice back, so the first of them is the last word; but a preemption during the hour before a maintenance
// leaves less time, and is told. From then on the agent looks after 1, 2, 4, 8 and then every 10 seconds for pods that have
// come since and for what somebody else has undone, until the VM stops. It goes on through every outage of the metadata
// server and of the API server. How much of the notice is left is known only if it came while the agent watched; the
// reasons of the conditions tell.
//
// It decides nothing: what a notice leads to is up to the hooks.
package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	retryAfter  = time.Second      // after a failure, and after the notice: a pod may have been on its way
	lookNoticed = 10 * time.Second // at last, after the notice. In a burst all agents and the hooks want the API server at once
	lookAfter   = time.Minute      // while nothing is wrong: somebody may have made the Node again
	// callTimeout bounds what is said of one thing. A VM that is about to go has no time to wait for an answer.
	callTimeout = 3 * time.Second
)

// Kube is what the agent asks of the API server. Errors are worth another try.
type Kube interface {
	Node(ctx context.Context, name string) (*corev1.Node, error)
	SetNodeCondition(ctx context.Context, node corev1.ObjectReference, condition corev1.NodeCondition) (*corev1.Node, error)
	TaintNode(ctx context.Context, node *corev1.Node, taint corev1.Taint, wanted bool) error
	CachedPodsOnNode(ctx context.Context, node string) ([]corev1.Pod, error)
	SetPodCondition(ctx context.Context, pod corev1.ObjectReference, condition corev1.PodCondition) error
}

// Agent is one VM's. All exported fields must be set.
type Agent struct {
	Node     string // name of the VM's Node
	Metadata *Metadata
	Kube     Kube
	Now      func() time.Time
	Log      *slog.Logger

	noticed time.Time    // when the VM's end was announced; zero: it was not
	reason  string       // of the conditions
	node    *corev1.Node // as it was when the agent last looked and nothing was wrong
}

// reading is what the metadata server says.
type reading struct {
	sign   string // its key
	ends   bool
	isLate bool // nobody watched in the moment before
}

// Run watches and speaks until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	readings := make(chan reading)
	var watching sync.WaitGroup
	watching.Go(func() { a.watch(ctx, preemption, readings) })
	watching.Go(func() { a.watch(ctx, maintenance, readings) })
	defer watching.Wait()
	var next <-chan time.Time
	for pace := retryAfter; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-readings:
			a.hear(now)
			pace = retryAfter
		case <-next:
		}
		err := a.speak(ctx)
		if err != nil && ctx.Err() == nil {
			a.Log.Error("this is not known in the cluster yet", "node", a.Node, "error", err.Error())
		}
		wait := pace
		switch noticed := !a.noticed.IsZero(); {
		case noticed && err == nil:
			pace = min(2*pace, lookNoticed)
		case noticed:
			wait, pace = retryAfter, retryAfter
		case err == nil:
			wait, pace = lookAfter, retryAfter
		default:
			pace = min(2*pace, lookAfter)
		}
		next = time.After(wait)
	}
}

func (a *Agent) hear(now reading) {
	switch {
	case !now.ends && a.noticed.IsZero():
		a.reason = v1alpha1.ReasonNoNotice
		return
	case !now.ends, now.sign == maintenance.key && !a.noticed.IsZero():
		return
	case now.isLate:
		a.reason = v1alpha1.ReasonLateNotice
	case now.sign == maintenance.key:
		a.reason = v1alpha1.ReasonMaintenance
	default:
		a.reason = v1alpha1.ReasonNotice
	}
	a.noticed = a.Now()
	a.Log.Warn("GCE takes this VM back", "node", a.Node, "reason", a.reason)
}

// supersedes tells whether what the agent has heard is news to somebody who was told for that reason: only a preemption that
// comes before the maintenance leaves less time.
func (a *Agent) supersedes(told string) bool {
	return told == v1alpha1.ReasonMaintenance && a.reason != told
}

// watch sends the VM's end, once, and that nothing is known of a preemption. It never asks more than once a second, whatever
// answers.
func (a *Agent) watch(ctx context.Context, s sign, readings chan<- reading) {
	etag, known, troubled := "", false, false
	for ctx.Err() == nil {
		begun := a.Now()
		ends, read, err := a.Metadata.read(ctx, s, etag)
		if err != nil {
			if !troubled && ctx.Err() == nil {
				a.Log.Error("the metadata server cannot be read; trying again", "node", a.Node, "error", err.Error())
			}
			troubled = true
			pause(ctx, retryAfter)
			continue
		}
		if isNews := !known && s.key == preemption.key; ends || isNews {
			select {
			case readings <- reading{sign: s.key, ends: ends, isLate: !known || troubled}:
			case <-ctx.Done():
			}
			if ends {
				return
			}
		} else if a.Now().Sub(begun) < retryAfter {
			pause(ctx, retryAfter)
		}
		etag, known, troubled = read, true, false
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// speak writes what is known, where it is not written yet: on the pods, of which jobs and pools hear, and on the Node, of which
// pools hear when no pod is there. A checkpoint has less time than a VM, so the pods come first, unless this agent was not there when the end was
// announced: then the Node may know better when and why that was. What fails of it does not keep the rest.
func (a *Agent) speak(ctx context.Context) error {
	var told error
	isFirst := !a.noticed.IsZero() && a.reason != v1alpha1.ReasonLateNotice
	if isFirst {
		told = a.tellPods(ctx)
	}
	node, err := a.tellNode(ctx)
	if a.noticed.IsZero() {
		return err
	}
	if !isFirst {
		told = a.tellPods(ctx)
	}
	return errors.Join(told, err, a.taint(ctx, node))
}

// tellNode returns the Node that it has told, or nil.
func (a *Agent) tellNode(ctx context.Context) (*corev1.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, err := a.lookAtNode(ctx)
	if err != nil {
		return nil, fmt.Errorf("read Node %s: %w", a.Node, err)
	}
	wanted := a.nodeCondition(node)
	for _, c := range node.Status.Conditions {
		if c.Type == wanted.Type && c.Status == wanted.Status && !a.supersedes(c.Reason) {
			if !a.noticed.IsZero() {
				a.noticed, a.reason = c.LastTransitionTime.Time, c.Reason // an agent that has started again goes on
			}
			return node, nil
		}
	}
	told, err := a.Kube.SetNodeCondition(ctx, refOf(node), wanted)
	if err != nil {
		return node, fmt.Errorf("set %s of Node %s: %w", wanted.Type, a.Node, err)
	}
	return told, nil
}

// lookAtNode reads the Node, but for a notice that has just come: when many VMs get theirs in the same second, each call of the API
// server counts. Should another Node have this name by now, what is written fails, and it is read when that is tried again.
func (a *Agent) lookAtNode(ctx context.Context) (*corev1.Node, error) {
	node, known := a.node, a.node != nil && !a.noticed.IsZero()
	if a.node = nil; known {
		return node, nil
	}
	node, err := a.Kube.Node(ctx, a.Node)
	if err == nil && a.noticed.IsZero() {
		a.node = node
	}
	return node, err
}

func (a *Agent) nodeCondition(node *corev1.Node) corev1.NodeCondition {
	if a.noticed.IsZero() {
		return corev1.NodeCondition{
			Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionFalse, Reason: a.reason,
			Message: "the node agent watches for GCE's notice", LastTransitionTime: metav1.NewTime(a.Now()),
		}
	}
	message := "GCE takes this VM back, and may stop it at any moment"
	if a.reason == v1alpha1.ReasonMaintenance {
		message = "GCE will maintain the host, and stops this VM before: one with GPUs 3600 s after lastTransitionTime, any other 60 s"
	}
	if seconds := node.Labels[v1alpha1.LabelNotice]; seconds != "" && a.reason == v1alpha1.ReasonNotice {
		message = "GCE takes this VM back, and stops it " + seconds + " s after lastTransitionTime"
	}
	return corev1.NodeCondition{
		Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionTrue, Reason: a.reason,
		Message: message, LastTransitionTime: metav1.NewTime(a.noticed),
	}
}

func (a *Agent) taint(ctx context.Context, node *corev1.Node) error {
	taint := corev1.Taint{Key: v1alpha1.TaintPreempted, Effect: corev1.TaintEffectNoSchedule}
	if node == nil || slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return a.Kube.TaintNode(ctx, node, taint, true)
}

// tellPods tells the training pods that do not know yet.
func (a *Agent) tellPods(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pods, err := a.Kube.CachedPodsOnNode(ctx, a.Node)
	if err != nil {
		return fmt.Errorf("list the pods on Node %s: %w", a.Node, err)
	}
	var failures []error
	for _, pod := range pods {
		if pod.Labels[v1alpha1.LabelJobUID] == "" || a.hasTold(pod) {
			continue
		}
		err := a.Kube.SetPodCondition(ctx, refOf(&pod), corev1.PodCondition{
			Type: v1alpha1.ConditionPodPreempted, Status: corev1.ConditionTrue, Reason: a.reason,
			Message: "GCE takes the VM back that this pod runs on", LastTransitionTime: metav1.NewTime(a.noticed),
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("set %s of pod %s/%s: %w", v1alpha1.ConditionPodPreempted, pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(failures...)
}

func (a *Agent) hasTold(pod corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1alpha1.ConditionPodPreempted && c.Status == corev1.ConditionTrue {
			return !a.supersedes(c.Reason)
		}
	}
	return false
}

func refOf(object metav1.Object) corev1.ObjectReference {
	return corev1.ObjectReference{Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID()}
}
