package spotinstancevm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// outcome is how an operation went.
type outcome struct {
	operation
	begun   gce.Operation // of insertVM and deleteVM
	drained bool          // of drainNode
	held    string        // of drainNode: a pod that is still there, namespace/name
	err     error
}

// actor runs operations for one sync.
type actor struct {
	hook     *Hook
	observed observed
	access   access
	specHash string
	prove    prover // see prove.go; asks the API server once
}

// run does the first maxMutations operations, all at once, and waits for none of them to take effect. Each is safe to
// repeat, so that one whose outcome did not arrive is simply decided again.
func (a actor) run(ctx context.Context, operations []operation) []outcome {
	operations = operations[:min(len(operations), maxMutations)]
	outcomes := make([]outcome, len(operations))
	calls := make([]func(), len(operations))
	if len(operations) == 0 {
		return outcomes
	}
	_, err := a.prove()
	for i, op := range operations {
		outcomes[i] = outcome{operation: op, err: err}
		calls[i] = func() { outcomes[i] = a.do(ctx, op) }
	}
	if err == nil {
		a.hook.together(calls)
	}
	return outcomes
}

// do runs one operation, one on a Node only if what the API server has of it proves whose it is.
func (a actor) do(ctx context.Context, op operation) outcome {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	done := outcome{operation: op}
	switch op.verb {
	case insertVM:
		done.begun, done.err = a.insert(ctx, op)
	case deleteVM:
		done.begun, done.err = a.deleteVM(ctx, op)
	case taintNode:
		done.err = a.taint(ctx, op, true)
	case untaint:
		done.err = a.taint(ctx, op, false)
	case drainNode:
		done.held, done.err = a.drain(ctx, op)
		done.drained = done.held == "" && done.err == nil
	case tellPods:
		done.err = a.tell(ctx, op)
	case deleteNode:
		done.err = a.deleteNode(ctx, op)
	default:
		done.err = fmt.Errorf("unknown operation %q", op.verb)
	}
	return done
}

func (a actor) insert(ctx context.Context, op operation) (gce.Operation, error) {
	vm := vmRequest{name: op.vm, zone: op.zone, model: op.model, specHash: a.specHash}
	script, err := bootstrapOf(a.observed.id, a.observed.settings, vm, a.access.join).Script()
	if err != nil {
		return gce.Operation{}, gce.Refused("insert "+op.vm, err)
	}
	vm.startupScript = script
	if zone := a.hook.memory.send(types.UID(a.observed.id.uid), op.vm, op.zone, a.observed.now); zone != "" {
		return gce.Operation{}, &gce.Error{Kind: gce.Unavailable, Call: "insert " + op.vm, Message: "it was sent to zone " + zone + " moments ago: waiting to see what became of that"}
	}
	begun, err := a.access.cloud.Insert(ctx, instanceSpec(a.observed.id, a.observed.settings, vm), op.requestID)
	a.hook.zones.sent(a.place(op.zone), types.UID(a.observed.id.uid), begun)
	return begun, err
}

func (a actor) deleteVM(ctx context.Context, op operation) (gce.Operation, error) {
	begun, err := a.access.cloud.Delete(ctx, op.zone, op.vm, op.requestID)
	a.hook.zones.sent(a.place(op.zone), types.UID(a.observed.id.uid), begun)
	if gce.KindOf(err) == gce.NotFound {
		return gce.Operation{}, nil
	}
	return begun, err
}

func (a actor) taint(ctx context.Context, op operation, wanted bool) error {
	node, err := a.proveNode(ctx, op)
	if err != nil {
		return err
	}
	return a.hook.kube.TaintNode(ctx, node, leavingTaint(), wanted)
}

// deleteNode asks for the VM once more, past the cache and whatever its labels, before it forgets a Node: pods on it are taken
// for dead from then on. One that has gone already is no error.
func (a actor) deleteNode(ctx context.Context, op operation) error {
	switch _, err := a.proveNode(ctx, op); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	switch _, err := a.access.cloud.Instance(ctx, op.zone, op.vm); {
	case err == nil:
		return fmt.Errorf("node %s is kept: its VM is in zone %s after all", op.vm, op.zone)
	case gce.KindOf(err) != gce.NotFound:
		return err
	}
	return a.hook.kube.DeleteNode(ctx, op.node.object())
}

// drain names a pod that is left on a Node besides those of DaemonSets, if there is one. Pods of training jobs are left
// alone; others are evicted, as kubectl drain would.
func (a actor) drain(ctx context.Context, op operation) (held string, err error) {
	pods, err := a.hook.kube.PodsOnNode(ctx, op.node.name)
	if err != nil {
		return "", err
	}
	pods = slices.DeleteFunc(pods, staysBehind)
	if len(pods) == 0 {
		return "", nil
	}
	held = pods[len(pods)-1].Namespace + "/" + pods[len(pods)-1].Name
	evicted := slices.DeleteFunc(pods, func(pod corev1.Pod) bool {
		return pod.Labels[v1alpha1.LabelJobUID] != "" || pod.DeletionTimestamp != nil
	})
	if len(evicted) == 0 {
		return held, nil
	}
	if _, err := a.proveNode(ctx, op); err != nil {
		return held, err
	}
	return held, a.evict(ctx, evicted)
}

// tell evicts the pods on a Node that save themselves, as kubectl drain would: they get SIGTERM, and as long as they ask for.
func (a actor) tell(ctx context.Context, op operation) error {
	if _, err := a.proveNode(ctx, op); err != nil {
		return err
	}
	pods, err := a.hook.kube.PodsOnNode(ctx, op.node.name)
	if err != nil {
		return err
	}
	return a.evict(ctx, slices.DeleteFunc(pods, func(pod corev1.Pod) bool {
		return !savesItself(pod) || pod.DeletionTimestamp != nil || hasEnded(pod)
	}))
}

func (a actor) evict(ctx context.Context, pods []corev1.Pod) error {
	var failed []error
	for _, pod := range pods {
		failed = append(failed, a.hook.kube.EvictPod(ctx, corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}))
	}
	return errors.Join(failed...)
}

// staysBehind tells whether a pod goes down with its Node and nobody minds.
func staysBehind(pod corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	owner := metav1.GetControllerOf(&pod)
	return mirror || hasEnded(pod) || (owner != nil && owner.Kind == "DaemonSet")
}

func (a actor) place(zone string) place {
	return place{account: a.access.account.hash(), project: a.observed.id.project, zone: zone}
}
