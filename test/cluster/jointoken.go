package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JoinToken is what a VM needs to join the cluster, as kubeadm token create --print-join-command prints it.
type JoinToken struct {
	Token      string // id.secret
	CACertHash string // sha256: and 64 hexadecimal digits
	Endpoint   string // host:port of the API server
}

// ID is the public half of the token.
func (t JoinToken) ID() string {
	id, _, _ := strings.Cut(t.Token, ".")
	return id
}

// NewJoinToken makes a bootstrap token and waits until the controller manager has signed cluster-info with it. After
// lifetime, or after RevokeJoinToken, the controller manager takes token and signature away. A lifetime of 0 is for ever.
func (c *Cluster) NewJoinToken(ctx context.Context, lifetime time.Duration) (JoinToken, error) {
	// rand.Text is base32: lower-cased it fits [a-z0-9].
	random := strings.ToLower(rand.Text())
	id, secret := random[:6], random[6:22]
	data := map[string]string{
		"token-id": id, "token-secret": secret,
		"usage-bootstrap-signing": "true", "usage-bootstrap-authentication": "true",
		"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
	}
	if lifetime > 0 {
		data["expiration"] = time.Now().Add(lifetime).UTC().Format(time.RFC3339)
	}
	object := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: tokenSecret(id)},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: data,
	}
	if _, err := c.client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return JoinToken{}, fmt.Errorf("create bootstrap token %s: %w", id, err)
	}
	token := JoinToken{Token: id + "." + secret, CACertHash: publicKeyHash(c.authority.certificate), Endpoint: c.endpoint()}
	return token, c.await(ctx, "cluster-info to be signed with "+id, func(ctx context.Context) error {
		return c.signedWith(ctx, id)
	})
}

// RevokeJoinToken removes a bootstrap token and waits until its signature is gone from cluster-info.
func (c *Cluster) RevokeJoinToken(ctx context.Context, token JoinToken) error {
	err := c.client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, tokenSecret(token.ID()), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete bootstrap token %s: %w", token.ID(), err)
	}
	return c.await(ctx, "the signature of "+token.ID()+" to go", func(ctx context.Context) error {
		if c.signedWith(ctx, token.ID()) == nil {
			return errors.New("still signed")
		}
		return nil
	})
}

func tokenSecret(id string) string { return "bootstrap-token-" + id }

// signatureKey is the key of kube-public/cluster-info that holds the signature made with a token.
func signatureKey(id string) string { return "jws-kubeconfig-" + id }

func (c *Cluster) signedWith(ctx context.Context, id string) error {
	info, err := c.client.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, clusterInfo, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get cluster-info: %w", err)
	}
	if info.Data[signatureKey(id)] == "" {
		return fmt.Errorf("cluster-info has no %s", signatureKey(id))
	}
	return nil
}
