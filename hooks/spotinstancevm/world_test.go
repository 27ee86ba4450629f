package spotinstancevm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

const (
	project = "acme"
	zoneA   = "us-central1-a"
	zoneB   = "us-central1-b"
	token   = "abcdef.0123456789abcdef"
	hash    = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// world is one pool between a fake GCE, a fake API server and the hook behind its real HTTP handler. It plays
// Metacontroller: each sync sends what the world holds and replaces the pool's status by the answer. Its time stands
// still between steps.
type world struct {
	testing.TB
	clock    *gcefake.ManualClock
	gce      *gcefake.Fake
	kube     *fakeKube
	handler  http.Handler
	hook     *spotinstancevm.Hook // behind handler
	pool     v1alpha1.SpotInstanceVM
	jobs     []batchv1.Job
	pods     []corev1.Pod
	mu       sync.Mutex    // guards accounts and told
	accounts []string      // credentials used, in order
	boot     time.Duration // from RUNNING to a Ready Node; negative: never
	prices   func() (*cost.Table, error)
	trusted  []string // namespaces that may buy with the operator's own identity; for a server that starts

	told []corev1.Event // in the background
}

func newWorld(t testing.TB, edit ...func(*v1alpha1.SpotInstanceVM)) *world {
	t.Helper()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &world{TB: t, clock: gcefake.NewManualClock(start), boot: 5 * time.Second}
	w.gce = gcefake.New(gcefake.Config{Clock: w.clock, Timings: gcefake.Timings{
		Provision: time.Second, Stage: time.Second, Stockout: time.Second, Delete: 5 * time.Second, Stop: 10 * time.Second, Notice: 120 * time.Second,
	}})
	w.kube = newFakeKube()
	w.gce.Subscribe(w.hypervisor)
	w.pool = pool(edit...)
	w.kube.pool = func() *v1alpha1.SpotInstanceVM { return &w.pool }
	w.restart()
	return w
}

// restart is a new hook server: nothing is left in memory.
func (w *world) restart() { w.handler = w.server() }

func (w *world) server() http.Handler {
	w.hook = spotinstancevm.New(spotinstancevm.Config{
		Cloud: connector{w.gce, &w.mu, &w.accounts}, Kube: w.kube, Now: w.clock.Now, ClusterID: "11111111-2222-3333-4444-555555555555",
		Prices: w.prices, OwnIdentityNamespaces: w.trusted,
		Tell: func(events []corev1.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, events...)
		},
	})
	log := slog.New(slog.DiscardHandler)
	mux, gate := http.NewServeMux(), webhook.NewGate(log)
	mux.Handle("/sync", gate.Admitted(webhook.Sync(log, "sync", w.hook.Sync)))
	mux.Handle("/customize", webhook.Customize(log, "customize", w.hook.Customize))
	mux.Handle("/finalize", gate.Admitted(webhook.Sync(log, "finalize", w.hook.Finalize)))
	return mux
}

func pool(edit ...func(*v1alpha1.SpotInstanceVM)) v1alpha1.SpotInstanceVM {
	p := v1alpha1.SpotInstanceVM{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "t4-pool", UID: "aaaaaaaa-0000-0000-0000-000000000001", Generation: 1},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage: "projects/acme/global/images/ubuntu-2404-gpu",
			GPU:     &v1alpha1.GPUConfig{Type: "nvidia-tesla-t4", Count: 1},
			GCP:     v1alpha1.GCPConfig{Project: project, Zone: zoneA, MachineType: "n1-standard-4"},
			KubeadmJoinConfig: &v1alpha1.KubeadmJoinConfig{
				CACertHash: hash, ControlPlaneEndpoint: "control-plane.example.com:6443",
			},
		},
	}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func fixed(n int32) func(*v1alpha1.SpotInstanceVM) {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.Replicas = &n }
}

func inZones(zones ...string) func(*v1alpha1.SpotInstanceVM) {
	return func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.Zone, p.Spec.GCP.Zones = zones[0], zones[1:] }
}

// connector notes whose credentials were used, and refuses those that say so.
type connector struct {
	fake *gcefake.Fake
	mu   *sync.Mutex
	used *[]string
}

func (c connector) Connect(_ context.Context, project string, credentials []byte) (gce.Cloud, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.used = append(*c.used, string(credentials))
	if string(credentials) == "garbage" {
		return nil, errors.New("the key is no JSON: create a new key")
	}
	return c.fake.Cloud(project), nil
}

// hypervisor makes a Node of a VM that has booted, and takes Ready off it when the VM is gone.
func (w *world) hypervisor(e gcefake.Event) {
	switch e.Kind {
	case gcefake.Running:
		if w.boot >= 0 {
			w.clock.AfterFunc(w.boot, func() {
				if vm, exists := w.gce.Instance(e.VM.Name); exists && vm.Status == "RUNNING" {
					w.kube.join(w.pool, e.VM)
				}
			})
		}
	case gcefake.Gone, gcefake.Stopped:
		w.kube.setReady(e.VM.Name, false)
	}
}

// call sends one request and returns the answer, with status and all.
func (w *world) call(handler http.Handler, path string) (int, []byte) {
	w.Helper()
	return w.send(handler, path, map[string]any{
		"controller": map[string]any{}, "parent": w.pool, "children": map[string]any{}, "finalizing": path == "/finalize",
		"related": map[string]any{
			"Job.batch/v1": keyed(w.jobs), "Pod.v1": keyed(w.pods), "Node.v1": keyed(w.kube.nodesOf(w.pool)),
		},
	})
}

