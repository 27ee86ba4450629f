package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

const (
	poolCluster = "11111111-2222-3333-4444-555555555555"
	poolUID     = "aaaaaaaa-0000-0000-0000-000000000001"
	poolProject = "acme"
	poolZone    = "us-central1-a"
	mostChanges = 20 // of one call
)

// Weather is what a pool's calls meet. VMs are those of the seeds' pool, ordinals 0 and 1.
const (
	vmsRun uint16 = 1 << iota
	vmIsNoticed
	vmIsStopped
	vmIsDeleted
	zoneIsDown
	listsArePartial
	insertsAreDenied
	insertsAreLost
	zoneIsFull
	deletesFail
	cloudRefusesKeys
	secretsAreGone
	apiServerIsDown
	tokenHasExpired
	podsStay
)

// poolWorld is a GCE and an API server around one hook server that has just started. Both hold what is asked of them to
// the laws.
type poolWorld struct {
	clock   *gcefake.ManualClock
	gce     *gcefake.Fake
	weather uint16
	router  http.Handler
	bought  int

	// The present call.
	t         testing.TB
	sent      webhook.Request[v1alpha1.SpotInstanceVM]
	finalizes bool
	changes   int
}

func newPoolWorld(now time.Time, weather uint16) *poolWorld {
	w := &poolWorld{clock: gcefake.NewManualClock(now.Add(-2 * time.Hour)), weather: weather}
	w.gce = gcefake.New(gcefake.Config{Clock: w.clock, Timings: gcefake.Timings{
		Provision: time.Second, Stage: time.Second, Stockout: time.Second, Delete: 5 * time.Second, Stop: 10 * time.Second, Notice: 120 * time.Second,
	}})
	hook := spotinstancevm.New(spotinstancevm.Config{
		Cloud: connector{w}, Kube: poolKube{w}, Now: w.clock.Now, ClusterID: poolCluster,
		Together: func(calls []func()) {
			for _, call := range calls {
				call()
			}
		},
	})
	w.router = newRouter(spotinstancejob.Hook{Now: w.clock.Now}, hook)
	w.buy(vmName(2), "another-cluster", poolUID)
	w.buy(vmName(3), poolCluster, "another-pool")
	w.clock.Advance(2*time.Hour - time.Minute) // so long that no list of operations shows them
	if w.is(vmsRun) {
		w.buy(vmName(0), poolCluster, poolUID)
		w.buy(vmName(1), poolCluster, poolUID)
	}
	w.clock.Advance(50 * time.Second)
	w.befall()
	w.clock.Advance(10 * time.Second)
	return w
}

func (w *poolWorld) is(weather uint16) bool { return w.weather&weather != 0 }

// befall lets happen what the weather says. What cannot, because no VM runs, does not.
func (w *poolWorld) befall() {
	for weather, fate := range map[uint16]func(string) error{vmIsNoticed: w.gce.Preempt, vmIsStopped: w.gce.Stop, vmIsDeleted: w.gce.Delete} {
		if w.is(weather) && w.is(vmsRun) {
			_ = fate(vmName(0))
		}
	}
	if w.is(zoneIsFull) {
		w.gce.SetCapacity(poolZone, 0)
	}
	for _, trouble := range []struct {
		weather   uint16
		call      gcefake.Call
		behaviour gcefake.Behaviour
	}{
		{zoneIsDown, gcefake.Call{Zone: poolZone}, gcefake.Down()},
		{listsArePartial, gcefake.Call{Method: gcefake.ListAllInstances}, gcefake.Partial()},
		{insertsAreDenied, gcefake.Call{Method: gcefake.Insert}, gcefake.Denied("compute.instances.create")},
		{insertsAreLost, gcefake.Call{Method: gcefake.Insert}, gcefake.LostAnswer()},
		{deletesFail, gcefake.Call{Method: gcefake.Delete}, gcefake.RateLimited(time.Second)},
	} {
		if w.is(trouble.weather) {
			w.gce.When(trouble.call, trouble.behaviour)
		}
	}
}

func vmName(ordinal int) string {
	return fmt.Sprintf("t4-pool-%s-%d", v1alpha1.Hash(poolCluster + "/" + poolUID)[:6], ordinal)
}

