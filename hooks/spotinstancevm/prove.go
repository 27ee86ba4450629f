package spotinstancevm

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A request is only a claim: whoever reaches the hook's port can send one, and Metacontroller's caches lag. So before a
// call changes anything, it reads the SpotInstanceVM from the API server, once, and each Node that it would touch:
//
//	the call would                        it goes on only if the API server's own object
//	anything at all                       is the SpotInstanceVM with the request's UID, generation and spec
//	finalize, or act while finalizing     has a deletionTimestamp
//	taint, drain or delete a Node         is a Node with the request's UID, the providerID of that VM and the pool's UID
//
// What happens to a VM was written into status before, by an earlier call. If the API server's status is not the request's, the call
// decides once more, by the former: Metacontroller's cache lags where much happens, and an answer to an old status would be written
// over the new one. A request that lacks a plan of this server's last answer is compared as well. A call that is refused changes nothing,
// says so in its log line, and asks to be called again in a second.

// errUnproven is why nothing is changed on the word of a request.
var errUnproven = errors.New("the API server does not confirm this request")

func unproven(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUnproven, fmt.Sprintf(format, args...))
}

// prover is prove for one call of the hook: it asks the API server once, and only when something is to be changed.
type prover = func() (*v1alpha1.SpotInstanceVM, error)

// prove returns the SpotInstanceVM of a request as the API server has it, or why the request must not change anything.
func (h *Hook) prove(ctx context.Context, r request) (*v1alpha1.SpotInstanceVM, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	claimed := r.pool
	pool, err := h.kube.Pool(ctx, claimed.Namespace, claimed.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, unproven("it has no SpotInstanceVM of this name")
	case err != nil:
		return nil, fmt.Errorf("read the SpotInstanceVM before changing anything: %s", apiReason(err))
	case pool.UID != claimed.UID:
		return nil, unproven("its SpotInstanceVM of this name has another UID")
	case pool.Generation != claimed.Generation || !equality.Semantic.DeepEqual(pool.Spec, claimed.Spec):
		return nil, unproven("its SpotInstanceVM has another spec, of generation %d; the request's is %d", pool.Generation, claimed.Generation)
	case r.finalizing && pool.DeletionTimestamp == nil:
		return nil, unproven("its SpotInstanceVM is not being deleted")
	}
	return pool, nil
}

// isBehind tells whether the API server confirms a request, but has another status.
func isBehind(r request, prove prover) bool {
	pool, err := prove()
	return err == nil && !equality.Semantic.DeepEqual(pool.Status, r.pool.Status)
}

// goOnFrom gives a request the pool that the API server has. An older status may have been written over the request's, but what was
// counted there is not taken back.
func (r *request) goOnFrom(pool *v1alpha1.SpotInstanceVM) {
	counted := r.pool.Status
	r.pool = pool.DeepCopy()
	status := &r.pool.Status
	status.Preemptions = max(status.Preemptions, counted.Preemptions)
	if counted.Cost != nil && (status.Cost == nil || status.Cost.AsOf.Before(&counted.Cost.AsOf)) {
		status.Cost = counted.Cost
	}
}

// proveNode refuses to touch a Node that is not the one of this pool's VM. A Node that is absent proves nothing.
func (a actor) proveNode(ctx context.Context, op operation) (*corev1.Node, error) {
	found, err := a.hook.kube.Node(ctx, op.node.name)
	if err != nil {
		return nil, err
	}
	proven, ours := nodeOf(a.observed.id, *found)
	if !ours || found.UID != types.UID(op.node.uid) || proven.name != op.vm || proven.zone != op.zone {
		return nil, unproven("its Node %s, UID %s, is not that of VM %s in %s of this pool", found.Name, found.UID, op.vm, op.zone)
	}
	return found, nil
}

func (n nodeRef) object() corev1.ObjectReference {
	return corev1.ObjectReference{Kind: "Node", Name: n.name, UID: types.UID(n.uid)}
}

// letGo lets the pool's object go only if the API server confirms that it is being deleted.
func letGo(d decision, prove prover) decision {
	if !d.finalized {
		return d
	}
	if _, err := prove(); err != nil {
		d.finalized = false
		d.failures = append(d.failures, outcome{operation: operation{verb: "finalize"}, err: err})
		d.resync = resyncUnproven
	}
	return d
}
