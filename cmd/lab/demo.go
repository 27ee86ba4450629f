package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// demo runs the story, on real nodes or not. It returns an error if any part of it did not happen.
func demo(ctx context.Context, s *screen, realNodes bool) error {
	r, err := start(ctx, s, realNodes)
	if err != nil {
		return err
	}
	defer r.lab.Stop()
	w := newWorld(r.lab, s, noticeTime(realNodes))
	watching, stop := context.WithCancel(ctx)
	defer stop()
	w.watch(watching, r.namespace)
	training, interval := r.work()
	if err := r.applySamples(ctx, s, training, interval); err != nil {
		return err
	}
	for _, act := range []struct {
		title string
		play  func(context.Context, *world) error
	}{
		{"Two VMs come up and join; two replicas train; checkpoints are made in turn.", train},
		{"One VM is preempted without a notice. The other replica goes on and is checkpointed while a new VM boots.", preemptOne},
		{"Now a VM gets its notice. Its own replica is checkpointed before it goes, while a new VM boots: nothing that it had trained by then is lost.", noticeOne},
		{"Both VMs are preempted at once. Nobody is left to checkpoint: both restart from the best checkpoint.", preemptBoth},
		{"The training completes, and the pool scales to zero.", complete},
	} {
		s.print("\n== " + act.title + "\n\n")
		if err := act.play(ctx, w); err != nil {
			s.show(nil)
			s.print("\n" + w.table())
			return err
		}
	}
	s.show(nil)
	if realNodes {
		s.print("\n" + w.table() + "\nTimes count from the notice, or from the preemption without one.\n")
		return errors.Join(w.check(), r.compareCurves(ctx, s, w))
	}
	s.print("\n" + w.table() + "\nTimes count from the notice, or from the preemption without one. Real VMs take about two minutes to boot and join,\n" +
		"real checkpoints three to five, and a real notice is two minutes; here a VM takes 10 s and a checkpoint " + seconds(checkpointTime) + ".\n")
	return w.check()
}

// work is how much training the demo's job needs, which is enough for three preemptions, and how often it is checkpointed. With PyTorch
// both are longer, because a checkpoint holds more memory and takes longer.
func (r *running) work() (training, interval time.Duration) {
	if r.lab.TrainsWithTorch() {
		return 180 * time.Second, 40 * time.Second
	}
	return 100 * time.Second, sampleInterval
}

const actTime = 90 * time.Second // bounds one step of the story

func train(ctx context.Context, w *world) error {
	if err := w.bothTrain(ctx); err != nil {
		return err
	}
	return w.await(ctx, actTime, "each replica has a completed checkpoint", func() bool {
		done := map[string]bool{}
		for _, c := range w.checkpoints {
			if !c.completed.IsZero() {
				done[c.replica] = true
			}
		}
		return len(done) == 2 && !w.inFlight()
	})
}

func preemptOne(ctx context.Context, w *world) error {
	return w.preempt(ctx, w.lab.GCE().PreemptWithoutNotice, "1")
}

// noticeOne gives the VM of the replica that is ahead its notice: the other one was lost before. Some training must be at stake, or
// the checkpoint before serves.
func noticeOne(ctx context.Context, w *world) error {
	if err := w.await(ctx, actTime, "replica 0 has trained for longer since the best checkpoint than one takes", func() bool {
		pod := w.podOf("0")
		return pod != nil && !w.inFlight() && w.lab.Progress(pod) > w.bestImage()+checkpointTime
	}); err != nil {
		return err
	}
	return w.preempt(ctx, w.lab.GCE().Preempt, "0")
}

func preemptBoth(ctx context.Context, w *world) error {
	if err := w.trainOn(ctx); err != nil {
		return err
	}
	return w.preempt(ctx, w.lab.GCE().PreemptWithoutNotice, "0", "1")
}

// trainOn lets some training happen after a recovery, so that the next checkpoint is a better one.
func (w *world) trainOn(ctx context.Context) error {
	before, _ := w.completedNow()
	return w.await(ctx, actTime, "a scheduled checkpoint after the recovery", func() bool {
		n, _ := w.completed()
		return n > before && !w.inFlight()
	})
}

