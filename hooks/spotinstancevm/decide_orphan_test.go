package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestOrphans(t *testing.T) {
	const (
		cluster = "11111111-2222-3333-4444-555555555555"
		gone    = "aaaaaaaa-0000-0000-0000-000000000001"
		other   = "aaaaaaaa-0000-0000-0000-000000000002"
	)
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	of := identity{cluster: cluster, namespace: "default", name: "t4-pool", uid: gone}
	label := func(key, value string) func(*gce.Instance) {
		return func(i *gce.Instance) { i.Labels[key] = value }
	}
	status := func(status string) func(*gce.Instance) { return func(i *gce.Instance) { i.Status = status } }
	for name, c := range map[string]struct {
		edit  func(*gce.Instance)
		pools []types.UID
		want  bool
	}{
		"its pool is gone":                   {want: true},
		"another pool exists":                {pools: []types.UID{other}, want: true},
		"its pool exists":                    {pools: []types.UID{other, gone}},
		"as old as grace":                    {edit: func(i *gce.Instance) { i.CreationTime = now.Add(-time.Hour) }, want: true},
		"younger than grace":                 {edit: func(i *gce.Instance) { i.CreationTime = now.Add(-time.Hour + time.Second) }},
		"created later than now":             {edit: func(i *gce.Instance) { i.CreationTime = now.Add(time.Hour) }},
		"of unknown age":                     {edit: func(i *gce.Instance) { i.CreationTime = time.Time{} }},
		"still booting":                      {edit: status("STAGING"), want: true},
		"being stopped":                      {edit: status("STOPPING")},
		"off for good, its disk costs money": {edit: status("TERMINATED"), want: true},
		"of another cluster":                 {edit: label(labelCluster, "99999999-2222-3333-4444-555555555555")},
		"no label of a cluster":              {edit: func(i *gce.Instance) { delete(i.Labels, labelCluster) }},
		"no label of a pool":                 {edit: func(i *gce.Instance) { delete(i.Labels, labelPool) }},
		"no label of a pool's UID":           {edit: func(i *gce.Instance) { delete(i.Labels, labelPoolUID) }},
		"pool that is no hash":               {edit: label(labelPool, "t4-pool")},
		"pool's UID that is none":            {edit: label(labelPoolUID, "none")},
		"labels copied to another VM":        {edit: func(i *gce.Instance) { i.Name = "debug-1" }},
		"UID of another pool than its name":  {edit: label(labelPoolUID, other)},
		"a name without a number":            {edit: func(i *gce.Instance) { i.Name = of.prefix() }},
	} {
		t.Run(name, func(t *testing.T) {
			vm := gce.Instance{Name: of.vmName(12), Zone: "us-central1-a", Status: "RUNNING", Labels: of.ownerLabels(), CreationTime: now.Add(-26 * time.Hour)}
			if c.edit != nil {
				c.edit(&vm)
			}
			found := census{cluster: cluster, instances: []gce.Instance{vm}, now: now, grace: time.Hour}
			for _, uid := range c.pools {
				pool := v1alpha1.SpotInstanceVM{}
				pool.UID = uid
				found.pools = append(found.pools, pool)
			}
			orphans := orphansOf(found)
			if !c.want {
				require.Empty(t, orphans)
				return
			}
			require.Equal(t, []Orphan{{Instance: vm, PoolID: v1alpha1.PoolID("default", "t4-pool"), PoolUID: gone, Age: now.Sub(vm.CreationTime)}}, orphans)
		})
	}
}

// A cluster without an id would own whatever carries an empty label.
func TestNobodyIsAnOrphanOfAClusterWithoutID(t *testing.T) {
	of := identity{namespace: "default", name: "t4-pool", uid: "aaaaaaaa-0000-0000-0000-000000000001"}
	vm := gce.Instance{Name: of.vmName(0), Status: "RUNNING", Labels: of.ownerLabels(), CreationTime: time.Unix(0, 0)}
	require.Empty(t, orphansOf(census{instances: []gce.Instance{vm}, now: time.Unix(1e9, 0)}))
}
