package composite

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// desiredChildren completes what the hook answered: the parent's namespace where none is given, and the
// label of the generated selector. A child that the selector would not match fails the sync before any write.
func (c *controller) desiredChildren(parent *unstructured.Unstructured, children []*unstructured.Unstructured) (groups, error) {
	selector, err := c.childSelector(parent)
	if err != nil {
		return nil, err
	}
	desired := groups{}
	for _, child := range children {
		if child.GetNamespace() == "" {
			child.SetNamespace(parent.GetNamespace())
		}
		desired.add(child)
	}
	for _, group := range desired {
		for _, child := range group {
			if err := c.label(child, parent, selector); err != nil {
				return nil, err
			}
		}
	}
	return desired, nil
}

func (c *controller) label(child, parent *unstructured.Unstructured, selector labels.Selector) error {
	set, _, err := unstructured.NestedStringMap(child.Object, "metadata", "labels")
	if err != nil {
		return fmt.Errorf("invalid labels on desired child %s %s: %w", child.GetKind(), qualifiedName(child), err)
	}
	if _, ok := set[uidLabel]; !ok && isSet(c.cc.Spec.GenerateSelector) {
		if set == nil {
			set = map[string]string{}
		}
		set[uidLabel] = string(parent.GetUID())
		child.SetLabels(set)
	}
	if !selector.Matches(labels.Set(set)) {
		return fmt.Errorf("labels on desired child %s %s don't match parent selector", child.GetKind(), qualifiedName(child))
	}
	return nil
}

// manageChildren deletes what is observed and not desired, of all kinds, and then creates and updates what
// is desired. Within a kind the order is random. Nothing stops at a failure.
func (c *controller) manageChildren(ctx context.Context, parent *unstructured.Unstructured, p plan) error {
	var failed []error
	for _, gvk := range p.observed.kinds() {
		for name, child := range p.observed[gvk] {
			if p.desired[gvk][name] != nil || child.GetDeletionTimestamp() != nil {
				continue
			}
			failed = append(failed, c.deleteChild(ctx, child))
		}
	}
	for _, gvk := range p.desired.kinds() {
		for name, child := range p.desired[gvk] {
			if observed := p.observed[gvk][name]; observed != nil {
				failed = append(failed, c.updateChild(ctx, observed, child))
				continue
			}
			failed = append(failed, c.createChild(ctx, parent, child))
		}
	}
	return utilerrors.NewAggregate(failed)
}

// deleteChild deletes exactly the observed object, its dependents in the background.
func (c *controller) deleteChild(ctx context.Context, child *unstructured.Unstructured) error {
	r, err := c.catalog.kind(child.GetAPIVersion(), child.GetKind())
	if err != nil {
		return err
	}
	c.log.Info("delete child", "kind", child.GetKind(), "name", qualifiedName(child))
	uid, background := child.GetUID(), metav1.DeletePropagationBackground
	err = r.on(c.client, child.GetNamespace()).Delete(ctx, child.GetName(), metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("can't delete %s %s: %w", child.GetKind(), qualifiedName(child), err)
	}
	return nil
}

// createChild posts the child with its description remembered in an annotation. A name that is taken, by
// whomever, is silently left alone.
func (c *controller) createChild(ctx context.Context, parent, child *unstructured.Unstructured) error {
	r, err := c.catalog.kind(child.GetAPIVersion(), child.GetKind())
	if err != nil {
		return err
	}
	if err := setLastApplied(child, child); err != nil {
		return err
	}
	child.SetOwnerReferences(append(child.GetOwnerReferences(), ownerReference(parent)))
	_, err = r.on(c.client, child.GetNamespace()).Create(ctx, child, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		c.log.Info("child exists already", "kind", child.GetKind(), "name", qualifiedName(child))
		return nil
	}
	if err == nil {
		c.log.Info("created child", "kind", child.GetKind(), "name", qualifiedName(child))
	}
	return err
}

// updateChild acts on a difference as the update strategy of the child's kind says. A terminating child is
// left alone; a recreated one is created again by a later sync.
func (c *controller) updateChild(ctx context.Context, observed, desired *unstructured.Unstructured) error {
	merged, err := mergedChild(observed, desired)
	if err != nil {
		return err
	}
	if reflect.DeepEqual(merged.Object, observed.Object) || observed.GetDeletionTimestamp() != nil {
		return nil
	}
	switch method := c.methods[observed.GroupVersionKind().GroupKind()]; method {
	case "", "OnDelete":
		return nil
	case "Recreate", "RollingRecreate":
		return c.deleteChild(ctx, observed)
	case "InPlace", "RollingInPlace":
		return c.replaceChild(ctx, merged)
	default:
		return fmt.Errorf("update strategy of %s: unknown method %q", observed.GetKind(), method)
	}
}

// replaceChild puts the merged child at the observed resource version; one that has moved on or is gone is
// left to the next sync.
func (c *controller) replaceChild(ctx context.Context, merged *unstructured.Unstructured) error {
	r, err := c.catalog.kind(merged.GetAPIVersion(), merged.GetKind())
	if err != nil {
		return err
	}
	_, err = r.on(c.client, merged.GetNamespace()).Update(ctx, merged, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
