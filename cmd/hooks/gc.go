package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
)

// gcTimeout is of one run, and less than the CronJob's activeDeadlineSeconds: so it ends with its counts.
const gcTimeout = 8 * time.Minute

// gc stops a leak: a VM whose SpotInstanceVM is gone, though its VMs were not, costs money until its run limit. It deletes such
// VMs of this cluster, says so line by line, and fails if anything could not be looked at or deleted.
func gc(ctx context.Context, args []string, out io.Writer) error {
	c, err := parseGCConfig(args, os.Getenv)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, gcTimeout)
	defer cancel()
	api, err := apiClient(c.kubeconfig, hookQPS, hookBurst)
	if err != nil {
		return err
	}
	server := kube.New(api, time.Now)
	clusterID, err := server.ClusterID(ctx)
	if err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	pools, err := existingPools(ctx, server)
	if err != nil {
		return err
	}
	projects, err := c.projectsToSearch(ctx, pools)
	if err != nil {
		return err
	}
	run := &collection{config: c, out: out, hook: spotinstancevm.New(spotinstancevm.Config{
		Cloud: newConnector(gce.Options{Endpoint: c.gceEndpoint}, prometheus.NewRegistry()), Kube: server, Now: time.Now, ClusterID: clusterID,
	})}
	found := run.search(ctx, projects, pools)
	// Once more: a pool that was created meanwhile may own VMs that were found.
	if pools, err = existingPools(ctx, server); err != nil {
		return err
	}
	run.collect(ctx, found, pools)
	fmt.Fprintf(out, "cluster %s: %d VMs in %d of %d projects (%s), %d orphans, %d deleted, %d not deleted; VMs in other projects are not found\n",
		clusterID, run.vms, len(found), len(projects), strings.Join(projects, ", "), run.orphans, run.deleted, run.undeleted)
	return run.failure(len(projects) - len(found))
}

// collection is one run, and what it has counted.
type collection struct {
	config gcConfig
	hook   *spotinstancevm.Hook
	out    io.Writer

	vms, orphans, deleted, undeleted int
}

// search reads each project. One that cannot be read keeps nobody from the others.
func (r *collection) search(ctx context.Context, projects []string, pools []v1alpha1.SpotInstanceVM) []spotinstancevm.Holdings {
	var all []spotinstancevm.Holdings
	for _, project := range projects {
		found, err := r.hook.Holdings(ctx, project, pools)
		if err != nil {
			fmt.Fprintf(r.out, "project %s is skipped: %v\n", project, err)
			continue
		}
		r.vms += len(found.Instances)
		all = append(all, found)
	}
	return all
}

func (r *collection) collect(ctx context.Context, all []spotinstancevm.Holdings, pools []v1alpha1.SpotInstanceVM) {
	for _, found := range all {
		for _, orphan := range r.hook.Orphans(found, pools, r.config.grace) {
			r.orphans++
			about := fmt.Sprintf("%s zone=%s project=%s age=%s pool=%s pool-uid=%s",
				orphan.Name, orphan.Zone, found.Project, orphan.Age.Truncate(time.Minute), orphan.PoolID, orphan.PoolUID)
			if r.config.dryRun {
				fmt.Fprintln(r.out, "would delete", about)
				continue
			}
			if err := r.hook.DeleteOrphan(ctx, found, orphan); err != nil {
				r.undeleted++
				fmt.Fprintf(r.out, "could not delete %s: %v\n", about, err)
				continue
			}
			r.deleted++
			fmt.Fprintln(r.out, "deleted", about)
		}
	}
}

func (r *collection) failure(unread int) error {
	if unread+r.undeleted == 0 {
		return nil
	}
	return fmt.Errorf("gc: %d projects could not be read, %d VMs could not be deleted: see the lines above", unread, r.undeleted)
}

func existingPools(ctx context.Context, server *kube.Client) ([]v1alpha1.SpotInstanceVM, error) {
	pools, err := server.Pools(ctx)
	if err != nil {
		return nil, fmt.Errorf("nothing was deleted, since nobody knows which pools exist: %w: "+
			"if the CRDs are missing, install them (kubectl apply -f crds/) and run this again; if the account may not list them, apply manifests/10-rbac.yaml", err)
	}
	return pools, nil
}

// projectsToSearch are those named, and those of existing pools, which are sorted. If there are none, it is that of the operator's
// own credentials: a guess that would only fail where pools have keys of their own.
func (c gcConfig) projectsToSearch(ctx context.Context, pools []v1alpha1.SpotInstanceVM) ([]string, error) {
	projects := slices.Clone(c.projects)
	for _, pool := range pools {
		projects = append(projects, pool.Spec.GCP.Project)
	}
	if len(projects) == 0 {
		project, err := c.defaultProject(ctx)
		if err != nil {
			return nil, fmt.Errorf("no project is known, so no VM was looked for: no SpotInstanceVM exists, and %w: name projects with --project", err)
		}
		projects = append(projects, project)
	}
	slices.Sort(projects)
	return slices.Compact(projects), nil
}

func (c gcConfig) defaultProject(ctx context.Context) (string, error) {
	if c.gceEndpoint != "" {
		return "", errors.New("a stand-in for Compute Engine has no default project")
	}
	return gce.DefaultProject(ctx)
}
