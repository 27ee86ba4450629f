// Package kube is the few calls that this program makes to the API server itself, past what Metacontroller sends it.
//
// Its width is the RBAC of two accounts. The operator's: get on Secrets and on one ConfigMap, get, patch and delete on
// Nodes, list on pods, get and list on SpotInstanceVMs, get on SpotInstanceJobs, create on pods/eviction and events. The node agent's: get and patch on Nodes,
// patch on nodes/status and pods/status, list on pods. It watches nothing, caches nothing and retries only conflicts.
package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// clusterInfo is the ConfigMap of namespace kube-public that kubeadm join reads first.
const clusterInfo = "cluster-info"

// Client makes these calls. Errors are those of k8s.io/apimachinery/pkg/api/errors; every call ends when ctx ends.
type Client struct {
	api kubernetes.Interface
	now func() time.Time
}

// New returns a Client. now stamps Events.
func New(api kubernetes.Interface, now func() time.Time) *Client {
	return &Client{api: api, now: now}
}

// Secret returns one Secret.
func (c *Client) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return c.api.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

// ClusterInfo returns ConfigMap kube-public/cluster-info.
func (c *Client) ClusterInfo(ctx context.Context) (*corev1.ConfigMap, error) {
	return c.api.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, clusterInfo, metav1.GetOptions{})
}

// ClusterID is the UID of Namespace kube-system, which tells clusters apart.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	namespace, err := c.api.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read the cluster's id from Namespace kube-system: %w", err)
	}
	if namespace.UID == "" {
		return "", errors.New("read the cluster's id from Namespace kube-system: it has no UID")
	}
	return string(namespace.UID), nil
}

// TaintNode puts the taint on this Node, as the caller has just read it, or takes it off; key and effect identify it. If the Node has
// changed meanwhile, it is read anew. Done already is no error; another Node of this name is one.
func (c *Client) TaintNode(ctx context.Context, node *corev1.Node, taint corev1.Taint, wanted bool) error {
	found := node
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if found == nil {
			var err error
			if found, err = c.Node(ctx, node.Name); err != nil {
				return err
			}
		}
		if found.UID != node.UID {
			return fmt.Errorf("taint Node %s: it is another one by now, UID %s", node.Name, found.UID)
		}
		has := slices.ContainsFunc(found.Spec.Taints, sameTaint(taint))
		if has == wanted {
			return nil
		}
		err := c.patchTaints(ctx, found, taint, wanted)
		found = nil
		return err
	})
	// RetryOnConflict takes the end of ctx for having tried long enough, and returns the last conflict, or nothing.
	if ended := ctx.Err(); ended != nil && (err == nil || apierrors.IsConflict(err)) {
		return ended
	}
	return err
}

// patchTaints replaces the whole list, which has no keys to merge by, and so only if nobody changed the Node meanwhile.
func (c *Client) patchTaints(ctx context.Context, node *corev1.Node, taint corev1.Taint, wanted bool) error {
	taints := slices.DeleteFunc(slices.Clone(node.Spec.Taints), sameTaint(taint))
	if wanted {
		taints = append(taints, taint)
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID, "resourceVersion": node.ResourceVersion},
		"spec":     map[string]any{"taints": taints},
	})
	if err != nil {
		return fmt.Errorf("taint Node %s: %w", node.Name, err)
	}
	_, err = c.api.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// Node returns one Node.
func (c *Client) Node(ctx context.Context, name string) (*corev1.Node, error) {
	return c.api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
}

// SetNodeCondition writes one condition of the Node of this name and UID, and returns the Node with it. Another Node of this name is a
// conflict.
func (c *Client) SetNodeCondition(ctx context.Context, node corev1.ObjectReference, condition corev1.NodeCondition) (*corev1.Node, error) {
	patch, err := conditionPatch(node.UID, condition)
	if err != nil {
		return nil, err
	}
	return c.api.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
}

// SetPodCondition writes one condition of the pod of this namespace, name and UID. Absent or replaced is no error.
func (c *Client) SetPodCondition(ctx context.Context, pod corev1.ObjectReference, condition corev1.PodCondition) error {
	patch, err := conditionPatch(pod.UID, condition)
	if err == nil {
		_, err = c.api.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if apierrors.IsConflict(err) {
		return nil
	}
	return ignoreNotFound(err)
}

// conditionPatch merges one condition by its type, and only into the object of this UID.
func conditionPatch(uid types.UID, condition any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": uid},
		"status":   map[string]any{"conditions": []any{condition}},
	})
}

// DeleteNode deletes the Node of this name and UID. Absent is no error.
func (c *Client) DeleteNode(ctx context.Context, node corev1.ObjectReference) error {
	err := c.api.CoreV1().Nodes().Delete(ctx, node.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &node.UID}})
	return ignoreNotFound(err)
}

// PodsOnNode lists the pods of all namespaces that are bound to the Node, from etcd and not from a cache.
func (c *Client) PodsOnNode(ctx context.Context, node string) ([]corev1.Pod, error) {
	return c.podsOnNode(ctx, node, "")
}

// CachedPodsOnNode is PodsOnNode from the API server's cache, which may be a moment behind: for who asks again and again, on
// many Nodes at the same time.
func (c *Client) CachedPodsOnNode(ctx context.Context, node string) ([]corev1.Pod, error) {
	return c.podsOnNode(ctx, node, "0")
}

func (c *Client) podsOnNode(ctx context.Context, node, resourceVersion string) ([]corev1.Pod, error) {
	list, err := c.api.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(), ResourceVersion: resourceVersion,
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// EvictPod asks for the pod of this namespace, name and UID to be evicted. Absent, replaced, or held by a disruption
// budget is no error.
func (c *Client) EvictPod(ctx context.Context, pod corev1.ObjectReference) error {
	err := c.api.CoreV1().Pods(pod.Namespace).EvictV1(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}},
	})
	if apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) {
		return nil
	}
	return ignoreNotFound(err)
}

// Event records an event, of which InvolvedObject, Type, Reason and Message are set. Its name follows from them, so that
// the same event again is no second one.
func (c *Client) Event(ctx context.Context, event corev1.Event) error {
	about := event.InvolvedObject
	event.Namespace = about.Namespace
	event.Name = about.Name + "." + v1alpha1.Hash(string(about.UID) + "/" + event.Reason + "/" + event.Message)[:16]
	event.Source = corev1.EventSource{Component: "spot-instance-training-operator"}
	event.FirstTimestamp = metav1.NewTime(c.now())
	event.LastTimestamp, event.Count = event.FirstTimestamp, 1
	_, err := c.api.CoreV1().Events(event.Namespace).Create(ctx, &event, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func sameTaint(taint corev1.Taint) func(corev1.Taint) bool {
	return func(t corev1.Taint) bool { return taint.MatchTaint(&t) }
}
