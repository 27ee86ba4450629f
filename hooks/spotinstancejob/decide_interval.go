package spotinstancejob

import (
	"fmt"
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	// firstInterval holds until something is known of checkpoints. It is short, since nothing is safe and nothing is measured yet.
	firstInterval = 5 * time.Minute
	// shortestInterval and longestInterval bound what is chosen, whatever was measured.
	shortestInterval = time.Minute
	longestInterval  = 3 * time.Hour
	// assumedBetweenRollbacks is taken for one that was seen: it is all that is known at first, and soon says little.
	assumedBetweenRollbacks = 6 * time.Hour
	// steady is by how much the interval may be off before it moves.
	steady = 1.25
)

// rhythm is how often replicas are checkpointed. With a fixed interval only that is known.
type rhythm struct {
	interval         time.Duration
	cost             time.Duration // 0: not known
	betweenRollbacks time.Duration
	recovery         time.Duration
}

// chooseRhythm finds the interval that leaves most time for training that is kept: Ts + √(2(Tf+Tr)Ts + Ts²), where a
// checkpoint holds the training up for Ts, a replica goes back to one every Tf, and takes Tr to train again; see
// https://arxiv.org/abs/2410.18124. N replicas take turns, and each may go back to the newest of all: that is as if it went
// back N times more rarely. A loss that a checkpoint at the preemption answers is no reason for more scheduled ones.
//
// It depends on facts that move only when a checkpoint or an attempt begins or ends, never on now, and on status, from which
// it departs only for a difference that matters.
func (s *survey) chooseRhythm() rhythm {
	spec := s.job.Spec.CheckpointConfig.CheckpointInterval
	if !spec.Auto {
		return rhythm{interval: spec.Duration}
	}
	r := rhythm{interval: firstInterval, cost: s.cost(), betweenRollbacks: s.betweenRollbacks(), recovery: s.recovery()}
	if r.cost > 0 {
		ts, cycle := r.cost.Seconds(), (r.betweenRollbacks+r.recovery).Seconds()*float64(s.replicas())
		best := time.Duration((ts + math.Sqrt(2*cycle*ts+ts*ts)) * float64(time.Second))
		r.interval = best.Round(10 * time.Second)
	}
	if old := s.job.Status.AutoInterval; old != nil && isNear(old.Interval.Duration, r.interval) {
		r.interval = old.Interval.Duration
	}
	r.interval = min(max(r.interval, shortestInterval, s.measured()), longestInterval)
	return r
}

func isNear(a, b time.Duration) bool {
	return a > 0 && max(a, b).Seconds() <= steady*min(a, b).Seconds()
}

// cost is how long a checkpoint holds the training up, or 0 when that is not known. It shows while the images are built, or
// later if the agent says so, and is remembered in status. Without either it is at most the median time until the images of completed ones were built.
func (s *survey) cost() time.Duration {
	var bounds []time.Duration
	for _, b := range slices.Backward(s.backups) {
		switch {
		case !b.frozenUntil.IsZero():
			return max(time.Second, b.frozenUntil.Sub(b.created))
		case b.complete:
			bounds = append(bounds, max(time.Second, min(b.built.Sub(b.created), b.completed.Sub(b.created))))
		}
	}
	bound := median(bounds)
	if shown := s.job.Status.AutoInterval; shown != nil && shown.CheckpointCost != nil {
		if known := shown.CheckpointCost.Duration; known > 0 && (bound == 0 || known < bound) {
			return known
		}
	}
	return bound
}

// betweenRollbacks is the mean time that replicas train until they go back to an earlier checkpoint. What runs counts up to
// its last checkpoint.
func (s *survey) betweenRollbacks() time.Duration {
	trained, rollbacks := assumedBetweenRollbacks, int64(1)
	for _, account := range s.ledger.Replicas {
		trained += time.Duration(account.TrainedSeconds) * time.Second
		rollbacks += int64(account.Rollbacks)
	}
	for _, of := range s.slots {
		if of.ended() || !of.newest.started() {
			continue
		}
		last := of.newest.pod.started
		for _, b := range s.backups {
			if b.podUID == of.newest.pod.uid && b.created.After(last) {
				last = b.created
			}
		}
		trained += last.Sub(of.newest.pod.started)
	}
	return (trained / time.Duration(rollbacks)).Round(time.Second)
}

// recovery is the longest that a replica's newest attempt took from its creation to its training.
func (s *survey) recovery() time.Duration {
	longest := time.Duration(0)
	for _, of := range s.slots {
		if of.newest.started() {
			longest = max(longest, of.newest.pod.started.Sub(of.newest.created))
		}
	}
	return longest
}

// tooOften warns of checkpoints that take longer than the interval between them. It stays until they take clearly less, so that it
// does not come and go with each of them.
func (s *survey) tooOften() *condition {
	interval, took := s.job.Spec.CheckpointConfig.CheckpointInterval, s.measured().Round(time.Second)
	limit := interval.Duration
	if meta.IsStatusConditionTrue(s.job.Status.Conditions, v1alpha1.ConditionCheckpointsTooOften) {
		limit = time.Duration(float64(limit) / steady)
	}
	if s.savesItself() || interval.Auto || took <= limit {
		return nil
	}
	return &condition{
		v1alpha1.ConditionCheckpointsTooOften, v1alpha1.ReasonIntervalTooShort,
		fmt.Sprintf("spec.checkpointConfig.checkpointInterval is %s, and a checkpoint takes %s: each replica is checkpointed without a pause, which holds the training up: set it to auto, or to %s or more", interval.Duration, took, 10*took), true,
	}
}

// median is the middle one, the greater of two, or 0 of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
