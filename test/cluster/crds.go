package cluster

import (
	"context"
	_ "embed"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

//go:embed testdata/checkpointbackup-crd.yaml
var backupCRD string

// InstallCheckpointBackups installs the CheckpointBackup kind, as the checkpoint agent's installation does, and waits until
// it is served.
func (c *Cluster) InstallCheckpointBackups(ctx context.Context) error {
	if err := c.Apply(ctx, "", backupCRD); err != nil {
		return err
	}
	if c.real != nil {
		if err := c.Apply(ctx, "", c.binaries.RealNodes.AgentManifest()); err != nil {
			return err
		}
	}
	return c.await(ctx, "the CheckpointBackup kind to be served", func(ctx context.Context) error {
		_, err := c.dynamic.Resource(backupResource).List(ctx, metav1.ListOptions{Limit: 1})
		return err
	})
}

// RemoveCheckpointBackups removes the CheckpointBackup kind with all its objects and waits until it is gone.
func (c *Cluster) RemoveCheckpointBackups(ctx context.Context) error {
	if _, err := c.Kubectl(ctx, "delete", "crd", backupResource.GroupResource().String(), "--ignore-not-found"); err != nil {
		return err
	}
	return c.await(ctx, "the CheckpointBackup kind to go", func(ctx context.Context) error {
		_, err := c.dynamic.Resource(backupResource).List(ctx, metav1.ListOptions{Limit: 1})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still served: %w", err)
	})
}
