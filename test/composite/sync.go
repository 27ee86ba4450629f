package composite

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// syncParent brings one parent up to date. The order of the steps, and which error ends it where, are the
// contract that hooks are written against.
func (c *controller) syncParent(ctx context.Context, parent *unstructured.Unstructured) error {
	if c.ignores(parent) {
		return nil
	}
	parent, err := c.syncFinalizer(ctx, parent)
	if err != nil {
		return fmt.Errorf("can't sync finalizer for %s: %w", c.describe(parent), err)
	}
	if c.ignores(parent) {
		return nil
	}
	observed, err := c.claimChildren(ctx, parent)
	if err != nil {
		return err
	}
	related, err := c.related.objects(ctx, parent)
	if err != nil {
		return err
	}
	answer, err := c.callHook(ctx, parent, observed, related)
	if err != nil {
		return fmt.Errorf("sync hook failed for %s: %w", c.describe(parent), err)
	}
	// Before anything can fail, and it only ever brings the next sync forward.
	if answer.ResyncAfterSeconds > 0 {
		c.queue.AddAfter(qualifiedName(parent), time.Duration(answer.ResyncAfterSeconds*float64(time.Second)))
	}
	// Not only while finalizing: a sync hook that answers finalized loses its finalizer too.
	if answer.Finalized {
		if parent, err = c.setFinalizer(ctx, parent, false); err != nil {
			return fmt.Errorf("can't remove finalizer: %w", err)
		}
	}
	desired, err := c.desiredChildren(parent, answer.Children)
	if err != nil {
		return err
	}
	return c.write(ctx, parent, plan{observed: observed, desired: desired, status: answer.Status})
}

// plan is what one sync writes.
type plan struct {
	observed, desired groups
	status            map[string]any
}

// write reconciles the children, then replaces the status, even if a child failed. A parent that is gone or
// keeps conflicting is no error, and swallows a failed child with it.
func (c *controller) write(ctx context.Context, parent *unstructured.Unstructured, p plan) error {
	var childErr error
	if parent.GetDeletionTimestamp() == nil || c.managesWhileDeleting(parent) {
		if err := c.manageChildren(ctx, parent, p); err != nil {
			childErr = fmt.Errorf("can't reconcile children for %s: %w", c.describe(parent), err)
		}
	}
	err := c.replaceStatus(ctx, parent, p.status)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("can't update status for %s: %w", c.describe(parent), err)
	}
	return childErr
}

// ignores is true for a parent that is none of ours: not selected, and without our finalizer.
func (c *controller) ignores(parent *unstructured.Unstructured) bool {
	return !c.hasFinalizer(parent) && !c.selects(parent)
}

func (c *controller) selects(parent *unstructured.Unstructured) bool {
	return c.selector.Matches(labels.Set(parent.GetLabels()))
}

func (c *controller) hasFinalizer(parent *unstructured.Unstructured) bool {
	return slices.Contains(parent.GetFinalizers(), c.finalizer)
}

// managesWhileDeleting is false without a finalize hook, after our finalizer is gone, and while the garbage
// collector works on the children of a foreground or orphan deletion.
func (c *controller) managesWhileDeleting(parent *unstructured.Unstructured) bool {
	for _, finalizer := range parent.GetFinalizers() {
		if finalizer == metav1.FinalizerDeleteDependents || finalizer == metav1.FinalizerOrphanDependents {
			return false
		}
	}
	return c.finalizeHook != nil && c.hasFinalizer(parent)
}

// syncFinalizer adds the finalizer ahead of the first hook call, or removes one that no hook needs any more.
func (c *controller) syncFinalizer(ctx context.Context, parent *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	wanted := c.finalizeHook != nil
	if c.hasFinalizer(parent) == wanted || (wanted && parent.GetDeletionTimestamp() != nil) {
		return parent, nil
	}
	return c.setFinalizer(ctx, parent, wanted)
}

func (c *controller) setFinalizer(ctx context.Context, parent *unstructured.Unstructured, present bool) (*unstructured.Unstructured, error) {
	update := c.updateOf(c.parent, parent, func(live *unstructured.Unstructured) bool {
		if c.hasFinalizer(live) == present {
			return false
		}
		rest := slices.DeleteFunc(live.GetFinalizers(), func(f string) bool { return f == c.finalizer })
		if present {
			rest = append(rest, c.finalizer)
		}
		live.SetFinalizers(rest)
		return true
	})
	live, err := update.apply(ctx, parent)
	if err != nil {
		return parent, err
	}
	return live, nil
}

// callHook asks the finalize hook about a parent that is being deleted or no longer selected, else the sync hook.
func (c *controller) callHook(ctx context.Context, parent *unstructured.Unstructured, observed, related groups) (*syncResponse, error) {
	finalizing := c.finalizeHook != nil && (parent.GetDeletionTimestamp() != nil || !c.selects(parent))
	hook := c.syncHook
	if finalizing {
		hook = c.finalizeHook
	}
	if hook == nil {
		return nil, fmt.Errorf("CompositeController %s defines no sync hook", c.cc.Name)
	}
	request := syncRequest{
		Controller: c.cc, Parent: parent, Finalizing: finalizing,
		Children: observed.wire(hook.version, parent), Related: related.wire(hook.version, parent),
	}
	answer := &syncResponse{}
	if err := hook.call(ctx, request, answer); err != nil {
		return nil, err
	}
	if slices.Contains(answer.Children, nil) {
		return nil, errNullObject
	}
	return answer, nil
}

// replaceStatus writes the answered status in place of the old one, with the generation that the hook saw.
// It costs one read even if nothing differs.
func (c *controller) replaceStatus(ctx context.Context, parent *unstructured.Unstructured, status map[string]any) error {
	if status == nil {
		status = map[string]any{}
	}
	status["observedGeneration"] = parent.GetGeneration()
	update := c.updateOf(c.parent, parent, func(live *unstructured.Unstructured) bool {
		if reflect.DeepEqual(live.Object["status"], any(status)) {
			return false
		}
		live.Object["status"] = status
		return true
	})
	update.subresources = []string{"status"}
	_, err := update.apply(ctx, parent)
	return err
}

func (c *controller) updateOf(r resource, obj *unstructured.Unstructured, change func(*unstructured.Unstructured) bool) liveUpdate {
	return liveUpdate{client: r.on(c.client, obj.GetNamespace()), group: r.gvr.GroupResource(), change: change}
}

func (c *controller) describe(parent *unstructured.Unstructured) string {
	return c.parent.gvk.Kind + " " + qualifiedName(parent)
}
