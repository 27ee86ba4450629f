package sim

import (
	"bytes"
	"regexp"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// askedPast is what was asked about one parent, and what was answered.
type askedPast struct {
	last  *view
	quiet quietPast
}

// earliest is how soon the hooks ask to be called again at least: a resync of so long may mean less.
const earliest = 100 * time.Millisecond

// judgeRepetition is the law same-facts-same-answer: asked the same again before the time at which the hook itself said that
// the same facts lead elsewhere, the job hook gives the same answer. Times in it are those of the call, until status holds
// them. The law is lenient where training goes on: whether a checkpoint is worth it depends on the second.
func (l *Laws) judgeRepetition(v *view) {
	past := l.past(v)
	last := past.last
	past.last = v
	if v.job == nil || last == nil || !bytes.Equal(last.Request, v.Request) || v.now.Before(last.now) {
		return
	}
	until := last.now.Add(time.Duration(last.answer.ResyncAfterSeconds*float64(time.Second)) - earliest)
	if last.answer.ResyncAfterSeconds > 0 && !v.now.Before(until) {
		return
	}
	if one, two := timeless(last.answer.Status), timeless(v.answer.Status); !bytes.Equal(one, two) {
		l.violate("same-facts-same-answer", "%s: status was\n%s\nand %s later, of the same request,\n%s", v.Parent, one, v.now.Sub(last.now), two)
	}
	if one, two := kept(last), kept(v); !bytes.Equal(one, two) {
		l.violate("same-facts-same-answer", "%s: children were\n%s\nand %s later, of the same request,\n%s", v.Parent, one, v.now.Sub(last.now), two)
	}
}

func (l *Laws) past(v *view) *askedPast { return l.pastOf(v.UID) }

func (l *Laws) pastOf(uid types.UID) *askedPast {
	if l.asked[uid] == nil {
		l.asked[uid] = &askedPast{}
	}
	return l.asked[uid]
}

var momentOfCall = regexp.MustCompile(`"(lastTransitionTime|completionTime|stuckSince|waitingSince)":"[^"]*"`)

// timeless is a status without the times that are those of the call.
func timeless(status json.RawMessage) []byte { return momentOfCall.ReplaceAll(status, nil) }

// kept are the children of an answer as they are.
func kept(v *view) []byte {
	var all bytes.Buffer
	for _, child := range v.answer.Children {
		all.Write(child)
		all.WriteByte('\n')
	}
	return all.Bytes()
}

// judgeStatus are the laws about what a job's status says.
func (l *Laws) judgeStatus(v *view) {
	old, next := v.job.Status, v.status
	if next.Preemptions < old.Preemptions || next.Checkpoints < old.Checkpoints || secondsIn(next.LostSeconds) < secondsIn(old.LostSeconds) {
		l.violate("counters-only-grow", "%s: preemptions %d to %d, checkpoints %d to %d, lostSeconds %d to %d", v.Parent,
			old.Preemptions, next.Preemptions, old.Checkpoints, next.Checkpoints, secondsIn(old.LostSeconds), secondsIn(next.LostSeconds))
	}
	failures := map[int32]int32{}
	for _, r := range next.JobStatuses {
		failures[r.Replica] = r.Failures
	}
	for _, r := range old.JobStatuses {
		if n, reported := failures[r.Replica]; reported && n < r.Failures {
			l.violate("counters-only-grow", "%s: failures of replica %d from %d to %d", v.Parent, r.Replica, r.Failures, n)
		}
	}
	if isOver(old) && next.Phase != old.Phase && v.job.DeletionTimestamp == nil {
		l.violate("the-end-is-final", "%s was %s and is %s", v.Parent, old.Phase, next.Phase)
	}
	if isOver(old) && len(v.created()) > 0 {
		l.violate("the-end-is-final", "%s is %s, and %s is created", v.Parent, old.Phase, v.created())
	}
	l.judgeEnd(v)
}

// judgeEnd are the laws about why a job ends: success only of a program that ended well by itself, failure only after so many
// failures of its own in each replica.
func (l *Laws) judgeEnd(v *view) {
	past := l.job(v.UID)
	if v.status.Phase == v1alpha1.JobSucceeded && past.succeeded == 0 {
		l.violate("success-is-true", "%s is Succeeded, and no program has done all its training", v.Parent)
	}
	for _, r := range v.status.JobStatuses {
		if really := past.failures[replicaName(r.Replica)]; int(r.Failures) > really {
			l.violate("losses-are-no-failures", "%s: replica %d has %d failures in status, and its program failed %d times", v.Parent, r.Replica, r.Failures, really)
		}
	}
	if v.status.Phase != v1alpha1.JobFailed || v.job.Status.Phase == v1alpha1.JobFailed {
		return
	}
	for _, c := range v.status.Conditions {
		if c.Type == v1alpha1.ConditionFailed && c.Reason == v1alpha1.ReasonBackoffLimitExceeded && past.failed() == 0 {
			l.violate("losses-are-no-failures", "%s is Failed, and no program has failed by itself", v.Parent)
		}
	}
}
