package spotinstancevm

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// searchTimeout is of the look at one project, with whatever credentials. Nobody waits for it as for a sync.
const searchTimeout = time.Minute

// Holdings are the VMs of this cluster, of whatever pool, in all zones of one project.
type Holdings struct {
	Project   string
	Instances []gce.Instance
	cloud     gce.Cloud
}

// Holdings reads a project with the first credentials that may: those of the pools there, then the operator's own, whatever the
// namespaces that may buy with it. It is complete or an error.
func (h *Hook) Holdings(ctx context.Context, project string, pools []v1alpha1.SpotInstanceVM) (Holdings, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	candidates, first := h.accountsOf(ctx, project, pools)
	for _, candidate := range candidates {
		cloud, trouble := h.connect(ctx, project, candidate)
		if trouble == nil {
			found, err := cloud.AllInstances(ctx, map[string]string{labelCluster: h.cluster})
			if err == nil {
				return Holdings{Project: project, Instances: found, cloud: cloud}, nil
			}
			if trouble = refusedSweep(err, candidate); trouble == nil {
				return Holdings{}, err
			}
		}
		first = cmp.Or(first, trouble)
	}
	return Holdings{}, errors.New(first.message)
}

// accountsOf are the credentials to try in turn for a project, and what is wrong with those of the first pool that has none.
func (h *Hook) accountsOf(ctx context.Context, project string, pools []v1alpha1.SpotInstanceVM) (candidates []account, first *problem) {
	for _, pool := range pools {
		if pool.Spec.GCP.Project != project {
			continue
		}
		own, trouble := h.accountOf(ctx, &pool, nil)
		if trouble == nil {
			candidates = withAccount(candidates, own)
		}
		if last, ok := h.accountOfStatus(ctx, &pool); ok {
			candidates = withAccount(candidates, last)
		}
		first = cmp.Or(first, trouble)
	}
	return withAccount(candidates, operatorAccount), first
}

// Orphans are those of the VMs that are older than grace and whose pool does not exist. The pools are all of the cluster, and
// must have been listed after the Holdings: else a VM of a pool that came in between would be taken for an orphan.
func (h *Hook) Orphans(found Holdings, pools []v1alpha1.SpotInstanceVM, grace time.Duration) []Orphan {
	return orphansOf(census{cluster: h.cluster, instances: found.Instances, pools: pools, now: h.now(), grace: grace})
}

// DeleteOrphan asks GCE to delete a VM of these Holdings, and does not wait until it is gone. Absent is no error. Within an hour
// the same VM is the same request; after that it is a new one, since a delete that failed would only be repeated.
func (h *Hook) DeleteOrphan(ctx context.Context, found Holdings, o Orphan) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	id := identity{cluster: h.cluster, uid: o.PoolUID}
	hour := h.now().UTC().Truncate(time.Hour).Format(time.RFC3339)
	begun, err := found.cloud.Delete(ctx, o.Zone, o.Name, id.deleteID(o.Name, o.ID, hour))
	if err == nil && begun.Error != nil {
		err = begun.Error
	}
	if gce.KindOf(err) == gce.NotFound {
		return nil
	}
	return err
}
