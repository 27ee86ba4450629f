package spotinstancevm_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// fakeKube is as much of an API server as the pool's hook sees.
type fakeKube struct {
	mu       sync.Mutex
	pool     func() *v1alpha1.SpotInstanceVM // as the API server has it; nil: there is none
	gets     int                             // of the pool
	poolDown bool                            // it cannot be read
	judged   map[string]string               // what the SpotInstanceJob says of replicas, by the name of their Job
	phase    v1alpha1.JobPhase               // of the SpotInstanceJob
	reads    int                             // of the SpotInstanceJob
	jobDown  bool                            // it cannot be read
	jobUID   types.UID                       // empty: there is none
	secrets  map[string]*corev1.Secret
	asked    map[string]int      // how often for each Secret
	signed   []string            // token ids that cluster-info is signed with
	noInfo   bool                // there is no cluster-info
	down     bool                // Secrets cannot be read
	guarded  bool                // a disruption budget holds all pods
	watched  bool                // a node agent runs on each VM
	shows    corev1.ResourceList // of each Node that joins; nil: one GPU
	nodes    map[string]*corev1.Node
	pods     []corev1.Pod
	evicted  []string
	events   []corev1.Event
	made     int
}

func newFakeKube() *fakeKube {
	k := &fakeKube{jobUID: "resnet", judged: map[string]string{}, secrets: map[string]*corev1.Secret{}, asked: map[string]int{}, nodes: map[string]*corev1.Node{}, signed: []string{"abcdef"}}
	k.putSecret("default/gcp-credentials", nil, map[string]string{"credentials.json": "key of the namespace"})
	k.putSecret("default/kubeadm-join-token", nil, map[string]string{"token": token})
	return k
}

func (k *fakeKube) putSecret(key string, annotations, data map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	namespace, name := split(key)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations}, Data: map[string][]byte{}}
	for k, v := range data {
		secret.Data[k] = []byte(v)
	}
	k.secrets[key] = secret
}

func split(key string) (string, string) {
	var namespace, name string
	for i := range key {
		if key[i] == '/' {
			namespace, name = key[:i], key[i+1:]
		}
	}
	return namespace, name
}

func (k *fakeKube) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked[namespace+"/"+name]++
	if k.down {
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	}
	if secret := k.secrets[namespace+"/"+name]; secret != nil {
		return secret.DeepCopy(), nil
	}
	return nil, notFound("secrets", name)
}

func (k *fakeKube) ClusterInfo(context.Context) (*corev1.ConfigMap, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noInfo {
		return nil, notFound("configmaps", "cluster-info")
	}
	info := &corev1.ConfigMap{Data: map[string]string{"kubeconfig": "..."}}
	for _, id := range k.signed {
		info.Data["jws-kubeconfig-"+id] = "signature"
	}
	return info, nil
}

func (k *fakeKube) Pool(_ context.Context, namespace, name string) (*v1alpha1.SpotInstanceVM, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gets++
	if k.poolDown {
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	}
	if pool := k.pool(); pool != nil && pool.Namespace == namespace && pool.Name == name {
		return pool.DeepCopy(), nil
	}
	return nil, notFound("spotinstancevms", name)
}

func (k *fakeKube) TrainingJob(_ context.Context, namespace, name string) (*v1alpha1.SpotInstanceJob, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	if k.jobDown {
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	}
	if k.jobUID == "" {
		return nil, notFound("spotinstancejobs", name)
	}
	job := &v1alpha1.SpotInstanceJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: k.jobUID}}
	job.Status.Phase = k.phase
	for child, phase := range k.judged {
		job.Status.JobStatuses = append(job.Status.JobStatuses, v1alpha1.JobReplicaStatus{Name: child, Phase: phase})
	}
	return job, nil
}

func (k *fakeKube) Node(_ context.Context, name string) (*corev1.Node, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := k.nodes[name]; n != nil {
		return n.DeepCopy(), nil
	}
	return nil, notFound("nodes", name)
}

func (k *fakeKube) TaintNode(_ context.Context, read *corev1.Node, taint corev1.Taint, wanted bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.nodes[read.Name]
	if n == nil || n.UID != read.UID {
		return notFound("nodes", read.Name)
	}
	n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) })
	if wanted {
		n.Spec.Taints = append(n.Spec.Taints, taint)
	}
	return nil
}

func (k *fakeKube) DeleteNode(_ context.Context, ref corev1.ObjectReference) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := k.nodes[ref.Name]; n != nil && n.UID == ref.UID {
		delete(k.nodes, ref.Name)
	}
	return nil
}

func (k *fakeKube) PodsOnNode(_ context.Context, node string) ([]corev1.Pod, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []corev1.Pod
	for _, pod := range k.pods {
		if pod.Spec.NodeName == node {
			found = append(found, pod)
		}
	}
	return found, nil
}

func (k *fakeKube) EvictPod(_ context.Context, pod corev1.ObjectReference) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.evicted = append(k.evicted, pod.Namespace+"/"+pod.Name)
	if k.guarded {
		return nil
	}
	k.pods = slices.DeleteFunc(k.pods, func(p corev1.Pod) bool { return p.UID == pod.UID })
	return nil
}

func (k *fakeKube) Event(_ context.Context, event corev1.Event) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, event)
	return nil
}

func (k *fakeKube) join(pool v1alpha1.SpotInstanceVM, vm gcefake.VM) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	k.nodes[vm.Name] = &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: vm.Name, UID: types.UID(fmt.Sprintf("node-%d", k.made)), Labels: map[string]string{
			v1alpha1.LabelPool:    cmp.Or(vm.Labels["spot-training-pool"], v1alpha1.PoolID(pool.Namespace, pool.Name)),
			v1alpha1.LabelPoolUID: vm.Labels["spot-training-pool-uid"],
		}},
		Spec: corev1.NodeSpec{ProviderID: fmt.Sprintf("gce://%s/%s/%s", vm.Project, vm.Zone, vm.Name)},
		Status: corev1.NodeStatus{
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			Allocatable: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")},
		},
	}
	if k.shows != nil {
		k.nodes[vm.Name].Status.Allocatable = k.shows
	}
	if k.watched {
		conditions := &k.nodes[vm.Name].Status.Conditions
		*conditions = append(*conditions, corev1.NodeCondition{Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionFalse})
	}
}

func (k *fakeKube) setReady(name string, ready bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := k.nodes[name]; n != nil {
		n.Status.Conditions[0].Status = corev1.ConditionUnknown
		if ready {
			n.Status.Conditions[0].Status = corev1.ConditionTrue
		}
	}
}

// nodesOf are the Nodes with the pool's label.
func (k *fakeKube) nodesOf(pool v1alpha1.SpotInstanceVM) []corev1.Node {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []corev1.Node
	for _, name := range slices.Sorted(maps.Keys(k.nodes)) {
		if k.nodes[name].Labels[v1alpha1.LabelPool] == v1alpha1.PoolID(pool.Namespace, pool.Name) {
			all = append(all, *k.nodes[name].DeepCopy())
		}
	}
	return all
}

func (k *fakeKube) bind(pod corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods = append(k.pods, pod)
}

func (k *fakeKube) unbindAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods = nil
}

// forget is a Node that somebody deleted by hand.
func (k *fakeKube) forget(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.nodes, name)
}

func notFound(resource, name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: resource}, name)
}
