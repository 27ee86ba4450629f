package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	authv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writeFiles makes the certificates, the admin's token, its kubeconfig and kwok's stages, for ports chosen now.
func (c *Cluster) writeFiles(context.Context) (err error) {
	if c.ports, err = freePorts(); err != nil {
		return err
	}
	if c.authority, err = newAuthority(); err != nil {
		return err
	}
	c.token = rand.Text()
	files := map[string][]byte{
		"ca.crt":      c.authority.pem,
		"tokens.csv":  fmt.Appendf(nil, "%s,lab-admin,lab-admin,system:masters\n", c.token),
		"stages.yaml": c.timing.stages(),
	}
	if c.prices != "" {
		files[pricesFile] = []byte(c.prices)
	}
	for name, content := range files {
		if err := writeSecret(c.file(name), content); err != nil {
			return err
		}
	}
	if err := writeKey(c.file("ca.key"), c.authority.key); err != nil {
		return err
	}
	if err := c.authority.writeServing(c.dir, "apiserver"); err != nil {
		return err
	}
	if err := writeSigningKey(c.file("sa.key")); err != nil {
		return err
	}
	return c.writeKubeconfig(c.Kubeconfig(), c.token)
}

// Kubeconfig is the path of the admin's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.file("kubeconfig") }

// endpoint is host:port of the API server.
func (c *Cluster) endpoint() string { return fmt.Sprintf("127.0.0.1:%d", c.ports.apiServer) }

// writeKubeconfig writes a kubeconfig that verifies the API server.
func (c *Cluster) writeKubeconfig(path, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{
		Server:                   "https://" + c.endpoint(),
		CertificateAuthorityData: c.authority.pem,
	}
	config.AuthInfos["lab"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "lab"}
	config.CurrentContext = "lab"
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return os.Chmod(path, 0o600)
}

// connect makes the admin's clients.
func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	c.config = config
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("make a dynamic client: %w", err)
	}
	return nil
}

// KubeconfigFor writes a kubeconfig with a fresh token of a ServiceAccount, good for a day, and returns its path: who
// uses it can do what the ServiceAccount may do and nothing else.
func (c *Cluster) KubeconfigFor(ctx context.Context, namespace, serviceAccount string) (string, error) {
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 60 * 60))}}
	answer, err := c.client.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token of ServiceAccount %s/%s: %w", namespace, serviceAccount, err)
	}
	path := c.file("kubeconfig-" + namespace + "-" + serviceAccount)
	return path, c.writeKubeconfig(path, answer.Status.Token)
}
