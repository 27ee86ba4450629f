package e2e

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// kind is a resource that the stories look at.
type kind struct {
	name     string
	resource schema.GroupVersionResource
}

var (
	jobs      = kind{"SpotInstanceJob", ours("spotinstancejobs")}
	pools     = kind{"SpotInstanceVM", ours("spotinstancevms")}
	childJobs = kind{"Job", schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}}
	backups   = kind{"CheckpointBackup", schema.GroupVersionResource{Group: "migration.dcnlab.com", Version: "v1", Resource: "checkpointbackups"}}
	pods      = kind{"Pod", schema.GroupVersionResource{Version: "v1", Resource: "pods"}}
	nodes     = kind{"Node", schema.GroupVersionResource{Version: "v1", Resource: "nodes"}}
	secrets   = kind{"Secret", schema.GroupVersionResource{Version: "v1", Resource: "secrets"}} // not recorded
)

func ours(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "training.training.dcnlab.com", Version: "v1alpha1", Resource: resource}
}

// change is one state of an object, as a watch showed it.
type change struct {
	kind    string
	object  *unstructured.Unstructured
	gone    bool
	seen    time.Time // by this process, milliseconds after it happened
	version int64     // the API server's own order, across kinds
}

// leaving reports whether somebody has deleted the object.
func (c change) leaving() bool { return c.gone || c.object.GetDeletionTimestamp() != nil }

// recorder keeps the present and the past of all that the stories look at.
type recorder struct {
	informers map[string]cache.SharedIndexInformer // by kind

	mu      sync.Mutex
	changes []change
	vms     []gcefake.Event
}

// record begins to record. The kinds must be installed.
func record(ctx context.Context, lab *cluster.Cluster) *recorder {
	r := &recorder{informers: map[string]cache.SharedIndexInformer{}}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(lab.Dynamic(), 0)
	for _, k := range []kind{jobs, pools, childJobs, backups, pods, nodes} {
		informer := factory.ForResource(k.resource).Informer()
		r.informers[k.name] = informer
		// It has not been started, which is the only thing that could go wrong.
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { r.note(k.name, object, false) },
			UpdateFunc: func(_, object any) { r.note(k.name, object, false) },
			DeleteFunc: func(object any) { r.note(k.name, object, true) },
		})
	}
	lab.GCE().Subscribe(func(event gcefake.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.vms = append(r.vms, event)
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return r
}

func (r *recorder) note(kind string, seen any, gone bool) {
	if last, ok := seen.(cache.DeletedFinalStateUnknown); ok {
		seen = last.Obj
	}
	object := seen.(*unstructured.Unstructured)
	version, _ := strconv.ParseInt(object.GetResourceVersion(), 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, change{kind: kind, object: object, gone: gone, seen: time.Now(), version: version})
}

// present are the objects of a kind in a namespace, by name. Cluster-scoped objects have the namespace "".
func (r *recorder) present(k kind, namespace string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, object := range r.informers[k.name].GetStore().List() {
		if o := object.(*unstructured.Unstructured); o.GetNamespace() == namespace {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *unstructured.Unstructured) int {
		if a.GetName() < b.GetName() {
			return -1
		}
		return 1
	})
	return found
}

// past are the changes of a kind in a namespace, in the order in which they happened.
func (r *recorder) past(k kind, namespace string) []change {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []change
	for _, c := range r.changes {
		if c.kind == k.name && c.object.GetNamespace() == namespace {
			found = append(found, c)
		}
	}
	return found
}

// since are all changes in a namespace from the nth of all on, and where to read on next time.
func (r *recorder) since(namespace string, n int) (found []change, next int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.changes[n:] {
		if c.object.GetNamespace() == namespace {
			found = append(found, c)
		}
	}
	return found, len(r.changes)
}

// length is how much has been recorded, of all namespaces and projects.
func (r *recorder) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes) + len(r.vms)
}

// machines are the events of a project's VMs, in the order in which they happened.
func (r *recorder) machines(project string) []gcefake.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []gcefake.Event
	for _, event := range r.vms {
		if event.VM.Project == project {
			found = append(found, event)
		}
	}
	return found
}
