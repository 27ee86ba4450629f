package spotinstancejob

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

const (
	// longestRetry bounds the wait after checkpoints that failed in a row.
	longestRetry = 6 * time.Hour
	// failedKept is how many failed or abandoned checkpoints of a replica are kept for the user to look at.
	failedKept = 2
)

// bestSource is the usable checkpoint with most progress, or what an existing attempt started from if that holds more:
// its CheckpointBackup may have been deleted, its images are still there.
func (s *survey) bestSource() source {
	best := source{}
	if s.savesItself() {
		return best
	}
	for _, b := range s.backups {
		if b.usable(s.observed) && (best.images == nil || b.progress > best.progress) {
			best = source{backup: b.name, images: b.images, image: b.image, progress: b.progress}
		}
	}
	for _, a := range s.attempts {
		if a.images != nil && a.inherited > best.progress && !s.ledger.excludes(a.restoredFrom) && s.pool.has(a.gpu) {
			best = source{backup: a.restoredFrom, images: a.images, image: a.image, progress: a.inherited}
		}
	}
	return best
}

// schedule plans the replica's periodic checkpoint if it is due.
func (s *survey) schedule(of slot, position int) {
	a := of.newest
	if s.savesItself() || of.verdict != running || !a.vm.fine() || s.inFlight(a.pod.uid) != nil {
		return
	}
	last := s.lastAsked(a)
	failedBefore := s.failedInARow(a.replica)
	due := last.Add(s.wait(failedBefore))
	if last.Equal(a.pod.started) {
		due = due.Add(s.rhythm.interval / time.Duration(s.replicas()) * time.Duration(position)) // so that replicas take turns
	}
	if due.After(s.now) {
		s.wakeAt(due)
		return
	}
	if !s.exceedsBest(a) {
		return
	}
	// The name must not depend on the interval: it may change before this checkpoint is seen.
	s.plan(newBackup{
		name: backupName(s.job, a.pod, reasonScheduled, strconv.FormatInt(last.Unix(), 10)),
		of:   a, reason: reasonScheduled, failedBefore: failedBefore,
	})
}

// lastAsked is when the pod's last checkpoint was asked for, or its container's start.
func (s *survey) lastAsked(a attempt) time.Time {
	last := a.pod.started
	for _, b := range s.backups {
		if b.podUID == a.pod.uid {
			last = b.created
		}
	}
	return last
}

// wait is the time between two checkpoints of a replica: one interval, and longer after checkpoints that failed in a row.
func (s *survey) wait(failedBefore int32) time.Duration {
	wait := s.rhythm.interval
	for n := failedBefore; n > 0 && wait < longestRetry; n-- {
		wait *= 2
	}
	return max(s.rhythm.interval, min(wait, longestRetry))
}

// failedInARow counts the replica's checkpoints that failed or took too long since the last that completed. Deleted ones
// are remembered by those that followed them; those that died with their pod say nothing about checkpointing.
func (s *survey) failedInARow(replica int32) int32 {
	n := int32(0)
	for _, b := range s.backups {
		switch {
		case b.replica != replica || s.pending(b) || !b.complete && !b.failed && !s.podAlive(b.podUID):
		case b.complete:
			n = 0
		default:
			n = max(n, b.failedBefore) + 1
		}
	}
	return n
}

// exceedsBest tells whether a checkpoint of the attempt now would hold more than the best one. If not, it asks to look
// again when it will.
func (s *survey) exceedsBest(a attempt) bool {
	if a.progress(s.now) > s.best.progress {
		return true
	}
	s.wakeAt(a.pod.started.Add(s.best.progress - a.inherited + time.Millisecond))
	return false
}

func (s *survey) plan(b newBackup) { s.planned = append(s.planned, b) }

func (s *survey) exists(name string) bool {
	return slices.ContainsFunc(s.backups, func(b backup) bool { return b.name == name })
}

// inFlight is the pod's checkpoint that may still complete in time, or nil. Planned ones count; they have no creation
// time yet.
func (s *survey) inFlight(podUID string) *backup {
	for i, b := range s.backups {
		if b.podUID == podUID && s.pending(b) {
			return &s.backups[i]
		}
	}
	for _, p := range s.planned {
		if p.of.pod.uid == podUID {
			return &backup{name: p.name, replica: p.of.replica, podUID: podUID, progress: p.of.progress(s.now)}
		}
	}
	return nil
}

// pending checkpoints have no outcome and are not abandoned: neither overdue, nor without their pod, nor being deleted.
func (s *survey) pending(b backup) bool {
	if b.complete || b.failed || !b.deletedAt.IsZero() || !s.podAlive(b.podUID) {
		return false
	}
	deadline := b.created.Add(s.timeout())
	s.wakeAt(deadline)
	return deadline.After(s.now)
}

func (s *survey) podAlive(uid string) bool {
	return slices.ContainsFunc(s.attempts, func(a attempt) bool {
		return a.pod != nil && a.pod.uid == uid && !a.pod.deleted() && s.verdicts[a.name].alive() && s.verdicts[a.name] != ending
	})
}

func (s *survey) timeout() time.Duration {
	if t := s.job.Spec.CheckpointConfig.Timeout; t != nil {
		return t.Duration
	}
	return 15 * time.Minute
}

// measured is the median time a checkpoint of this job took, or 0 when none has completed.
func (s *survey) measured() time.Duration {
	var took []time.Duration
	for _, b := range s.backups {
		if b.complete {
			took = append(took, max(0, b.completed.Sub(b.created)))
		}
	}
	if len(took) == 0 {
		return 0
	}
	return max(median(took), time.Second)
}

// retained lists the backups to keep: the best ones, those that may still complete, those that are needed, and the last
// failures of each replica.
func (s *survey) retained() []string {
	byWorth := slices.Clone(s.backups)
	slices.SortStableFunc(byWorth, func(a, b backup) int {
		return cmp.Or(compareBool(b.usable(s.observed), a.usable(s.observed)), cmp.Compare(b.progress, a.progress))
	})
	retain := 3
	if r := s.job.Spec.CheckpointConfig.Retain; r != nil {
		retain = int(*r)
	}
	var kept []string
	for _, b := range byWorth {
		switch {
		case b.complete:
			retain--
			if retain < 0 && !s.needed(b) {
				continue
			}
		case !s.pending(b):
			if s.newerFailures(b) >= failedKept {
				continue
			}
		}
		kept = append(kept, b.name)
	}
	return kept
}

// needed backups are the origin of an attempt that stays, or its last one, from which the next is due, or were made when it
// was doomed once, whose name must not be used again.
func (s *survey) needed(b backup) bool {
	return slices.ContainsFunc(s.slots, func(of slot) bool {
		return of.newest.restoredFrom == b.name || s.isRescueOf(b, of.newest) || of.newest.pod != nil && of.newest.pod.uid == b.podUID && s.isLast(b)
	})
}

// isLast is true of the newest backup of a pod.
func (s *survey) isLast(b backup) bool {
	return !slices.ContainsFunc(s.backups, func(other backup) bool {
		return other.podUID == b.podUID && other.created.After(b.created)
	})
}

// newerFailures counts the replica's failed and abandoned checkpoints that came after b.
func (s *survey) newerFailures(b backup) int {
	n := 0
	for _, other := range s.backups {
		if other.replica == b.replica && !other.complete && !s.pending(other) && other.created.After(b.created) {
			n++
		}
	}
	return n
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
