package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Secrets that a pool finds in its namespace without naming them.
const (
	secretCredentials = "gcp-credentials"
	secretJoin        = "kubeadm-join-token"
)

// Namespace is a namespace of one story, with the Secrets that a pool needs.
type Namespace struct {
	Name string
	Join JoinToken // in the Secret kubeadm-join-token; of this namespace alone
}

// NewNamespace makes a namespace whose name begins with prefix, with the Secrets gcp-credentials and kubeadm-join-token,
// and waits until pods are admitted to it.
func (c *Cluster) NewNamespace(ctx context.Context, prefix string) (Namespace, error) {
	created, err := c.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return Namespace{}, fmt.Errorf("create a namespace: %w", err)
	}
	join, err := c.NewJoinToken(ctx, 0)
	if err != nil {
		return Namespace{}, err
	}
	key, err := serviceAccountKey(created.Name)
	if err != nil {
		return Namespace{}, err
	}
	secrets := map[string]map[string]string{
		secretCredentials: {"credentials.json": key},
		secretJoin:        {"token": join.Token, "ca-cert-hash": join.CACertHash, "control-plane-endpoint": join.Endpoint},
	}
	for name, data := range secrets {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
		if _, err := c.client.CoreV1().Secrets(created.Name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return Namespace{}, fmt.Errorf("create Secret %s/%s: %w", created.Name, name, err)
		}
	}
	return Namespace{Name: created.Name, Join: join}, c.awaitServiceAccount(ctx, created.Name)
}

// serviceAccountKey is a Google service account key of the right form that nobody accepts.
func serviceAccountKey(name string) (string, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a service account key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("encode a service account key: %w", err)
	}
	key, err := json.Marshal(map[string]string{
		"type":         "service_account",
		"project_id":   "lab",
		"client_email": name + "@lab.iam.gserviceaccount.com",
		"private_key":  string(pemBlock("PRIVATE KEY", der)),
		"token_uri":    "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		return "", fmt.Errorf("encode a service account key: %w", err)
	}
	return string(key), nil
}