func (w *world) post(path string, request any) (int, []byte) { return w.send(w.handler, path, request) }

func (w *world) send(handler http.Handler, path string, request any) (int, []byte) {
	w.Helper()
	body, err := json.Marshal(request)
	require.NoError(w, err)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
	return recorder.Code, recorder.Body.Bytes()
}

func keyed[T any](objects []T) map[string]T {
	by := map[string]T{}
	for i, object := range objects {
		by[fmt.Sprintf("%06d", i)] = object
	}
	return by
}

// answer is a response as Metacontroller decodes it: strictly.
type answer struct {
	Status             v1alpha1.SpotInstanceVMStatus `json:"status"`
	Children           []any                         `json:"children"`
	ResyncAfterSeconds float64                       `json:"resyncAfterSeconds"`
	Finalized          bool                          `json:"finalized"`
}

func (w *world) decode(code int, body []byte) answer {
	w.Helper()
	require.Equal(w, http.StatusOK, code, string(body))
	require.NotContains(w, string(body), "null")
	var a answer
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	require.NoError(w, decoder.Decode(&a))
	require.NotNil(w, a.Children, "a missing list of children")
	return a
}

// sync is one sync by the pool's hook server, or one finalize call while the pool is being deleted.
func (w *world) sync() answer { return w.syncBy(w.handler) }

func (w *world) syncBy(handler http.Handler) answer {
	w.Helper()
	path := "/sync"
	if w.pool.DeletionTimestamp != nil {
		path = "/finalize"
	}
	a := w.decode(w.call(handler, path))
	w.pool.Status = a.Status
	return a
}

// run syncs for d of the world's time, as often as the hook asks for.
func (w *world) run(d time.Duration) {
	w.Helper()
	end := w.clock.Now().Add(d)
	for w.clock.Now().Before(end) {
		a := w.sync()
		if a.Finalized {
			return
		}
		step := time.Duration(a.ResyncAfterSeconds * float64(time.Second))
		require.Positive(w, step, "the hook does not want to be called again")
		w.clock.Advance(min(step, end.Sub(w.clock.Now())))
	}
	w.sync()
}

// settle checks that nothing changes any more: two answers are equal to the byte.
func (w *world) settled() {
	w.Helper()
	w.sync()
	_, first := w.call(w.handler, "/sync")
	_, second := w.call(w.handler, "/sync")
	require.Equal(w, string(first), string(second))
	before, err := json.Marshal(w.pool.Status)
	require.NoError(w, err)
	w.sync()
	after, err := json.Marshal(w.pool.Status)
	require.NoError(w, err)
	require.Equal(w, string(before), string(after))
}

// demand lets n replicas of one job ask for VMs.
func (w *world) demand(n int) {
	w.jobs = nil
	for i := range n {
		w.jobs = append(w.jobs, batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("resnet-%d", i), UID: types.UID(fmt.Sprintf("job-%d", i)),
			Labels:          map[string]string{v1alpha1.LabelJobUID: "resnet", v1alpha1.LabelReplica: fmt.Sprint(i), v1alpha1.LabelPool: v1alpha1.PoolID("default", "t4-pool")},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "training.training.dcnlab.com/v1alpha1", Kind: "SpotInstanceJob", Name: "resnet", UID: "resnet", Controller: new(true)}},
		}, Status: batchv1.JobStatus{Active: 1}})
	}
}

// train puts a running training pod on a VM.
func (w *world) train(vm string) {
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "pod-on-" + vm, UID: types.UID("pod-" + vm),
			Labels: map[string]string{v1alpha1.LabelPool: v1alpha1.PoolID("default", "t4-pool"), v1alpha1.LabelJobUID: "resnet"},
		},
		Spec:   corev1.PodSpec{NodeName: vm},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	w.pods = append(w.pods, pod)
	w.kube.bind(pod)
}

func (w *world) endTraining() {
	w.pods = nil
	w.kube.unbindAll()
}

func (w *world) entry(name string) v1alpha1.VMInstanceStatus {
	w.Helper()
	for _, e := range w.pool.Status.ProvisionedInstances {
		if e.Name == name {
			return e
		}
	}
	require.Failf(w, "no entry", "%s in %+v", name, w.pool.Status.ProvisionedInstances)
	return v1alpha1.VMInstanceStatus{}
}

func (w *world) states() map[string]v1alpha1.InstanceState {
	states := map[string]v1alpha1.InstanceState{}
	for _, e := range w.pool.Status.ProvisionedInstances {
		states[e.Name] = e.State
	}
	return states
}

func (w *world) condition(kind string) metav1.Condition {
	w.Helper()
	for _, c := range w.pool.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	require.Failf(w, "no condition", "%s in %+v", kind, w.pool.Status.Conditions)
	return metav1.Condition{}
}

func (w *world) vmNames() []string {
	var names []string
	for _, vm := range w.gce.Instances() {
		names = append(names, vm.Name)
	}
	slices.Sort(names) // inserts are sent in parallel
	return names
}

func (w *world) inserts() int { return w.gce.Calls()[gcefake.Insert] }

// vm is the name of the pool's VM with this ordinal.
func (w *world) vm(ordinal int) string {
	prefix := "t4-pool-" + v1alpha1.Hash("11111111-2222-3333-4444-555555555555/" + string(w.pool.UID))[:6]
	return fmt.Sprintf("%s-%d", prefix, ordinal)
}

func timestamp(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }
