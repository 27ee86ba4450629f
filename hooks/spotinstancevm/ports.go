package spotinstancevm

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Connector gives access to Google Cloud projects. It may share connections, and outlives any ctx it is called with.
type Connector interface {
	// Connect returns the project as seen with a service account key, or with Application Default Credentials if
	// credentialsJSON is nil. An error means that no client can be made of them; its text holds no secret.
	Connect(ctx context.Context, project string, credentialsJSON []byte) (gce.Cloud, error)
}

// Proof is the API server's own word, past any cache: what a request is checked against before a call changes anything.
type Proof interface {
	// Pool returns the SpotInstanceVM of this namespace and name.
	Pool(ctx context.Context, namespace, name string) (*v1alpha1.SpotInstanceVM, error)
	// Node returns the Node of this name.
	Node(ctx context.Context, name string) (*corev1.Node, error)
}

// Verdicts is what the hook of SpotInstanceJobs has judged.
type Verdicts interface {
	// TrainingJob returns the SpotInstanceJob of this namespace and name.
	TrainingJob(ctx context.Context, namespace, name string) (*v1alpha1.SpotInstanceJob, error)
}

// Keys is what VMs are bought and join the cluster with.
type Keys interface {
	// Secret returns one Secret.
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// ClusterInfo returns ConfigMap kube-public/cluster-info.
	ClusterInfo(ctx context.Context) (*corev1.ConfigMap, error)
}

// Kube is all that this hook asks of the API server besides what Metacontroller sends it. Errors are those of
// k8s.io/apimachinery/pkg/api/errors; every call ends when ctx ends.
type Kube interface {
	Proof
	Verdicts
	Keys
	Emptying
	// Event records an event, of which InvolvedObject, Type, Reason and Message are set. The same event again is no
	// error and no second one.
	Event(ctx context.Context, event corev1.Event) error
}

// Emptying is how a Node is left by its pods, and goes.
type Emptying interface {
	// TaintNode puts the taint on the Node that Proof has just returned, or takes it off; key and effect identify it. Done
	// already is no error.
	TaintNode(ctx context.Context, node *corev1.Node, taint corev1.Taint, wanted bool) error
	// DeleteNode deletes the Node of this name and UID. Absent is no error.
	DeleteNode(ctx context.Context, node corev1.ObjectReference) error
	// PodsOnNode lists the pods of all namespaces that are bound to the Node, past any cache.
	PodsOnNode(ctx context.Context, node string) ([]corev1.Pod, error)
	// EvictPod asks for the pod of this namespace, name and UID to be evicted. Absent, or refused by a disruption
	// budget, is no error.
	EvictPod(ctx context.Context, pod corev1.ObjectReference) error
}
