package spotinstancejob

import (
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// decision is everything that one sync wants, with its reasons.
type decision struct {
	phase      v1alpha1.JobPhase
	keepJobs   []string // existing Jobs to keep; every other one is deleted
	keepBacks  []string // existing CheckpointBackups to keep
	attempts   []newAttempt
	backups    []newBackup
	replicas   []replica
	conditions []condition
	ledger     ledger // with every ended attempt accounted for
	handedOver string // the ledger of Jobs that are given up; empty: Jobs tell all
	best       source
	rhythm     rhythm
	spent      *v1alpha1.CostStatus
	resync     time.Duration // 0: nothing to wait for
}

// newAttempt is a Job to create.
type newAttempt struct {
	replica, attempt int32
	from             source
	final            bool
	ledger           ledger
}

// newBackup is a CheckpointBackup to create.
type newBackup struct {
	name         string
	of           attempt
	reason       checkpointReason
	failedBefore int32
}

// replica is what status tells of one slot.
type replica struct {
	number   int32
	newest   attempt
	attempts int32 // highest number used so far: a successor that was dropped keeps its number
	phase    string
	waits    string // for a checkpoint, and why for that one; empty: it does not
	wait     wait   // why it does not train; zero: it does
	failures int32
	refused  refusals
	stuck    time.Time // since when its newest attempt cannot start from its checkpoint; zero: it can, as far as is known
}

// condition is one condition that holds; render turns it into a metav1.Condition.
type condition struct {
	kind, reason, message string
	isTrue                bool
}

// source is what an attempt starts from. The zero source is the template's own images.
type source struct {
	backup   string
	images   map[string]string
	image    string // of the first container
	progress time.Duration
}

// decide is the whole policy, in order: what is final stays final, what cannot run changes nothing, and training goes on
// otherwise.
func decide(o observed) decision {
	s := surveyOf(o)
	if o.job.DeletionTimestamp != nil {
		return s.hold(o.job.Status.Phase)
	}
	if end := s.end(); end != nil {
		return s.finish(*end)
	}
	if o.invalid != nil {
		return s.hold(s.trainingPhase())
	}
	if s.suspended() {
		return s.suspend()
	}
	return s.train()
}

// survey is what one sync makes of the facts, and the decision as it grows. Its ledger accounts for the newest attempt of
// each slot, too, if that has ended.
type survey struct {
	observed
	carried  ledger             // as observed: without the ends that no successor has written down
	verdicts map[string]verdict // by attempt name
	slots    []slot
	best     source
	rhythm   rhythm
	planned  []newBackup
	created  []newAttempt
	waits    map[int32]string // by replica: the checkpoint that its successor waits for, and why that one
	unfit    *specError       // see misfit
	held     []int32          // replicas without a Job that would have one if no pod of theirs could run
	alarm    time.Time        // earliest time at which the same facts lead elsewhere
}

// slot is one replica that has attempts.
type slot struct {
	replica int32
	newest  attempt
	older   []attempt // that must stay until newest has started
	verdict verdict   // of newest
}

func surveyOf(o observed) *survey {
	s := &survey{observed: o, carried: o.ledger, verdicts: map[string]verdict{}, waits: map[int32]string{}}
	s.unfit = s.findMisfit()
	for _, a := range o.attempts {
		s.verdicts[a.name] = s.judge(a)
	}
	for _, a := range o.attempts {
		if !a.deleting && !slices.ContainsFunc(s.slots, func(known slot) bool { return known.replica == a.replica }) {
			s.slots = append(s.slots, s.slotOf(a.replica))
		}
	}
	s.best = s.bestSource()
	s.ledger = s.settle()
	s.best = s.bestSource() // an image may have failed for the last time
	s.rhythm = s.chooseRhythm()
	return s
}

// slotOf orders a replica's attempts: the newest counts, unless an older one succeeded, or trains on a healthy VM again before
// the newest has started. An older one stays while it may still train and the newest does not, or while it may turn out to
// have succeeded.
func (s *survey) slotOf(replica int32) slot {
	chain := s.attemptsOf(replica)
	last := len(chain) - 1
	for i, a := range chain[:last] {
		v := s.verdicts[a.name]
		if v == succeeded || v == running && !chain[last].started() && s.hasRecovered(a) {
			last = i
			break
		}
	}
	of := slot{replica: replica, newest: chain[last], verdict: s.verdicts[chain[last].name]}
	for _, a := range chain[:last] {
		if v := s.verdicts[a.name]; v == ending || v.alive() && !of.newest.started() {
			of.older = append(of.older, a)
		}
	}
	return of
}

// recoveryGrace is how long a VM must have been Ready before a pod on it counts as training again that is not Ready itself. A kubelet
// that was silent tells within seconds of pods that ended meanwhile.
const recoveryGrace = 30 * time.Second

// hasRecovered tells whether an attempt that is running, and has a successor, trains on. What a readiness probe says is no condition: it
// may fail for ever, while the successor gets no VM of its own.
func (s *survey) hasRecovered(a attempt) bool {
	if a.pod.ready {
		return true
	}
	if !a.vm.fine() {
		return false
	}
	trusted := a.vm.since.Add(recoveryGrace)
	s.wakeAt(trusted)
	return !trusted.After(s.now)
}

// wakeAt asks for another sync at t.
func (s *survey) wakeAt(t time.Time) {
	if t.After(s.now) && (s.alarm.IsZero() || t.Before(s.alarm)) {
		s.alarm = t
	}
}

// hold keeps every child and creates none.
func (s *survey) hold(phase v1alpha1.JobPhase) decision {
	d := s.conclude(phase)
	d.keepJobs = nil
	for _, a := range s.attempts {
		d.keepJobs = append(d.keepJobs, a.name)
	}
	d.keepBacks = nil
	for _, b := range s.backups {
		d.keepBacks = append(d.keepBacks, b.name)
	}
	return d
}

// train gives every replica its attempt, and makes the checkpoints that are due.
func (s *survey) train() decision {
	s.slots = s.chooseSlots()
	for i, of := range s.slots {
		if next := s.successor(of); next != nil {
			s.created = append(s.created, *next)
		}
		s.schedule(of, i)
	}
	s.created = append(s.created, s.firstAttempts()...)
	d := s.conclude(s.trainingPhase())
	d.attempts = s.created
	return d
}

// conclude keeps the attempts of the slots and the backups worth keeping, and reports.
func (s *survey) conclude(phase v1alpha1.JobPhase) decision {
	d := decision{phase: phase, backups: s.planned, ledger: s.ledger, best: s.best, rhythm: s.rhythm, spent: s.spent()}
	for _, of := range s.slots {
		if !s.isGivenUp(of) {
			d.keepJobs = append(d.keepJobs, of.newest.name)
		}
		for _, a := range of.older {
			d.keepJobs = append(d.keepJobs, a.name)
		}
		d.replicas = append(d.replicas, s.report(of))
	}
	d.replicas = s.withRecalled(d.replicas)
	d.handedOver = s.handOver()
	d.keepBacks = s.retained()
	d.conditions = s.conditions(phase)
	if !s.alarm.IsZero() {
		d.resync = max(s.alarm.Sub(s.now), 100*time.Millisecond)
	}
	return d
}

// trainingPhase sums up a job that is neither suspended nor over.
func (s *survey) trainingPhase() v1alpha1.JobPhase {
	phase, mayTrain := v1alpha1.JobPending, false
	for _, of := range s.slots {
		if of.verdict == running || of.verdict == ending && !of.newest.isRejected() {
			phase = v1alpha1.JobRunning
		}
		mayTrain = mayTrain || of.verdict == running || of.verdict == ending || of.verdict == doomed || of.verdict == starting
	}
	if !mayTrain && (s.invalid != nil || s.misfit() != nil) {
		return v1alpha1.JobInvalid
	}
	for _, of := range s.slots {
		trained := s.ledger.Replicas[of.replica].Through > 0
		if of.verdict != running && of.verdict != ending && !s.exhausted(of) && (trained || of.verdict == doomed) {
			return v1alpha1.JobRecovering
		}
	}
	return phase
}
