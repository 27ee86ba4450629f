package hooks

import (
	"context"
	"strings"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// poolKube is as much of an API server as the pool's hook sees.
type poolKube struct{ *poolWorld }

func (k poolKube) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	switch {
	case k.is(apiServerIsDown):
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	case k.is(secretsAreGone):
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
	}
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{
		"token":                  []byte("abcdef.0123456789abcdef"),
		"ca-cert-hash":           []byte("sha256:" + strings.Repeat("0123456789abcdef", 4)),
		"control-plane-endpoint": []byte("control-plane.example.com:6443"),
		"credentials.json":       []byte("{}"),
	}}, nil
}

func (k poolKube) ClusterInfo(context.Context) (*corev1.ConfigMap, error) {
	info := &corev1.ConfigMap{Data: map[string]string{"jws-kubeconfig-abcdef": "signature"}}
	if k.is(tokenHasExpired) {
		info.Data = nil
	}
	return info, nil
}

// Pool is the one that was sent: whose word the hook may take is not what is fuzzed here.
func (k poolKube) Pool(context.Context, string, string) (*v1alpha1.SpotInstanceVM, error) {
	if k.is(apiServerIsDown) {
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	}
	return k.sent.Parent.DeepCopy(), nil
}

// TrainingJob is there and has judged nothing.
func (k poolKube) TrainingJob(_ context.Context, namespace, name string) (*v1alpha1.SpotInstanceJob, error) {
	if k.is(apiServerIsDown) {
		return nil, apierrors.NewServiceUnavailable("the API server is starting")
	}
	return &v1alpha1.SpotInstanceJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "job"}}, nil
}

// Node is the one that was sent under this name, as far as it proves whose it is.
func (k poolKube) Node(_ context.Context, name string) (*corev1.Node, error) {
	nodes, err := webhook.Objects[sentNode](k.sent.Related, "Node.v1")
	assert.NoError(k.t, err)
	for _, node := range nodes {
		if node.Metadata.Name == name {
			found := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: node.Metadata.UID, Labels: node.Metadata.Labels}}
			found.Spec.ProviderID = node.Spec.ProviderID
			return found, nil
		}
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "nodes"}, name)
}

func (k poolKube) TaintNode(_ context.Context, node *corev1.Node, _ corev1.Taint, _ bool) error {
	k.changes++
	k.nodeOf(corev1.ObjectReference{Name: node.Name, UID: node.UID})
	return nil
}

// DeleteNode must be of a Node whose VM is gone: pods on it are taken for dead from then on.
func (k poolKube) DeleteNode(_ context.Context, ref corev1.ObjectReference) error {
	k.changes++
	node := k.nodeOf(ref)
	for _, vm := range k.gce.Instances() {
		assert.NotEqual(k.t, "gce://"+vm.Project+"/"+vm.Zone+"/"+vm.Name, node.Spec.ProviderID, "the Node of a VM that is there is deleted")
	}
	return nil
}

// sentNode is what proves whose a Node is. The rest of it may be nonsense: the hook does not read it either.
type sentNode struct {
	Metadata struct {
		Name   string            `json:"name"`
		UID    types.UID         `json:"uid"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		ProviderID string `json:"providerID"`
	} `json:"spec"`
}

// nodeOf is the Node that was sent under this name and UID. It must prove to be one of the pool's.
func (k poolKube) nodeOf(ref corev1.ObjectReference) sentNode {
	nodes, err := webhook.Objects[sentNode](k.sent.Related, "Node.v1")
	assert.NoError(k.t, err)
	parent := k.sent.Parent
	for _, node := range nodes {
		if node.Metadata.Name == ref.Name && node.Metadata.UID == ref.UID && node.Metadata.Labels[v1alpha1.LabelPoolUID] == string(parent.UID) &&
			strings.HasPrefix(node.Spec.ProviderID, "gce://"+parent.Spec.GCP.Project+"/") && strings.HasSuffix(node.Spec.ProviderID, "/"+ref.Name) {
			return node
		}
	}
	assert.Fail(k.t, "a change of a Node that is not the pool's", "%+v", ref)
	return sentNode{}
}

func (k poolKube) PodsOnNode(_ context.Context, node string) ([]corev1.Pod, error) {
	if !k.is(podsStay) {
		return nil, nil
	}
	return []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "stranger", UID: "stranger"}, Spec: corev1.PodSpec{NodeName: node}},
		{ObjectMeta: metav1.ObjectMeta{Name: "training", UID: "training", Labels: map[string]string{v1alpha1.LabelJobUID: "x"}}, Spec: corev1.PodSpec{NodeName: node}},
	}, nil
}

func (k poolKube) EvictPod(_ context.Context, pod corev1.ObjectReference) error {
	assert.Equal(k.t, "stranger", pod.Name, "training pods are not evicted")
	return nil
}

func (k poolKube) Event(_ context.Context, event corev1.Event) error {
	assert.NotEmpty(k.t, event.Reason)
	assert.NotEmpty(k.t, event.Message)
	return nil
}