func complete(ctx context.Context, w *world) error {
	if err := w.await(ctx, 2*actTime, "the job succeeds", func() bool { return w.job.Status.Phase == v1alpha1.JobSucceeded }); err != nil {
		return err
	}
	return w.await(ctx, actTime, "every VM is deleted", func() bool {
		return len(w.vms) == 0 && w.pool.Status.Phase == v1alpha1.PoolIdle
	})
}

func (w *world) bothTrain(ctx context.Context) error {
	return w.await(ctx, actTime, "both replicas train, and the job says so", func() bool {
		return w.podOf("0") != nil && w.podOf("1") != nil && w.job.Status.ActiveReplicas == 2 && !w.recovering()
	})
}

func (w *world) recovering() bool {
	for _, l := range w.losses {
		if l.training.IsZero() {
			return true
		}
	}
	return false
}

func (w *world) completedNow() (int, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.completed()
}

// preempt lets Compute Engine take the VMs of the replicas back, and returns once both replicas train again.
func (w *world) preempt(ctx context.Context, take func(vm string) error, replicas ...string) error {
	var vms []string
	now := time.Now()
	w.update(func() {
		for _, replica := range replicas {
			pod := w.podOf(replica)
			if pod == nil {
				continue
			}
			vms = append(vms, pod.Spec.NodeName)
			w.losses = append(w.losses, &loss{
				vm: pod.Spec.NodeName, replica: replica, at: now, alone: len(replicas) > 1,
				trained: w.lab.Progress(pod), best: w.bestImage(),
			})
		}
	})
	if len(vms) != len(replicas) {
		return fmt.Errorf("replicas %v should all train by now", replicas)
	}
	for _, vm := range vms {
		if err := take(vm); err != nil {
			return err
		}
	}
	return w.bothTrain(ctx)
}

// alike is how much training two checkpoints may differ in to be as good as each other. The operator reckons by the clock, and knows
// neither when in its second a container started nor how far a program lags behind.
const alike = 2 * time.Second

// check proves the story: what the table shows must have happened, and in the right way.
func (w *world) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.losses {
		switch {
		case l.requested.IsZero():
			return fmt.Errorf("no VM was requested to replace %s", l.vm)
		case !l.alone && l.checkpointed.IsZero():
			return fmt.Errorf("no checkpoint was asked for when %s was preempted", l.vm)
		case l.noticed && l.saviour != l.replica:
			return fmt.Errorf("%s had its notice, and replica %s was checkpointed, not replica %s on it", l.vm, l.saviour, l.replica)
		case l.noticed && l.restored < l.trained:
			return fmt.Errorf("%s had its notice, and %s of training were lost", l.vm, seconds(l.trained-l.restored))
		case l.restored == 0:
			return fmt.Errorf("replica %s restarted from %s, which holds no training", l.replica, l.image)
		case !l.alone && l.requested.After(w.checkpointOf(l.image).completed):
			return fmt.Errorf("the VM to replace %s was requested only after the checkpoint had completed", l.vm)
		case l.restored < l.best-alike:
			return fmt.Errorf("replica %s was restored from %s, and a better checkpoint was there", l.replica, l.image)
		case !l.alone && !w.fresh(l):
			return fmt.Errorf("replica %s was restored from %s, not from the checkpoint made at its preemption", l.replica, l.image)
		}
	}
	if n := w.job.Status.Preemptions; int(n) != len(w.losses) {
		return fmt.Errorf("status.preemptions is %d after %d lost replicas", n, len(w.losses))
	}
	return nil
}

// fresh is true if the replica was restored from a checkpoint that was asked for after its preemption.
func (w *world) fresh(l *loss) bool {
	return w.checkpointOf(l.image).seen.After(l.at)
}

// checkpointOf is the one that made an image; the zero checkpoint if none did.
func (w *world) checkpointOf(image string) checkpoint {
	for _, c := range w.checkpoints {
		if c.image == image {
			return *c
		}
	}
	return checkpoint{}
}
