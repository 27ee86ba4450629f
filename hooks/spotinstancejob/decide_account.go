package spotinstancejob

import (
	"cmp"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// settle accounts for the newest attempt of every slot that has ended, on top of what ledgers and status know. Slots that
// are let go get no successor, and status no entry that tells that they were counted: their end is not.
func (s *survey) settle() ledger {
	settled := s.ledger.merge(ledger{})
	chosen := s.chooseSlots()
	for _, of := range chosen {
		if of.ended() && of.isCounted() {
			settled = s.account(settled, of)
		}
	}
	s.recall(&settled)
	for _, of := range chosen {
		if of.ended() {
			settled = s.account(settled, of)
		}
	}
	return settled
}

// recall adds what status had counted and no account explains, because the Jobs that told are gone: replicas were scaled
// down, suspended, or deleted by hand. Status counts losses when they are seen, but lost seconds only when the successor
// has written them down.
func (s *survey) recall(settled *ledger) {
	for _, known := range s.job.Status.JobStatuses {
		if account := settled.Replicas[known.Replica]; plausible(known.Failures) > account.Failures {
			account.Failures = known.Failures
			settled.Replicas[known.Replica] = account
		}
	}
	settled.Earlier.Losses += max(0, plausible(s.job.Status.Preemptions)-settled.sum().Losses)
	settled.Earlier.LostSeconds += max(0, min(secondsOf(s.job.Status.LostSeconds), mostSeconds)-s.ledger.sum().LostSeconds)
}

// ended is true when the slot's newest attempt will never train again and has not succeeded.
func (of slot) ended() bool {
	return of.verdict == lost || of.verdict == failed || of.verdict == restoreFailed || of.verdict == rejected
}

// isCounted is true when status already includes the end of the slot's newest attempt.
func (of slot) isCounted() bool {
	past := of.newest.previous
	return past == string(of.verdict) || of.verdict == failed && past == v1alpha1.ReplicaBackingOff
}

// account adds the end of a slot's newest attempt, once.
func (s *survey) account(l ledger, of slot) ledger {
	l = l.merge(ledger{})
	account := l.Replicas[of.replica]
	a := of.newest
	if account.Through >= a.attempt {
		return l
	}
	account.Through, account.LastLoss = a.attempt, time.Time{}
	before := account.Rejections
	if a.started() || of.verdict != lost && of.verdict != doomed {
		account.Rejections = v1alpha1.Rejections{}
	}
	switch of.verdict {
	case failed:
		account.Failures++
		account.Rollbacks++
		account.QuickLosses = 0
	case restoreFailed:
		l.RestoreFailures[a.restoredFrom]++
		account.Unrestored, account.RestoreError = a.restoredFrom, ""
		if a.pod != nil {
			account.RestoreError = a.pod.message
		}
	case rejected:
		account.Rejections = before.And(a.node, cmp.Or(a.rejectedWords(), before.Said))
	case lost, doomed:
		account.Losses++
		account.LastLoss = a.end().UTC().Truncate(time.Second)
		if !s.isSaved(a) {
			account.Rollbacks++
		}
		account.QuickLosses++
		if a.progress(a.end())-a.inherited >= quickLoss {
			account.QuickLosses = 0
		}
	}
	had := a.progress(s.trainedUntil(a))
	account.LastLost = 0
	if !s.savesItself() { // else nobody knows
		account.LastLost = int64(max(0, had-s.best.progress) / time.Second)
	}
	account.LostSeconds += account.LastLost
	account.TrainedSeconds += int64((had - a.inherited) / time.Second)
	l.Replicas[of.replica] = account
	return l
}

// trainedUntil is the last moment of which is known that a lost attempt trained. After the notice it goes on: until its pod
// ended, or at least until the last checkpoint of the job completed. It never depends on now, since a Job's ledger must not.
func (s *survey) trainedUntil(a attempt) time.Time {
	until := a.end()
	switch {
	case a.vm.stops.IsZero():
		return until
	case a.pod != nil && !a.pod.ended.IsZero():
		return a.pod.ended
	}
	for _, b := range s.backups {
		if b.complete && b.completed.After(until) && b.completed.Before(a.vm.stops) {
			until = b.completed
		}
	}
	return until
}
