package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// trainedBefore is how long replicas train before anything happens to them, and trainedAgain how long after a recovery: so
// much that another checkpoint saves more than waiting for it costs.
const (
	trainedBefore = 10 * time.Second
	trainedAgain  = 30 * time.Second
)

// onePreempted takes the VM of one of two replicas, and after the recovery another one: in every second run that of the
// replica which has just been restored, else that of the other.
func onePreempted(ctx context.Context, t *trial) error {
	if err := t.train(ctx, setup{replicas: 2}); err != nil {
		return err
	}
	if err := t.loseOne(ctx, "one", "1"); err != nil {
		return err
	}
	if err := t.settled(ctx, 2); err != nil {
		return err
	}
	if err := t.lasts(ctx, trainedAgain); err != nil {
		return err
	}
	if t.run%2 == 0 {
		return t.loseOne(ctx, "again", "1")
	}
	return t.loseOne(ctx, "other", "0")
}

func onePreemptedWithNotice(ctx context.Context, t *trial) error {
	if _, _, err := t.noticeOne(ctx, "noticed", setup{replicas: 2, interval: time.Minute}); err != nil {
		return err
	}
	return t.recovered(ctx, 2)
}

// noticeOne gives the VM of one replica its notice, once it is known how long a checkpoint takes, and measures until the replica trains
// again.
func (t *trial) noticeOne(ctx context.Context, row string, s setup) (benchLoss, attempt, error) {
	if err := t.train(ctx, s); err != nil {
		return benchLoss{}, attempt{}, err
	}
	if err := t.await(ctx, "a scheduled checkpoint completes", func() bool { return len(t.completed()) > 0 && !t.inFlight() }); err != nil {
		return benchLoss{}, attempt{}, err
	}
	lost, err := t.strike(ctx, t.bench.lab.GCE().Preempt, "1")
	if err != nil {
		return benchLoss{}, attempt{}, err
	}
	again, err := t.trainsAgain(ctx, lost[0])
	if err != nil {
		return benchLoss{}, attempt{}, err
	}
	return lost[0], again, t.noteRescue(row, lost[0], again, true)
}

// bootAndCheckpoint is a notice where the VM boots for 120 s and a checkpoint takes 180 s, which does not fit into it.
func bootAndCheckpoint(ctx context.Context, t *trial) error {
	t.bench.lab.Agent().Behave(t.namespace, cluster.AgentBehaviour{Duration: 180 * time.Second})
	if err := t.train(ctx, setup{replicas: 2}); err != nil {
		return err
	}
	cancel := t.bench.lab.Hypervisor().When(func(vm gcefake.VM) bool { return vm.Project == t.namespace }, cluster.Machine{JoinAfter: 120*time.Second - benchBoot})
	defer cancel()
	lost, err := t.strike(ctx, t.bench.lab.GCE().Preempt, "1")
	if err != nil {
		return err
	}
	again, err := t.trainsAgain(ctx, lost[0])
	if err != nil {
		return err
	}
	return t.noteRescue("overlap", lost[0], again, false)
}

func slowCheckpoint(ctx context.Context, t *trial) error {
	t.bench.lab.Agent().Behave(t.namespace, cluster.AgentBehaviour{Duration: 180 * time.Second})
	if err := t.train(ctx, setup{replicas: 2}); err != nil {
		return err
	}
	return t.loseOne(ctx, "slow", "1")
}

func agentFails(ctx context.Context, t *trial) error {
	t.bench.lab.Agent().Behave(t.namespace, cluster.AgentBehaviour{Mode: cluster.AgentFails, Duration: benchCheckpoint})
	if err := t.train(ctx, setup{replicas: 2}); err != nil {
		return err
	}
	lost, err := t.preempt(ctx, "1")
	if err != nil {
		return err
	}
	again, err := t.trainsAgain(ctx, lost[0])
	if err != nil {
		return err
	}
	t.note("failing", "running", again.training.Sub(lost[0].at).Seconds())
	return t.recovered(ctx, 2)
}

func bothPreempted(ctx context.Context, t *trial) error {
	return t.loseBoth(ctx, "both", setup{replicas: 2, interval: time.Minute})
}

func bothPreemptedSlowly(ctx context.Context, t *trial) error {
	t.bench.lab.Agent().Behave(t.namespace, cluster.AgentBehaviour{Duration: time.Minute})
	// More than two checkpoints, so that there is a time without any.
	return t.loseBoth(ctx, "strict", setup{replicas: 2, interval: 150 * time.Second})
}

// train applies job and pool and lets all replicas train for a while.
func (t *trial) train(ctx context.Context, s setup) error {
	if err := t.apply(ctx, s); err != nil {
		return err
	}
	if err := t.settled(ctx, int(s.replicas)); err != nil {
		return err
	}
	return t.lasts(ctx, trainedBefore)
}

// loseOne preempts the VM of a replica whose peer survives, and measures until the replica trains again.
func (t *trial) loseOne(ctx context.Context, row, replica string) error {
	lost, err := t.preempt(ctx, replica)
	if err != nil {
		return err
	}
	again, err := t.trainsAgain(ctx, lost[0])
	if err != nil {
		return err
	}
	return t.noteRescue(row, lost[0], again, false)
}

// noteRescue notes how a replica came back, if that was from a checkpoint made at its loss: its own, or its survivor's.
func (t *trial) noteRescue(row string, l benchLoss, again attempt, own bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	rescue := t.checkpointOf(again.image)
	switch requested := t.requestedAfter(l.at); {
	case rescue == nil || !rescue.seen.After(l.at):
		return fmt.Errorf("replica %s was restored from %s, not from a checkpoint made at its preemption; there are %s", l.replica, again.image, t.history(l.at))
	case own != (rescue.replica == l.replica):
		return fmt.Errorf("replica %s was checkpointed when %s was preempted", rescue.replica, l.replica)
	case len(requested) != 1:
		return fmt.Errorf("%d VMs were asked for to replace one", len(requested))
	default:
		t.note(row, "object", rescue.seen.Sub(l.at).Seconds())
		t.note(row, "requested", requested[0].Sub(l.at).Seconds())
		t.note(row, "running", again.training.Sub(l.at).Seconds())
		t.note(row, "training lost", t.lostBy(l, again))
		return nil
	}
}

// loseBoth waits for a checkpoint, preempts both VMs while none is being made, and measures until both replicas train
// again.
func (t *trial) loseBoth(ctx context.Context, row string, s setup) error {
	if err := t.train(ctx, s); err != nil {
		return err
	}
	if err := t.await(ctx, "a scheduled checkpoint completes", func() bool { return len(t.completed()) > 0 && !t.inFlight() }); err != nil {
		return err
	}
	lost, err := t.preempt(ctx, "0", "1")
	if err != nil {
		return err
	}
	var took [2]float64
	for i, l := range lost {
		again, err := t.trainsAgain(ctx, l)
		if err != nil {
			return err
		}
		if again.image == benchImage {
			return fmt.Errorf("replica %s started over although there was a checkpoint", l.replica)
		}
		took[i] = again.training.Sub(l.at).Seconds()
		t.note(row, "training lost", t.lostBy(l, again))
	}
	t.note(row, "first", min(took[0], took[1]))
	t.note(row, "second", max(took[0], took[1]))
	return t.recovered(ctx, 2)
}
