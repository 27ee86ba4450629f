package composite

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"
)

// liveUpdate is one unconditional change of an object: it is read from the API server, changed and written
// back, again on a conflict (four attempts). No cached content is ever written.
type liveUpdate struct {
	client dynamic.ResourceInterface
	group  schema.GroupResource
	// change edits the live object and says whether there is anything to write.
	change func(*unstructured.Unstructured) bool
	// subresources is empty for the object itself, or {"status"}.
	subresources []string
}

// apply returns the live object. One that was deleted, or replaced by another of the same name, is NotFound.
func (u liveUpdate) apply(ctx context.Context, orig *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	var live *unstructured.Unstructured
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		current, err := u.client.Get(ctx, orig.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if current.GetUID() != orig.GetUID() {
			return apierrors.NewNotFound(u.group, orig.GetName())
		}
		live = current
		if !u.change(current) {
			return nil
		}
		live, err = u.client.Update(ctx, current, metav1.UpdateOptions{}, u.subresources...)
		return err
	})
	if err == nil {
		err = ctx.Err() // which RetryOnConflict takes for having tried long enough, and says nothing
	}
	return live, err
}
