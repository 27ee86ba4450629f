package spotinstancejob

import (
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A quota of Jobs (count/jobs.batch) may have room for one Job of a replica only: then the Job of an attempt that is over keeps its
// successor from being created, and is kept until that is there. So after some refusals it is given up, in this order:
//
//	the next Job is asked for, and is not there half a minute later     refusals 1
//	three more times                                                    refusals 4, and status.ledger has what the old Job carries
//	a request shows that status                                         the old Job is left out of the answer: it is deleted
//	a next Job is there                                                 status.ledger goes
//
// Each refusal is counted once its status has come back in a request: Metacontroller writes a status after it has tried to create the
// children. So an API server that is away, or slow, counts once, however long that lasts.
const (
	refusalPause   = 30 * time.Second
	enoughRefusals = 4
)

// refusals is how often a replica's next Job was refused, and when that was counted last.
type refusals struct {
	n    int32
	last time.Time
}

// refusalsOf counts those of the slot's next Job.
func (s *survey) refusalsOf(of slot) refusals {
	known := s.statusOf(of.replica)
	if !of.ended() || !s.isRequested(of.replica) || known == nil || !isAsked(known.Reason) || known.WaitingSince == nil {
		return refusals{}
	}
	counted, due := refusals{}, known.WaitingSince.Add(refusalPause)
	if n, at := plausible(known.Refusals), refusedAt(known); n > 0 && !at.IsZero() {
		counted = refusals{n, at}
		due = counted.last.Add(refusalPause)
	}
	if counted.n >= enoughRefusals {
		return counted
	}
	if due.After(s.now) {
		s.wakeAt(due)
		return counted
	}
	counted = refusals{counted.n + 1, s.now.Truncate(time.Second)}
	if counted.n < enoughRefusals {
		s.wakeAt(counted.last.Add(refusalPause))
	}
	return counted
}

// isAsked is true of the reasons of a replica whose next Job has been asked for.
func isAsked(reason string) bool { return isAskedAtOnce(reason) || reason == v1alpha1.WaitChildRefused }

func (s *survey) statusOf(replica int32) *v1alpha1.JobReplicaStatus {
	i := slices.IndexFunc(s.job.Status.JobStatuses, func(status v1alpha1.JobReplicaStatus) bool { return status.Replica == replica })
	if i < 0 {
		return nil
	}
	return &s.job.Status.JobStatuses[i]
}

// isGivenUp tells whether the Job of the slot's newest attempt, which is over, makes room for the next. Status has what it carries by then.
func (s *survey) isGivenUp(of slot) bool {
	written := parseLedger(s.job.Status.Ledger).Replicas[of.replica].Through >= of.newest.attempt
	return written && s.refusalsOf(of).n >= enoughRefusals
}

// handOver is the ledger that status keeps: that of Jobs that are given up, until Jobs carry it.
func (s *survey) handOver() string {
	kept := parseLedger(s.job.Status.Ledger)
	isCarried := true
	for replica, account := range kept.Replicas {
		isCarried = isCarried && slices.ContainsFunc(s.attempts, func(a attempt) bool { return a.replica == replica && a.attempt > account.Through })
	}
	told := kept
	for _, of := range s.slots {
		if s.refusalsOf(of).n >= enoughRefusals && kept.Replicas[of.replica].Through < of.newest.attempt {
			told, isCarried = s.account(s.carried.merge(told), of), false
		}
	}
	if isCarried {
		return ""
	}
	return told.String()
}

// waitForNextJob is the wait of a replica whose next Job is refused, while the one of its last attempt is there.
func (s *survey) waitForNextJob(of slot) wait {
	told := s.waitForJob(of.replica)
	if of.ended() {
		told.message += "; if a quota of Jobs is full, raise it: Job " + of.newest.name + ", which is over, is deleted after some refusals, to make room"
	}
	return told
}
