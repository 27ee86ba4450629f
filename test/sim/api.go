package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// collectAfter is how long the garbage collector takes to see that an owner is gone.
const collectAfter = time.Second

// Change is one write. Old is nil for a creation, New for a removal.
type Change struct{ Old, New *Record }

// Record is the newest version that the change knows.
func (c Change) Record() *Record {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

// API is the API server: objects with resource versions, finalizers, graceful deletion of pods, and the garbage
// collector. Errors are those of k8s.io/apimachinery/pkg/api/errors. Of
// admission it has quotas; it has no schemas and no defaults.
type API struct {
	clock    *Clock
	records  map[Key]*Record
	version  uint64
	made     uint64
	watchers []func(Change)
	leaveOut func(corev1.Volume) bool // volumes of Jobs that the server does not know
	quota    *jobQuota                // nil: Jobs as many as anybody wants
	admit    func(Object) error       // refuses what must not be created; nil: it takes all
}

// NewAPI returns an API without objects.
func NewAPI(clock *Clock) *API { return &API{clock: clock, records: map[Key]*Record{}} }

// Watch calls see for every change from now on, at once and in order. see must not write: it notes, or sets a timer.
func (a *API) Watch(see func(Change)) { a.watchers = append(a.watchers, see) }

// Get is the newest version of an object, or nil.
func (a *API) Get(k Key) *Record { return a.records[k] }

// List is the newest versions of all objects of a kind, by namespace and name.
func (a *API) List(kind string) []*Record {
	var found []*Record
	for k, r := range a.records {
		if k.Kind == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(x, y *Record) int {
		if x.Key.less(y.Key) {
			return -1
		}
		return 1
	})
	return found
}

// Create stores an object, which becomes the API's own. It sets UID, generation, resource version and creation time.
func (a *API) Create(o Object) (*Record, error) {
	k := keyOf(o)
	if a.records[k] != nil {
		return nil, apierrors.NewAlreadyExists(resourceOf(k), k.Name)
	}
	if k.Kind == "Job" {
		if err := a.quota.admit(k); err != nil {
			return nil, err
		}
	}
	if a.admit != nil {
		if err := a.admit(o); err != nil {
			return nil, err
		}
	}
	if job, is := o.(*batchv1.Job); is && a.leaveOut != nil {
		job.Spec.Template.Spec.Volumes = slices.DeleteFunc(job.Spec.Template.Spec.Volumes, a.leaveOut)
	}
	a.made++
	o.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", a.made)))
	o.SetGeneration(1)
	o.SetCreationTimestamp(a.timestamp())
	r := a.store(nil, o)
	if owner := r.owner(); owner != nil && !a.isThere(owner.UID) { // it was deleted meanwhile
		a.clock.AfterFunc(collectAfter, func() { a.collect(owner.UID) })
	}
	return r, nil
}

// isThere tells whether any object has this UID.
func (a *API) isThere(uid types.UID) bool {
	for _, r := range a.records {
		if r.Object.GetUID() == uid {
			return true
		}
	}
	return false
}

// Update changes an object, and says nothing to watchers if nothing differs then. What has no finalizers left and waits
// for that is removed. An empty uid is any.
func (a *API) Update(k Key, uid types.UID, change func(Object)) error {
	old, err := a.find(k, uid)
	if err != nil {
		return err
	}
	o := old.Object.DeepCopyObject().(Object)
	change(o)
	if bytes.Equal(old.JSON(), (&Record{Key: k, Object: o}).JSON()) {
		return nil
	}
	if o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) == 0 && (k.Kind != "Pod" || len(old.Object.GetFinalizers()) > 0) {
		a.Remove(k)
		return nil
	}
	a.store(old, o)
	return nil
}

// Edit is an Update of the spec: the generation rises.
func (a *API) Edit(k Key, uid types.UID, change func(Object)) error {
	return a.Update(k, uid, func(o Object) {
		change(o)
		o.SetGeneration(o.GetGeneration() + 1)
	})
}

// Delete removes an object, or marks it if finalizers or, for a pod on a Node, its grace period hold it. An empty uid is
// any.
func (a *API) Delete(k Key, uid types.UID) error {
	old, err := a.find(k, uid)
	if err != nil || old.Object.GetDeletionTimestamp() != nil {
		return err
	}
	grace := int64(0)
	if pod, is := old.Object.(*corev1.Pod); is && pod.Spec.NodeName != "" && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
		grace = 30
		if own := pod.Spec.TerminationGracePeriodSeconds; own != nil {
			grace = *own
		}
	}
	if len(old.Object.GetFinalizers()) == 0 && grace == 0 {
		a.Remove(k)
		return nil
	}
	o := old.Object.DeepCopyObject().(Object)
	at := metav1.NewTime(a.timestamp().Add(time.Duration(grace) * time.Second))
	o.SetDeletionTimestamp(&at)
	o.SetDeletionGracePeriodSeconds(&grace)
	o.SetGeneration(o.GetGeneration() + 1)
	a.store(old, o)
	return nil
}

// Remove takes an object away whatever holds it, and lets the garbage collector delete its dependents.
func (a *API) Remove(k Key) {
	old := a.records[k]
	if old == nil {
		return
	}
	delete(a.records, k)
	a.version++
	a.tell(Change{Old: old})
	a.clock.AfterFunc(collectAfter, func() { a.collect(old.Object.GetUID()) })
}

func (a *API) collect(owner types.UID) {
	for _, kind := range []string{"CheckpointBackup", "Job", "Pod"} {
		for _, r := range a.List(kind) {
			if ref := r.owner(); ref != nil && ref.UID == owner {
				_ = a.Delete(r.Key, r.Object.GetUID()) // it was listed a moment ago
			}
		}
	}
}

func (a *API) find(k Key, uid types.UID) (*Record, error) {
	r := a.records[k]
	if r == nil {
		return nil, apierrors.NewNotFound(resourceOf(k), k.Name)
	}
	if uid != "" && r.Object.GetUID() != uid {
		return nil, apierrors.NewConflict(resourceOf(k), k.Name, fmt.Errorf("UID is %s", r.Object.GetUID()))
	}
	return r, nil
}

func (a *API) store(old *Record, o Object) *Record {
	a.version++
	o.SetResourceVersion(fmt.Sprint(a.version))
	r := &Record{Key: keyOf(o), Object: o, Version: a.version}
	a.records[r.Key] = r
	a.tell(Change{Old: old, New: r})
	return r
}

func (a *API) tell(c Change) {
	for _, see := range a.watchers {
		see(c)
	}
}

// timestamp is the present as objects have it: in whole seconds.
func (a *API) timestamp() metav1.Time { return metav1.NewTime(a.clock.Now().Truncate(time.Second)) }

func resourceOf(k Key) schema.GroupResource { return schema.GroupResource{Resource: k.Kind} }
