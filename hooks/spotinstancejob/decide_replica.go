package spotinstancejob

import (
	"cmp"
	"slices"
	"time"
)

const (
	// quickLoss is the training time below which a loss counts as quick.
	quickLoss = 2 * time.Minute
	// quickLossLimit is how many quick losses in a row are restarted at once.
	quickLossLimit = 5
	// firstBackoff doubles with every failure, up to maxBackoff. It is not below settleTime.
	firstBackoff = 20 * time.Second
	maxBackoff   = 10 * time.Minute
	// mostReplicas is the schema's.
	mostReplicas = 64
	// defaultBackoffLimit is that of batch/v1 Job.
	defaultBackoffLimit = 6
)

// successor is the attempt that follows the slot's newest, or nil while that one stands or the time has not come.
func (s *survey) successor(of slot) *newAttempt {
	if !s.needsSuccessor(of) || !s.hasPlace() {
		return nil
	}
	// Also during a back-off: nobody may be left to make it of, later.
	waits := (of.verdict == lost || of.verdict == doomed) && s.awaitRescue(of)
	carried := s.account(s.ledger, of)
	if at := restartAt(of, carried.Replicas[of.replica]); at.After(s.now) {
		s.wakeAt(at)
		return nil
	}
	if waits || s.heldBy(of.replica) != "" {
		return nil
	}
	return s.newAttempt(of.replica, carried)
}

// hasPlace is true while new attempts may find a VM. Those that exist stay either way.
func (s *survey) hasPlace() bool {
	return s.pool != nil && !s.pool.deleting && s.misfit() == nil
}

func (s *survey) needsSuccessor(of slot) bool {
	switch of.verdict {
	case lost, doomed, restoreFailed, rejected:
		return true
	case failed:
		return !s.exhausted(of)
	}
	return false
}

// exhausted replicas have failed more often than backoffLimit allows.
func (s *survey) exhausted(of slot) bool {
	return of.verdict == failed && s.failures(of.replica) > s.backoffLimit()
}

// restartAt is when back-off allows the next attempt: failures always back off, losses from the fifth quick one in a row. A rejected pod
// is followed by the next soon, so that a VM that rejects all is known as such soon.
func restartAt(of slot, account account) time.Time {
	switch {
	case of.verdict == rejected && account.Rejections.IsRest():
		return of.newest.end().Add(rest)
	case of.verdict == rejected:
		return of.newest.end().Add(firstBackoff)
	case of.verdict == failed:
		return of.newest.end().Add(backoff(account.Failures))
	case account.QuickLosses >= quickLossLimit:
		return of.newest.end().Add(backoff(account.QuickLosses - quickLossLimit + 1))
	}
	return time.Time{}
}

// backoff is the wait before the attempt that follows the nth failure.
func backoff(n int32) time.Duration {
	wait := firstBackoff
	for ; n > 1 && wait < maxBackoff; n-- {
		wait *= 2
	}
	return min(wait, maxBackoff)
}

// newAttempt starts from the best checkpoint there is.
func (s *survey) newAttempt(replica int32, carried ledger) *newAttempt {
	return &newAttempt{
		replica: replica,
		attempt: s.nextAttempt(replica),
		from:    s.best,
		final:   s.failures(replica) >= s.backoffLimit(),
		ledger:  carried,
	}
}

// nextAttempt is one more than any attempt that left a trace, so that no name is used twice.
func (s *survey) nextAttempt(replica int32) int32 {
	last := s.ledger.Replicas[replica].Through
	for _, a := range s.attempts {
		if a.replica == replica {
			last = max(last, a.attempt)
		}
	}
	for _, b := range s.backups {
		if b.replica == replica {
			last = max(last, b.attempt)
		}
	}
	for _, status := range s.job.Status.JobStatuses {
		if status.Replica == replica {
			last = max(last, plausible(status.Attempt))
		}
	}
	return last + 1
}

// firstAttempts fills the slots that have no attempt at all: those that status tells of, then the lowest numbers.
func (s *survey) firstAttempts() []newAttempt {
	if !s.hasPlace() {
		return nil
	}
	var created []newAttempt
	isFull := func() bool { return len(s.slots)+len(created)+len(s.held) >= int(s.replicas()) }
	add := func(number int32) {
		taken := slices.ContainsFunc(s.slots, func(of slot) bool { return of.replica == number }) ||
			slices.ContainsFunc(created, func(a newAttempt) bool { return a.replica == number }) || slices.Contains(s.held, number)
		switch {
		case taken || isFull():
		case s.heldBy(number) != "":
			s.held = append(s.held, number)
		default:
			created = append(created, *s.newAttempt(number, s.ledger))
		}
	}
	for _, status := range s.job.Status.JobStatuses {
		add(plausible(status.Replica))
	}
	for number := int32(0); !isFull(); number++ {
		add(number)
	}
	return created
}

// chooseSlots lets go of the slots beyond spec.replicas: failed ones first, then pending, then doomed and lost, then
// those with the least progress.
func (s *survey) chooseSlots() []slot {
	rank := func(of slot) int {
		switch of.verdict {
		case failed, restoreFailed:
			return 0
		case pending, starting, rejected:
			return 1
		case doomed, lost:
			return 2
		}
		return 3
	}
	byWorth := slices.Clone(s.slots)
	slices.SortStableFunc(byWorth, func(a, b slot) int {
		return cmp.Or(
			-cmp.Compare(rank(a), rank(b)),
			-cmp.Compare(a.newest.progress(s.now), b.newest.progress(s.now)),
			cmp.Compare(a.replica, b.replica),
		)
	})
	kept := byWorth[:min(len(byWorth), int(s.replicas()))]
	slices.SortFunc(kept, func(a, b slot) int { return cmp.Compare(a.replica, b.replica) })
	return kept
}

// replicas is spec.replicas, or its default, within the bounds of the schema, which may have been another when the object was stored.
func (o observed) replicas() int32 {
	switch {
	case o.job.Spec.Replicas != nil:
	case o.savesItself():
		return 1
	default:
		return 2
	}
	return min(max(*o.job.Spec.Replicas, 1), mostReplicas)
}

func (s *survey) backoffLimit() int32 {
	if s.template.spec.BackoffLimit == nil {
		return defaultBackoffLimit
	}
	return *s.template.spec.BackoffLimit
}

// failures of the training itself in a replica so far.
func (s *survey) failures(replica int32) int32 { return s.ledger.Replicas[replica].Failures }