// buy makes a VM as the pool hook of a cluster would.
func (w *poolWorld) buy(name, cluster, uid string) {
	w.bought++
	_, err := w.gce.Cloud(poolProject).Insert(context.Background(), gce.InstanceSpec{
		Name: name, Zone: poolZone, MachineType: "n1-standard-4", Image: "projects/acme/global/images/ubuntu-2404-gpu",
		DiskSizeGB: 100, DiskType: "pd-balanced", ProvisioningModel: gce.ModelSpot, PreemptionNotice: gce.PreemptionNotice, MaxRunDuration: 24 * time.Hour,
		Labels: map[string]string{
			"spot-training-cluster": cluster, "spot-training-pool": v1alpha1.PoolID("default", "t4-pool"),
			"spot-training-pool-uid": uid, "spot-training-spec": "0123456789abcdef", "spot-training-gpus": "1",
		},
	}, fmt.Sprintf("00000000-0000-4000-8000-%012d", w.bought))
	if err != nil {
		panic(err) // the world itself is wrong
	}
}

// call sends a request and holds all that it causes to the laws.
func (w *poolWorld) call(t testing.TB, path string, body []byte) reply {
	t.Helper()
	w.t, w.sent, w.changes = t, webhook.Request[v1alpha1.SpotInstanceVM]{}, 0
	isSound := json.Unmarshal(body, &w.sent) == nil && w.sent.Parent.UID != ""
	w.finalizes = w.sent.Finalizing || path == "/spotinstancevm/finalize"
	got := post(w.router, path, body)
	require.False(t, w.changes > 0 && !isSound, "something was changed on behalf of nobody")
	require.LessOrEqual(t, w.changes, mostChanges)
	return got
}

// owned are the VMs of the pool that the present call is about.
func (w *poolWorld) owned() []gcefake.VM {
	var owned []gcefake.VM
	for _, vm := range w.gce.Instances() {
		if vm.Project == w.sent.Parent.Spec.GCP.Project && w.owns(vm) {
			owned = append(owned, vm)
		}
	}
	return owned
}

func (w *poolWorld) owns(vm gcefake.VM) bool {
	return vm.Labels["spot-training-cluster"] == poolCluster && vm.Labels["spot-training-pool-uid"] == string(w.sent.Parent.UID) &&
		vm.Labels["spot-training-pool"] == v1alpha1.PoolID(w.sent.Parent.Namespace, w.sent.Parent.Name)
}

// checkLetGo: a pool is let go only when it is deleted, and with no VM alive, unless nobody may look.
func (w *poolWorld) checkLetGo(t testing.TB, answer syncAnswer) {
	t.Helper()
	if !answer.Finalized {
		return
	}
	require.True(t, w.finalizes, "let go, and not being deleted")
	if !w.is(cloudRefusesKeys) {
		require.Empty(t, w.owned(), "let go with VMs alive")
	}
}

// connector gives out a project whose changes are watched.
type connector struct{ *poolWorld }

func (c connector) Connect(_ context.Context, project string, _ []byte) (gce.Cloud, error) {
	if c.is(cloudRefusesKeys) {
		return nil, errors.New("the key is no JSON: create a new key")
	}
	return watched{c.gce.Cloud(project), c.poolWorld}, nil
}

type watched struct {
	gce.Cloud
	world *poolWorld
}

// Insert must be of a VM that status named before: a hook that is killed right after it would not know of it otherwise.
func (c watched) Insert(ctx context.Context, spec gce.InstanceSpec, requestID string) (gce.Operation, error) {
	w := c.world
	w.changes++
	isWritten := false
	for _, entry := range w.sent.Parent.Status.ProvisionedInstances {
		isWritten = isWritten || entry.Name == spec.Name && entry.Zone == spec.Zone
	}
	assert.True(w.t, isWritten, "insert of %s in %s, which the status that was sent does not name", spec.Name, spec.Zone)
	assert.False(w.t, w.finalizes, "insert of %s for a pool that is being deleted", spec.Name)
	assert.Equal(w.t, string(w.sent.Parent.UID), spec.Labels["spot-training-pool-uid"])
	return c.Cloud.Insert(ctx, spec, requestID)
}

// Delete must be of a VM of the pool.
func (c watched) Delete(ctx context.Context, zone, name, requestID string) (gce.Operation, error) {
	w := c.world
	w.changes++
	for _, vm := range w.gce.Instances() {
		if vm.Name == name && vm.Zone == zone && vm.Project == w.sent.Parent.Spec.GCP.Project {
			assert.Equal(w.t, poolCluster, vm.Labels["spot-training-cluster"], "delete of %s", name)
			assert.Equal(w.t, string(w.sent.Parent.UID), vm.Labels["spot-training-pool-uid"], "delete of %s", name)
		}
	}
	return c.Cloud.Delete(ctx, zone, name, requestID)
}
