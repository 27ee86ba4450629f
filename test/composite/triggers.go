package composite

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
)

// watch registers for everything that leads to a sync, but related objects, which the customize hook names.
func (c *controller) watch() error {
	resync := flushInterval
	if period := c.cc.Spec.ResyncPeriodSeconds; period != nil {
		resync = min(resync, max(time.Second, time.Duration(*period)*time.Second))
	}
	parents := cache.ResourceEventHandlerFuncs{AddFunc: c.enqueue, UpdateFunc: c.parentUpdated, DeleteFunc: c.enqueue}
	if _, err := c.cached(c.parent).AddEventHandlerWithResyncPeriod(parents, resync); err != nil {
		return err
	}
	children := changes{added: c.childChanged, updated: func(_, obj *unstructured.Unstructured) { c.childChanged(obj) }, deleted: c.childDeleted}
	for _, child := range c.children {
		if _, err := c.cached(child).AddEventHandler(children.handler()); err != nil {
			return err
		}
	}
	return nil
}

// enqueue asks for a sync of the parent, its deletion included. Parents that are none of ours are left out.
func (c *controller) enqueue(obj any) {
	if parent, ok := obj.(*unstructured.Unstructured); ok && c.ignores(parent) {
		return
	}
	if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
		c.queue.Add(key)
	}
}

// parentUpdated lets status updates pass, our own too, unless the controller ignores them. Then everything
// is ignored that moves neither generation, labels nor annotations, finalizers for example.
func (c *controller) parentUpdated(before, after any) {
	old, parent := before.(*unstructured.Unstructured), after.(*unstructured.Unstructured)
	resync := old.GetResourceVersion() == parent.GetResourceVersion()
	if !resync {
		c.stale.remember(old)
	}
	if !resync && isSet(c.cc.Spec.ParentResource.IgnoreStatusChanges) &&
		old.GetGeneration() == parent.GetGeneration() && parent.GetDeletionTimestamp() == nil &&
		maps.Equal(old.GetLabels(), parent.GetLabels()) && maps.Equal(old.GetAnnotations(), parent.GetAnnotations()) {
		return
	}
	c.enqueue(parent)
}

// childChanged syncs the owner of a child, or every parent that could adopt one without owner.
func (c *controller) childChanged(child *unstructured.Unstructured) {
	owner := metav1.GetControllerOf(child)
	if owner != nil {
		c.enqueueOwner(child, owner)
		return
	}
	if child.GetDeletionTimestamp() != nil {
		return
	}
	for _, obj := range c.possibleParents(child) {
		selector, err := c.childSelector(obj)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(child.GetLabels())) {
			c.enqueue(obj)
		}
	}
}

func (c *controller) childDeleted(child *unstructured.Unstructured) {
	if owner := metav1.GetControllerOf(child); owner != nil {
		c.enqueueOwner(child, owner)
	}
}

func (c *controller) possibleParents(child *unstructured.Unstructured) []*unstructured.Unstructured {
	namespace := ""
	if c.parent.namespaced {
		if namespace = child.GetNamespace(); namespace == "" {
			return nil
		}
	}
	parents, err := c.listCached(c.parent, namespace, labels.Everything())
	if err != nil {
		return nil
	}
	return parents
}

// enqueueOwner finds the owner by name and proves it by UID.
func (c *controller) enqueueOwner(child *unstructured.Unstructured, owner *metav1.OwnerReference) {
	key := owner.Name
	if c.parent.namespaced {
		key = child.GetNamespace() + "/" + owner.Name
	}
	obj, exists, err := c.cached(c.parent).GetIndexer().GetByKey(key)
	if err != nil || !exists || owner.Kind != c.parent.gvk.Kind {
		return
	}
	if parent := obj.(*unstructured.Unstructured); parent.GetUID() == owner.UID {
		c.enqueue(parent)
	}
}

// changes are callbacks on typed objects. Updates that change nothing (resyncs) are left out, objects that
// were deleted while the watch was interrupted are unpacked.
type changes struct {
	added, deleted func(*unstructured.Unstructured)
	updated        func(before, after *unstructured.Unstructured)
}

func (h changes) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { h.added(obj.(*unstructured.Unstructured)) },
		UpdateFunc: func(before, after any) {
			old, obj := before.(*unstructured.Unstructured), after.(*unstructured.Unstructured)
			if old.GetResourceVersion() != obj.GetResourceVersion() {
				h.updated(old, obj)
			}
		},
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			if deleted, ok := obj.(*unstructured.Unstructured); ok {
				h.deleted(deleted)
			}
		},
	}
}
