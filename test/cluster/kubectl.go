package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl as the cluster's admin and returns what it prints. An error has kubectl's own message.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, nil, args...)
}

// KubectlCommand is how a shell runs the lab's kubectl, for users who have none.
func (c *Cluster) KubectlCommand() string { return c.binaries.ControlPlane + " kubectl" }

// Apply runs kubectl apply on YAML documents. Objects that name no namespace go into the one given; a document that
// names another is refused, unless namespace is empty.
func (c *Cluster) Apply(ctx context.Context, namespace, documents string) error {
	args := []string{"apply", "--filename=-"}
	if namespace != "" {
		args = append(args, "--namespace="+namespace)
	}
	_, err := c.kubectl(ctx, strings.NewReader(documents), args...)
	return err
}

func (c *Cluster) kubectl(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	command := append([]string{"kubectl", "--kubeconfig=" + c.Kubeconfig(), "--cache-dir=" + c.file("kubectl-cache")}, args...)
	cmd := exec.CommandContext(ctx, c.binaries.ControlPlane, command...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
