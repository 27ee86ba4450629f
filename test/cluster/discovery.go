package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	authv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// discover does what kubeadm join does before it trusts a cluster: it reads cluster-info without credentials, checks
// that the token has signed it and that its CA has one of the expected hashes, and then logs in with the token. Its
// errors are worded after kubeadm's.
func (c *Cluster) discover(ctx context.Context, join joinConfiguration) error {
	bootstrap := join.Discovery.BootstrapToken
	if bootstrap.APIServerEndpoint != c.endpoint() {
		return fmt.Errorf("couldn't validate the identity of the API Server: dial %s: no route to host", bootstrap.APIServerEndpoint)
	}
	id, secret, found := strings.Cut(bootstrap.Token, ".")
	if !found {
		return errors.New("the bootstrap token is invalid: it must be of the form id.secret")
	}
	info, signature, err := c.readClusterInfo(ctx, id)
	if err != nil {
		return err
	}
	if !signedBy(info, signature, secret) {
		return fmt.Errorf("failed to verify JWS signature of received cluster info object, can't trust this API Server: token id %q", id)
	}
	ca, err := certificateAuthority(info)
	if err != nil {
		return err
	}
	if hash := publicKeyHash(ca); !slices.Contains(bootstrap.CACertHashes, hash) {
		return fmt.Errorf("cluster CA found in cluster-info ConfigMap is invalid: none of the public keys %q are pinned", hash)
	}
	return c.logIn(ctx, bootstrap.Token)
}

// readClusterInfo reads the kubeconfig of cluster-info and the signature made with the token of this id, as anybody may.
func (c *Cluster) readClusterInfo(ctx context.Context, id string) (kubeconfig, signature string, err error) {
	anonymous, err := kubernetes.NewForConfig(rest.AnonymousClientConfig(c.config))
	if err != nil {
		return "", "", fmt.Errorf("make an anonymous client: %w", err)
	}
	info, err := anonymous.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, clusterInfo, metav1.GetOptions{})
	if err != nil {
		return "", "", fmt.Errorf("failed to request the cluster-info ConfigMap: %w", err)
	}
	signature, found := info.Data[signatureKey(id)]
	if !found {
		return "", "", fmt.Errorf("could not find a JWS signature in the cluster-info ConfigMap for token ID %q", id)
	}
	return info.Data["kubeconfig"], signature, nil
}

// signedBy checks a JWS with detached content (RFC 7515, appendix F), HS256, made by the controller manager.
func signedBy(content, signature, secret string) bool {
	header, code, found := strings.Cut(signature, "..")
	if !found {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(header + "." + base64.RawURLEncoding.EncodeToString([]byte(content))))
	return code == base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func certificateAuthority(kubeconfig string) (*x509.Certificate, error) {
	config, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil || config.Clusters[""] == nil {
		return nil, fmt.Errorf("couldn't parse the kubeconfig file in the cluster-info ConfigMap: %w", err)
	}
	block, _ := pem.Decode(config.Clusters[""].CertificateAuthorityData)
	if block == nil {
		return nil, errors.New("failed to parse the CA certificate from the cluster-info ConfigMap")
	}
	return x509.ParseCertificate(block.Bytes)
}

// publicKeyHash is what kubeadm calls the CA certificate hash: sha256: and the hexadecimal SHA-256 of the public key's
// SubjectPublicKeyInfo.
func publicKeyHash(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// logIn checks that the API server takes the token for a joining machine's.
func (c *Cluster) logIn(ctx context.Context, token string) error {
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client with the bootstrap token: %w", err)
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("log in with the bootstrap token: %w", err)
	}
	if user := review.Status.UserInfo.Username; !strings.HasPrefix(user, "system:bootstrap:") {
		return fmt.Errorf("the token belongs to %s, not to a joining machine", user)
	}
	return nil
}
