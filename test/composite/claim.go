package composite

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// uidLabel is the label of generated selectors. Its value is the parent's UID.
const uidLabel = "controller-uid"

// claimChildren returns the children of the parent, terminating ones too, with a group for every child rule.
// Orphans that the selector matches are adopted, children that it no longer matches are released.
func (c *controller) claimChildren(ctx context.Context, parent *unstructured.Unstructured) (groups, error) {
	selector, err := c.childSelector(parent)
	if err != nil {
		return nil, err
	}
	claimed := groups{}
	for _, child := range c.children {
		if _, err := c.catalog.resource(child.gvk.GroupVersion().String(), child.gvr.Resource); err != nil {
			return nil, err
		}
		claimed.declare(child.gvk)
		objects, err := c.listCached(child, parent.GetNamespace(), labels.Everything())
		if err != nil {
			return nil, err
		}
		var failed []error
		for _, obj := range objects {
			mine, err := c.claim(ctx, parent, claimable{resource: child, obj: obj, matches: selector.Matches(labels.Set(obj.GetLabels()))})
			if err != nil {
				failed = append(failed, err)
			}
			if mine {
				claimed.add(obj)
			}
		}
		if len(failed) > 0 {
			return nil, fmt.Errorf("can't claim %s children: %w", child.gvk.Kind, utilerrors.NewAggregate(failed))
		}
	}
	return claimed, nil
}

type claimable struct {
	resource resource
	obj      *unstructured.Unstructured
	matches  bool
}

// claim says whether the object is a child of the parent, after adopting or releasing it as needed.
func (c *controller) claim(ctx context.Context, parent *unstructured.Unstructured, o claimable) (bool, error) {
	owner := metav1.GetControllerOf(o.obj)
	if owner != nil && owner.UID != parent.GetUID() {
		return false, nil
	}
	if owner != nil && o.matches {
		return true, nil
	}
	if owner == nil && (!o.matches || o.obj.GetDeletionTimestamp() != nil) {
		return false, nil
	}
	if parent.GetDeletionTimestamp() != nil {
		return false, nil
	}
	if owner != nil {
		return false, ignoreNotFound(c.setOwner(ctx, parent, o, false))
	}
	if err := c.mayAdopt(ctx, parent); err != nil {
		return false, fmt.Errorf("can't adopt %s %s: %w", o.resource.gvk.Kind, qualifiedName(o.obj), err)
	}
	err := c.setOwner(ctx, parent, o, true)
	return err == nil, ignoreNotFound(err)
}

// mayAdopt rechecks the parent on the API server: the cached one may already be deleted or replaced.
func (c *controller) mayAdopt(ctx context.Context, parent *unstructured.Unstructured) error {
	live, err := c.parent.on(c.client, parent.GetNamespace()).Get(ctx, parent.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	if live.GetUID() != parent.GetUID() || live.GetDeletionTimestamp() != nil {
		return fmt.Errorf("%s has just been deleted", c.describe(parent))
	}
	return nil
}

func (c *controller) setOwner(ctx context.Context, parent *unstructured.Unstructured, o claimable, owned bool) error {
	update := c.updateOf(o.resource, o.obj, func(live *unstructured.Unstructured) bool {
		var refs []metav1.OwnerReference
		for _, ref := range live.GetOwnerReferences() {
			if ref.UID != parent.GetUID() {
				refs = append(refs, ref)
			}
		}
		if owned {
			refs = append(refs, ownerReference(parent))
		}
		live.SetOwnerReferences(refs)
		return true
	})
	_, err := update.apply(ctx, o.obj)
	return err
}

func ownerReference(parent *unstructured.Unstructured) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: parent.GetAPIVersion(), Kind: parent.GetKind(), Name: parent.GetName(), UID: parent.GetUID(),
		Controller: &yes, BlockOwnerDeletion: &yes,
	}
}

// childSelector is by UID if the controller generates selectors, else what the parent says in spec.selector.
func (c *controller) childSelector(parent *unstructured.Unstructured) (labels.Selector, error) {
	if isSet(c.cc.Spec.GenerateSelector) {
		return labels.SelectorFromSet(labels.Set{uidLabel: string(parent.GetUID())}), nil
	}
	content, _, err := unstructured.NestedMap(parent.Object, "spec", "selector")
	if err != nil {
		return nil, fmt.Errorf("can't read spec.selector of %s: %w", c.describe(parent), err)
	}
	selector := &metav1.LabelSelector{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, selector); err != nil {
		return nil, fmt.Errorf("can't read spec.selector of %s: %w", c.describe(parent), err)
	}
	if len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0 {
		return nil, errors.New(".spec.selector must have either matchLabels, matchExpressions, or both")
	}
	return metav1.LabelSelectorAsSelector(selector)
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
