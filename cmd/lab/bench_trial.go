package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// trial is one run of a scenario: a namespace, which is also the Google Cloud project of its pool, and what has been seen
// there.
type trial struct {
	bench     *bench
	run       int    // from 0
	namespace string // also the project

	mu          sync.Mutex
	job         v1alpha1.SpotInstanceJob
	pool        v1alpha1.SpotInstanceVM
	attempts    map[string]*attempt    // pods that ever were, by name
	checkpoints map[string]*checkpoint // that ever were, by name
	requested   []gcefake.Event        // VMs that were ever asked for, in order
}

// attempt is a pod of a replica.
type attempt struct {
	replica, image, vm string
	training           time.Time // when its containers ran first; zero: not yet
	trains             bool      // now
	told               time.Time // when the pod was seen to know that its VM goes; zero: it does not
	progress           func() time.Duration
}

const benchTick = 50 * time.Millisecond // between looks at what was seen; times are those of the watches

// begin makes the namespace of a run and begins to watch it. ctx bounds the watch.
func (b *bench) begin(ctx context.Context, name string, run int) (*trial, error) {
	namespace, err := b.lab.NewNamespace(ctx, name)
	if err != nil {
		return nil, err
	}
	t := &trial{
		bench: b, run: run, namespace: namespace.Name,
		attempts: map[string]*attempt{}, checkpoints: map[string]*checkpoint{},
	}
	if agent := b.lab.Agent(); agent != nil { // a real one takes as long as it takes
		agent.Behave(t.namespace, cluster.AgentBehaviour{Duration: benchCheckpoint})
	}
	t.watch(ctx)
	return t, nil
}

// note keeps a value.
func (t *trial) note(row, metric string, value float64) {
	t.bench.mu.Lock()
	defer t.bench.mu.Unlock()
	t.bench.measured.add(row, metric, value)
}

// await returns once holds is true, or says what did not happen in time. holds is called with the trial locked.
func (t *trial) await(ctx context.Context, what string, holds func() bool) error {
	return t.poll(ctx, what, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return holds()
	})
}

func (t *trial) poll(ctx context.Context, what string, holds func() bool) error {
	ticker := time.NewTicker(benchTick)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("this did not happen in time: %s: %w; %s", what, ctx.Err(), t.describe())
		case <-ticker.C:
		}
	}
	return nil
}

// lasts lets time pass.
func (t *trial) lasts(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// settled returns once so many replicas train, each on a VM of its own, nothing else is wanted, and no checkpoint is being
// made.
func (t *trial) settled(ctx context.Context, replicas int) error {
	return t.await(ctx, fmt.Sprintf("%d replicas train, and nothing is under way", replicas), func() bool {
		return t.allTrain(replicas) && !t.inFlight()
	})
}

// recovered returns once so many replicas train, each on a VM of its own.
func (t *trial) recovered(ctx context.Context, replicas int) error {
	return t.await(ctx, fmt.Sprintf("%d replicas train", replicas), func() bool { return t.allTrain(replicas) })
}

// allTrain is true if so many replicas train, and job and pool say that they want no others. The caller holds the lock.
func (t *trial) allTrain(replicas int) bool {
	training := 0
	for _, a := range t.attempts {
		if a.trains {
			training++
		}
	}
	job, pool := t.job.Status, t.pool.Status
	return training == replicas && int(job.ActiveReplicas) == replicas && job.Phase == v1alpha1.JobRunning &&
		int(pool.ReadyReplicas) == replicas && int(pool.DesiredReplicas) == replicas
}

// inFlight is true while a checkpoint has no outcome, if only because its pod is gone. The caller holds the lock.
func (t *trial) inFlight() bool {
	for _, c := range t.checkpoints {
		if c.completed.IsZero() && c.phase != "Failed" {
			return true
		}
	}
	return false
}

// vms are the VMs of the trial that exist.
func (t *trial) vms() []gcefake.VM {
	var own []gcefake.VM
	for _, vm := range t.bench.lab.GCE().Instances() {
		if vm.Project == t.namespace {
			own = append(own, vm)
		}
	}
	return own
}

// remove deletes all objects of a kind, as kubectl delete does. To delete a thousand takes the API server longer than it gives a
// request, so it is asked again.
func (t *trial) remove(ctx context.Context, resource schema.GroupVersionResource) error {
	background := metav1.DeletePropagationBackground
	var err error
	for ctx.Err() == nil {
		err = t.bench.lab.Dynamic().Resource(resource).Namespace(t.namespace).
			DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("delete %s: %w", resource.Resource, cmp.Or(err, ctx.Err()))
}

// end deletes job and pool and returns once nothing is left of them.
func (t *trial) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := t.remove(ctx, jobs); err != nil {
		return err
	}
	if err := t.remove(ctx, pools); err != nil {
		return err
	}
	return t.clean(ctx, true)
}

// clean returns once no VM of the trial exists, and nothing in the cluster that no object of ours asks for; and no pool
// either if it is to go as well.
func (t *trial) clean(ctx context.Context, withoutPool bool) error {
	var left []string
	err := t.poll(ctx, "everything is deleted", func() bool {
		if len(t.vms()) > 0 {
			return false
		}
		var err error
		left, err = t.bench.lab.Leftovers(ctx, t.namespace)
		return err == nil && len(left) == 0 && (!withoutPool || t.poolGone(ctx))
	})
	if err != nil && len(left) > 0 {
		return fmt.Errorf("%w; left: %s", err, strings.Join(left, ", "))
	}
	return err
}

func (t *trial) poolGone(ctx context.Context) bool {
	list, err := t.bench.lab.Dynamic().Resource(pools).Namespace(t.namespace).List(ctx, metav1.ListOptions{})
	return err == nil && len(list.Items) == 0
}

// describe is the trial's state in a line.
func (t *trial) describe() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	status := t.job.Status
	var line strings.Builder
	fmt.Fprintf(&line, "%s: job %s, %d active, %d checkpoints; pool %s, %d of %d ready, %d VMs", t.namespace, status.Phase, status.ActiveReplicas,
		status.Checkpoints, t.pool.Status.Phase, t.pool.Status.ReadyReplicas, t.pool.Status.DesiredReplicas, len(t.vms()))
	for _, r := range status.JobStatuses {
		fmt.Fprintf(&line, "; %s %s on %s", r.Name, r.Phase, r.NodeName)
	}
	return line.String()
}
