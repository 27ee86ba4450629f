package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// clusterInfo is the ConfigMap in kube-public that a joining machine reads first.
const clusterInfo = "cluster-info"

// controlPlaneNode is the Node of the lab's control plane. It never dies, so that the node controller always sees a
// healthy part of the cluster, as it would in a real one, and it carries an agent when no VM does.
const controlPlaneNode = "lab-control-plane"

//go:embed testdata/bootstrap.yaml
var bootstrapObjects string

// bootstrap does what kubeadm init does after the control plane is up, and waits until the controllers work: a Node
// becomes Ready, a token signs cluster-info, and ServiceAccounts appear.
func (c *Cluster) bootstrap(ctx context.Context) error {
	if err := c.createClusterInfo(ctx); err != nil {
		return err
	}
	if err := c.Apply(ctx, "", strings.ReplaceAll(bootstrapObjects, "$CONTROL_PLANE", controlPlaneNode)); err != nil {
		return err
	}
	join, err := c.NewJoinToken(ctx, 0)
	if err != nil {
		return err
	}
	c.join = join
	if err := c.awaitServiceAccount(ctx, metav1.NamespaceDefault); err != nil {
		return err
	}
	return c.await(ctx, "kwok to make a Node Ready", func(ctx context.Context) error {
		return c.nodeReady(ctx, controlPlaneNode)
	})
}

// createClusterInfo publishes the API server's address and CA, without credentials.
func (c *Cluster) createClusterInfo(ctx context.Context) error {
	config := clientcmdapi.NewConfig()
	config.Clusters[""] = &clientcmdapi.Cluster{
		Server:                   "https://" + c.endpoint(),
		CertificateAuthorityData: c.authority.pem,
	}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode cluster-info: %w", err)
	}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: clusterInfo},
		Data:       map[string]string{"kubeconfig": string(content)},
	}
	return c.await(ctx, "namespace kube-public", func(ctx context.Context) error {
		_, err := c.client.CoreV1().ConfigMaps(metav1.NamespacePublic).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
}

// awaitServiceAccount waits for a namespace's default ServiceAccount, without which no pod is admitted to it.
func (c *Cluster) awaitServiceAccount(ctx context.Context, namespace string) error {
	return c.await(ctx, "the default ServiceAccount of "+namespace, func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) nodeReady(ctx context.Context, name string) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get Node %s: %w", name, err)
	}
	if !isReady(node) {
		return errors.New("Node " + name + " is not Ready")
	}
	return nil
}

// isReady reports whether the Node's condition Ready is True.
func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
