package spotinstancevm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// BenchmarkCalls counts what an hour of virtual time costs in calls of GCE's API, once all VMs are Ready with a node agent
// each. All pools are in two zones of one project. With churn a tenth of the VMs is preempted in the hour, one after the other.
func BenchmarkCalls(b *testing.B) {
	for _, c := range []struct {
		pools, vms int
		churn      bool
	}{{1, 1, false}, {1, 100, false}, {1, 1000, false}, {10, 10, false}, {1, 100, true}, {1, 1000, true}, {10, 10, true}} {
		name := fmt.Sprintf("pools=%d/vms=%d/churn=%t", c.pools, c.vms, c.churn)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				f := newFleet(b, c.pools, c.vms)
				before := f.gce.Calls()
				if c.churn {
					f.preemptOneInTen(time.Hour)
				}
				f.run(time.Hour)
				for method, unit := range map[gcefake.Method]string{
					gcefake.ListInstances: "lists/h", gcefake.ListAllInstances: "lists-of-all-zones/h", gcefake.ListOperations: "lists-of-operations/h",
					gcefake.Insert: "inserts/h", gcefake.Delete: "deletes/h",
				} {
					b.ReportMetric(float64(f.gce.Calls()[method]-before[method]), unit)
				}
			}
		})
	}
}

// fleet is several pools in one world, each called again when it wants to be.
type fleet struct {
	*world
	pools []v1alpha1.SpotInstanceVM
	next  []time.Time
}

// newFleet returns once all VMs of all pools are Ready, and the pools are at rest.
func newFleet(tb testing.TB, pools, vms int) *fleet {
	tb.Helper()
	f := &fleet{world: newWorld(tb), next: make([]time.Time, pools)}
	f.kube.watched = true
	for i := range pools {
		f.pools = append(f.pools, pool(fixed(int32(vms)), inZones(zoneA, zoneB), func(p *v1alpha1.SpotInstanceVM) {
			most := int32(vms)
			p.Spec.MaxReplicas, p.Name, p.UID = &most, fmt.Sprintf("pool-%d", i), types.UID(fmt.Sprintf("aaaaaaaa-0000-0000-0000-%012d", i))
		}))
	}
	f.run(time.Hour)
	for _, p := range f.pools {
		require.Equal(tb, int32(vms), p.Status.ReadyReplicas)
	}
	return f
}

// run lets time pass, a second at a time.
func (f *fleet) run(d time.Duration) {
	f.Helper()
	for end := f.clock.Now().Add(d); f.clock.Now().Before(end); f.clock.Advance(time.Second) {
		for i := range f.pools {
			if f.clock.Now().Before(f.next[i]) {
				continue
			}
			f.pool = f.pools[i]
			again := f.sync().ResyncAfterSeconds
			f.pools[i], f.next[i] = f.pool, f.clock.Now().Add(time.Duration(again*float64(time.Second)))
		}
	}
}

// preemptOneInTen preempts VMs at even intervals from now on. An event has their pool called, as the agent's would.
func (f *fleet) preemptOneInTen(d time.Duration) {
	vms := f.gce.Instances()
	for i := range len(vms) / 10 {
		f.clock.AfterFunc(d*time.Duration(10*i)/time.Duration(len(vms)), func() {
			require.NoError(f, f.gce.PreemptWithoutNotice(vms[10*i].Name))
			for j, p := range f.pools {
				if vms[10*i].Labels["spot-training-pool-uid"] == string(p.UID) {
					f.next[j] = time.Time{}
				}
			}
		})
	}
}
