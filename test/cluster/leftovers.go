package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

var (
	poolResource = v1alpha1.GroupVersion.WithResource("spotinstancevms")
	jobResource  = v1alpha1.GroupVersion.WithResource("spotinstancejobs")
	podResource  = corev1.SchemeGroupVersion.WithResource("pods")
	batchJobs    = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
)

// gceLabelPoolUID is the label of a VM that holds its pool's UID.
const gceLabelPoolUID = "spot-training-pool-uid"

// poolRegistry remembers the namespace of each pool that ever was: its VMs and Nodes do not say it.
type poolRegistry struct {
	mu         sync.Mutex
	namespaces map[string]string // by UID
}

func (r *poolRegistry) add(uid, namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.namespaces == nil {
		r.namespaces = map[string]string{}
	}
	r.namespaces[uid] = namespace
}

// in reports whether a pool was in a namespace. One that nobody knows is in all of them.
func (r *poolRegistry) in(uid, namespace string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.namespaces[uid]
	return !ok || known == namespace
}

// watchPools fills the registry from now on.
func (c *Cluster) watchPools() {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(c.dynamic, 0)
	informer := factory.ForResource(poolResource).Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		if pool, ok := object.(metav1.Object); ok {
			c.pools.add(string(pool.GetUID()), pool.GetNamespace())
		}
	}})
	if err != nil {
		fmt.Fprintf(c.log, "lab: watch pools: %v\n", err) // only a stopped informer refuses
	}
	factory.Start(c.background.context().Done())
	c.background.run(func(ctx context.Context) { <-ctx.Done(); factory.Shutdown() })
}

// Leftovers lists, one line each and sorted, what exists because of a namespace's SpotInstanceVMs and SpotInstanceJobs and
// that none of those which still exist asks for: VMs, GCE operations in flight, Nodes, Jobs, pods and CheckpointBackups.
// While things settle it lists what is still on its way out; a story is clean once the list is empty. Pods that are
// being deleted do not count: without a kubelet they go a minute after their Node, by Kubernetes' own pod collector.
func (c *Cluster) Leftovers(ctx context.Context, namespace string) ([]string, error) {
	pools, err := c.byUID(ctx, poolResource, namespace)
	if err != nil {
		return nil, err
	}
	jobs, err := c.byUID(ctx, jobResource, namespace)
	if err != nil {
		return nil, err
	}
	found := c.leftVMs(namespace, pools)
	found = append(found, c.leftOperations(namespace)...)
	nodes, err := c.leftNodes(ctx, namespace, pools)
	if err != nil {
		return nil, err
	}
	children, err := c.leftChildren(ctx, namespace, jobs)
	if err != nil {
		return nil, err
	}
	found = slices.Concat(found, nodes, children)
	slices.Sort(found)
	return found, nil
}

// byUID lists a namespace's objects. A kind that is not served has none.
func (c *Cluster) byUID(ctx context.Context, resource schema.GroupVersionResource, namespace string) (map[string]*unstructured.Unstructured, error) {
	list, err := c.list(ctx, resource, namespace)
	if err != nil {
		return nil, err
	}
	objects := map[string]*unstructured.Unstructured{}
	for i := range list {
		objects[string(list[i].GetUID())] = &list[i]
	}
	return objects, nil
}

// leftVMs are VMs of pools that are gone, and those beyond what a pool wants.
func (c *Cluster) leftVMs(namespace string, pools map[string]*unstructured.Unstructured) []string {
	var left []string
	count := map[string]int64{}
	for _, vm := range c.gce.Instances() {
		uid := vm.Labels[gceLabelPoolUID]
		if pools[uid] != nil {
			count[uid]++
			continue
		}
		if uid != "" && c.pools.in(uid, namespace) {
			left = append(left, fmt.Sprintf("VM %s (%s): its pool is gone", vm.Name, vm.Status))
		}
	}
	for uid, pool := range pools {
		desired, _, _ := unstructured.NestedInt64(pool.Object, "status", "desiredReplicas")
		if pool.GetDeletionTimestamp() != nil {
			desired = 0
		}
		if count[uid] > desired {
			left = append(left, fmt.Sprintf("pool %s: %d VMs where %d are wanted", pool.GetName(), count[uid], desired))
		}
	}
	return left
}

