package spotinstancevm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

const writeTimeout = 4 * time.Second // of one operation

// Config is what a Hook is made of. All fields but Prices, OwnIdentityNamespaces and Together are needed.
type Config struct {
	Cloud     Connector
	Kube      Kube
	Now       func() time.Time
	ClusterID string // UID of Namespace kube-system: keeps apart the VMs of clusters that share a project
	// Prices is what VMs cost; with an error, what they cost as far as is known. Nil: nobody knows.
	Prices func() (*cost.Table, error)
	// OwnIdentityNamespaces are those whose pools may buy with the operator's own Google identity.
	OwnIdentityNamespaces []string
	// Together makes those calls of one sync that need not wait for each other, and returns when all have. Nil makes
	// them side by side; a simulation makes them in a row, so that the same sync is the same calls in the same order.
	Together func(calls []func())
	// Tell has Events written, some time later and if that can be: no call waits for it. Nil: they are not told.
	Tell func(events []corev1.Event)
}

// Hook is the hook of SpotInstanceVM. Its methods can be called at any time from any goroutine.
type Hook struct {
	cloud      Connector
	kube       Kube
	now        func() time.Time
	cluster    string
	trusted    []string // namespaces that may buy with the operator's own identity
	zones      *zoneReader
	secrets    *secretReader
	signatures *signatureReader

	machineTypes *machineTypeReader

	memory   *memory
	fleet    *fleetMemory
	prices   func() (*cost.Table, error)
	throttle *throttle
	together func([]func())
	tell     func([]corev1.Event)
}

// New returns a Hook that remembers nothing yet.
func New(c Config) *Hook {
	if c.Together == nil {
		c.Together = sideBySide
	}
	if c.Prices == nil {
		c.Prices = func() (*cost.Table, error) { return nil, nil }
	}
	if c.Tell == nil {
		c.Tell = func([]corev1.Event) {}
	}
	return &Hook{
		cloud: c.Cloud, kube: c.Kube, now: c.Now, cluster: c.ClusterID, trusted: c.OwnIdentityNamespaces,
		zones:      newZoneReader(c.Now, c.ClusterID),
		secrets:    newSecretReader(c.Now, c.Kube),
		signatures: newSignatureReader(c.Now, c.Kube),

		machineTypes: newMachineTypeReader(c.Now),

		memory:   newMemory(),
		fleet:    newFleetMemory(c.Now),
		prices:   c.Prices,
		throttle: newThrottle(c.Now),
		together: c.Together,
		tell:     c.Tell,
	}
}

func sideBySide(calls []func()) {
	var waiting sync.WaitGroup
	for _, call := range calls {
		waiting.Go(call)
	}
	waiting.Wait()
}

// Customize asks for the pool's Jobs, pods and Nodes, all by one label.
func (h *Hook) Customize(pool *v1alpha1.SpotInstanceVM) webhook.CustomizeResponse {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{
		v1alpha1.LabelPool: v1alpha1.PoolID(pool.Namespace, pool.Name),
	}}
	return webhook.CustomizeResponse{RelatedResources: []webhook.RelatedRule{
		{APIVersion: "batch/v1", Resource: "jobs", Namespace: pool.Namespace, LabelSelector: selector},
		{APIVersion: "v1", Resource: "pods", Namespace: pool.Namespace, LabelSelector: selector},
		{APIVersion: "v1", Resource: "nodes", LabelSelector: selector},
	}}
}

// Sync observes the pool, decides, acts within eight seconds, and reports. It fails only if the request makes no sense:
// whatever the cloud or the user did wrong is in the status it returns.
func (h *Hook) Sync(ctx context.Context, r *webhook.Request[v1alpha1.SpotInstanceVM]) (webhook.Response, error) {
	parsed, err := parse(r)
	if err != nil {
		return webhook.Response{}, fmt.Errorf("%w: %w", webhook.ErrBadRequest, err)
	}
	uid := parsed.pool.UID
	if !h.memory.enter(uid, h.now()) {
		return repeat(parsed.pool), nil
	}
	finished := false
	defer func() { h.leave(uid, finished) }()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parsed.answer = h.memory.answer(uid)
	prove := sync.OnceValues(func() (*v1alpha1.SpotInstanceVM, error) { return h.prove(ctx, parsed) })
	if parsed.lacksPlan() {
		if pool, err := prove(); err == nil {
			parsed.goOnFrom(pool)
		}
	}
	o, a, d := h.resolve(ctx, &parsed, prove)
	act := actor{hook: h, observed: o, access: a, specHash: specHash(parsed.pool.Spec), prove: prove}
	outcomes := act.run(ctx, d.operations)
	d = settle(o, d, outcomes)
	d = letGo(d, prove)
	h.announce(ctx, parsed.pool, eventsOf(o, d), prove)
	finished = d.finalized
	status := statusOf(parsed.pool, o, d)
	h.tell(of(parsed.pool, lackEvents(parsed.pool.Status, o, d)))
	h.memory.answered(uid, status.ProvisionedInstances)
	return render(parsed.pool, status, d), nil
}

// leave ends a call on a pool; finished drops all that is kept of it.
func (h *Hook) leave(pool types.UID, finished bool) {
	if finished {
		h.zones.forget(pool)
	}
	h.memory.leave(pool, finished)
}

// Finalize deletes all VMs and Nodes of a pool that is being deleted, and lets go once nothing of it is left.
func (h *Hook) Finalize(ctx context.Context, r *webhook.Request[v1alpha1.SpotInstanceVM]) (webhook.Response, error) {
	r.Finalizing = true
	return h.Sync(ctx, r)
}

// repeat answers a call that overlaps another one on the same pool: nothing was observed, so nothing changes.
func repeat(pool *v1alpha1.SpotInstanceVM) webhook.Response {
	return webhook.Response{
		Status: pool.Status, Children: []any{}, ResyncAfterSeconds: time.Second.Seconds(),
		Log: []slog.Attr{slog.String("phase", string(pool.Status.Phase)), slog.Bool("overlapping", true)},
	}
}
