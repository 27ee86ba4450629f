package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	json "github.com/go-json-experiment/json/v1"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// write does what an answer wants: the finalizer first, then deletes, creates and status. A child that fails keeps
// neither the others nor the status from being written.
func (c *controller) write(parent *Record, observed groups, a answer) error {
	if c.meta.isCutOff() {
		return errAPIDown
	}
	if a.Finalized {
		var err error
		if parent, err = c.setFinalizer(parent, false); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("can't remove finalizer: %w", err)
		}
		if parent == nil {
			return nil
		}
	}
	desired, err := c.desired(parent, a.Children)
	if err != nil {
		return err
	}
	var failed error
	if parent.Object.GetDeletionTimestamp() == nil || c.finalizer != "" && slices.Contains(parent.Object.GetFinalizers(), c.finalizer) {
		failed = errors.Join(c.deleteOthers(observed, desired), c.createMissing(observed, desired))
	}
	err = c.replaceStatus(parent, a.Status)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // swallowed, with what a child's write said
	}
	return errors.Join(err, failed)
}

// desired decodes the children of an answer, as they would be created.
func (c *controller) desired(parent *Record, children []json.RawMessage) (map[Key]Object, error) {
	desired := map[Key]Object{}
	for _, child := range children {
		o, err := childOf(child)
		if err != nil {
			return nil, err
		}
		labels := maps.Clone(o.GetLabels())
		if labels == nil {
			labels = map[string]string{}
		}
		labels["controller-uid"] = string(parent.Object.GetUID())
		o.SetLabels(labels)
		yes := true
		gvk := parent.Object.GetObjectKind().GroupVersionKind()
		o.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: parent.Name, UID: parent.Object.GetUID(),
			Controller: &yes, BlockOwnerDeletion: &yes,
		}})
		desired[keyOf(o)] = o
	}
	return desired, nil
}

func childOf(data []byte) (Object, error) {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	var o Object
	switch meta.Kind {
	case "Job":
		o = &batchv1.Job{}
	case "CheckpointBackup":
		o = &Backup{}
	default:
		return nil, fmt.Errorf("child of kind %q, which no rule names: %s", meta.Kind, data)
	}
	if err := strictly(data, o); err != nil {
		return nil, fmt.Errorf("child %s: %w", meta.Kind, err)
	}
	return o, nil
}

// deleteOthers deletes the observed children that are not desired, in the background and in any order.
func (c *controller) deleteOthers(observed groups, desired map[Key]Object) error {
	var failed []error
	for _, r := range c.shuffled(observed) {
		if desired[r.Key] != nil || r.Object.GetDeletionTimestamp() != nil {
			continue
		}
		c.meta.world.Tracef("delete %s", r.Key)
		if err := c.meta.world.API.Delete(r.Key, r.Object.GetUID()); err != nil && !apierrors.IsNotFound(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// createMissing creates the desired children that were not observed, in any order. One that exists already is left alone.
func (c *controller) createMissing(observed groups, desired map[Key]Object) error {
	for _, kind := range c.childKinds {
		for _, r := range observed[kind] {
			delete(desired, r.Key)
		}
	}
	missing := slices.SortedFunc(maps.Keys(desired), func(x, y Key) int {
		if x.less(y) {
			return -1
		}
		return 1
	})
	c.meta.world.Random.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
	var failed []error
	for _, k := range missing {
		c.meta.world.Tracef("create %s", k)
		if _, err := c.meta.world.API.Create(desired[k]); err != nil && !apierrors.IsAlreadyExists(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (c *controller) shuffled(observed groups) []*Record {
	var all []*Record
	for _, kind := range c.childKinds {
		all = append(all, observed[kind]...)
	}
	c.meta.world.Random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// replaceStatus writes the answered status in place of the one that is there, with the generation that the hook saw.
func (c *controller) replaceStatus(parent *Record, status json.RawMessage) error {
	if live := c.meta.world.API.Get(parent.Key); live != nil && c.written[parent.Key].is(live, parent, status) {
		return nil
	}
	err := c.meta.world.API.Update(parent.Key, parent.Object.GetUID(), func(o Object) {
		switch o := o.(type) {
		case *v1alpha1.SpotInstanceJob:
			o.Status = v1alpha1.SpotInstanceJobStatus{}
			mustDecode(status, &o.Status)
			o.Status.ObservedGeneration = parent.Object.GetGeneration()
		case *v1alpha1.SpotInstanceVM:
			o.Status = v1alpha1.SpotInstanceVMStatus{}
			mustDecode(status, &o.Status)
			o.Status.ObservedGeneration = parent.Object.GetGeneration()
		}
	})
	if live := c.meta.world.API.Get(parent.Key); err == nil && live != nil {
		c.written[parent.Key] = writtenStatus{live.Version, parent.Object.GetGeneration(), string(status)}
	}
	return err
}

// writtenStatus is the last status that was written to a parent, so that writing it again, which changes nothing, costs
// nothing.
type writtenStatus struct {
	version    uint64 // of the parent since
	generation int64
	status     string
}

func (w writtenStatus) is(live, parent *Record, status json.RawMessage) bool {
	return w.version == live.Version && w.generation == parent.Object.GetGeneration() && live.Object.GetUID() == parent.Object.GetUID() && w.status == string(status)
}

// mustDecode decodes a status that the hooks made with the same types.
func mustDecode(data json.RawMessage, into any) {
	if err := strictly(data, into); err != nil {
		panic(fmt.Errorf("status %s: %w", data, err))
	}
}