// leftOperations are those in flight: of the namespace's pools, existing or not, and on VMs that are gone.
func (c *Cluster) leftOperations(namespace string) []string {
	owners := map[string]string{}
	for _, vm := range c.gce.Instances() {
		owners[vm.Name] = vm.Labels[gceLabelPoolUID]
	}
	var left []string
	for _, op := range c.gce.OperationsInFlight() {
		if c.pools.in(owners[op.Target], namespace) {
			left = append(left, fmt.Sprintf("operation %s on %s in flight", op.Type, op.Target))
		}
	}
	return left
}

// leftNodes are Nodes of pools that are gone and Nodes whose VM is gone.
func (c *Cluster) leftNodes(ctx context.Context, namespace string, pools map[string]*unstructured.Unstructured) ([]string, error) {
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelPoolUID})
	if err != nil {
		return nil, fmt.Errorf("list Nodes: %w", err)
	}
	var left []string
	for _, node := range nodes.Items {
		uid := node.Labels[v1alpha1.LabelPoolUID]
		if pools[uid] == nil && c.pools.in(uid, namespace) {
			left = append(left, fmt.Sprintf("Node %s: its pool is gone", node.Name))
			continue
		}
		if _, exists := c.gce.Instance(node.Name); !exists && pools[uid] != nil {
			left = append(left, fmt.Sprintf("Node %s: its VM is gone", node.Name))
		}
	}
	return left, nil
}

// leftChildren are Jobs, pods and CheckpointBackups of SpotInstanceJobs that are gone, and Jobs that run for one that has
// ended or beyond its replicas.
func (c *Cluster) leftChildren(ctx context.Context, namespace string, jobs map[string]*unstructured.Unstructured) ([]string, error) {
	var left []string
	running := map[string]int64{}
	for _, resource := range []schema.GroupVersionResource{batchJobs, podResource, backupResource} {
		objects, err := c.list(ctx, resource, namespace)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			uid := objects[i].GetLabels()[v1alpha1.LabelJobUID]
			switch {
			case uid == "":
			case resource == podResource && objects[i].GetDeletionTimestamp() != nil:
			case jobs[uid] == nil:
				left = append(left, fmt.Sprintf("%s %s: its SpotInstanceJob is gone", objects[i].GetKind(), objects[i].GetName()))
			case resource == batchJobs && !hasEnded(&objects[i]):
				running[uid]++
			}
		}
	}
	for uid, job := range jobs {
		if want := wantedJobs(job); running[uid] > want {
			left = append(left, fmt.Sprintf("SpotInstanceJob %s: %d Jobs run where %d are wanted", job.GetName(), running[uid], want))
		}
	}
	return left, nil
}

// wantedJobs is how many child Jobs may run for a SpotInstanceJob.
func wantedJobs(job *unstructured.Unstructured) int64 {
	phase, _, _ := unstructured.NestedString(job.Object, "status", "phase")
	switch v1alpha1.JobPhase(phase) {
	case v1alpha1.JobSucceeded, v1alpha1.JobFailed, v1alpha1.JobSuspended:
		return 0
	}
	replicas, _, _ := unstructured.NestedInt64(job.Object, "spec", "replicas")
	return replicas
}

// hasEnded reports whether a batch/v1 Job is Complete or Failed.
func hasEnded(job *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(item any) bool {
		condition, _ := item.(map[string]any)
		kind, status := condition["type"], condition["status"]
		return status == "True" && (kind == "Complete" || kind == "Failed")
	})
}

// list lists objects of a namespace; a kind that is not served has none.
func (c *Cluster) list(ctx context.Context, resource schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err == nil {
		return list.Items, nil
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return nil, fmt.Errorf("list %s of %s: %w", resource.Resource, namespace, err)
}
