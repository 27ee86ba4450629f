package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// world is what the demo has seen so far. Watches write to it, the script waits on it.
type world struct {
	lab    *cluster.Cluster
	notice time.Duration // how long a VM runs on after its notice
	screen *screen

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each change

	job         v1alpha1.SpotInstanceJob
	pool        v1alpha1.SpotInstanceVM
	pods        map[string]*corev1.Pod // by name
	made        map[string]time.Time   // when a pod was made, also of those that are gone
	checkpoints map[string]*checkpoint // by name; one that has completed stays when its object is deleted
	vms         map[string]gcefake.VM  // that exist
	requested   []vmRequest            // all, in order
	losses      []*loss                // all, in order
}

type checkpoint struct {
	name, pod              string
	replica, reason, phase string
	seen                   time.Time            // when its object was there
	completed              time.Time            // zero: not yet
	image                  string               // when completed
	phases                 map[string]time.Time // when each was first seen
}

type vmRequest struct {
	name  string
	at    time.Time
	taken bool // as the replacement of a lost one
}

// loss is the preemption of one VM, and what followed.
type loss struct {
	vm, replica  string
	at           time.Time     // the notice, or the preemption if there was none
	noticed      bool          // there was one
	alone        bool          // nobody survived it
	trained      time.Duration // by the replica, when it was lost
	best         time.Duration // in the best checkpoint, when it was lost
	checkpointed time.Time     // when the checkpoint object that answers it was there
	saviour      string        // the replica that it is of
	requested    time.Time     // when the replacement VM was asked for
	training     time.Time     // when the replica trained again
	image        string        // from which
	restored     time.Duration // training in that image
}

func newWorld(lab *cluster.Cluster, s *screen, notice time.Duration) *world {
	return &world{
		lab: lab, notice: notice, screen: s, changed: make(chan struct{}),
		pods: map[string]*corev1.Pod{}, made: map[string]time.Time{}, checkpoints: map[string]*checkpoint{}, vms: map[string]gcefake.VM{},
	}
}

// update changes the world and wakes who waits for it.
func (w *world) update(change func()) {
	w.mu.Lock()
	change()
	close(w.changed)
	w.changed = make(chan struct{})
	lines := w.summary()
	w.mu.Unlock()
	w.screen.show(lines)
}

// await returns once the condition holds, or says what did not happen in time.
func (w *world) await(ctx context.Context, limit time.Duration, what string, holds func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		w.mu.Lock()
		held, changed, lines := holds(), w.changed, w.summary()
		w.mu.Unlock()
		if held {
			return nil
		}
		w.screen.show(lines)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("this did not happen within %s: %s", limit, what)
		case <-changed:
		case <-tick.C:
		}
	}
}

// podOf is the running pod of a replica, or nil.
func (w *world) podOf(replica string) *corev1.Pod {
	for _, pod := range w.pods {
		if pod.Labels[v1alpha1.LabelReplica] == replica && trains(pod) {
			return pod
		}
	}
	return nil
}

// trains is true while the pod's containers run and nobody has asked it to end.
func trains(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil && len(pod.Status.ContainerStatuses) > 0 &&
		pod.Status.ContainerStatuses[0].State.Running != nil
}

// completed counts the checkpoints that are done, and tells when the last one was.
func (w *world) completed() (n int, last time.Time) {
	for _, c := range w.checkpoints {
		if !c.completed.IsZero() {
			n++
			if c.completed.After(last) {
				last = c.completed
			}
		}
	}
	return n, last
}

// bestImage is how much training the best checkpoint holds.
func (w *world) bestImage() time.Duration {
	best := time.Duration(0)
	for _, c := range w.checkpoints {
		if progress, _ := w.lab.Trained(c.image); progress > best {
			best = progress
		}
	}
	return best
}

// inFlight is true while a checkpoint is being made. One of a pod whose VM is gone comes to nothing, and the pod is there for a minute more.
func (w *world) inFlight() bool {
	for _, c := range w.checkpoints {
		if pod := w.pods[c.pod]; c.completed.IsZero() && pod != nil && trains(pod) {
			return true
		}
	}
	return false
}
