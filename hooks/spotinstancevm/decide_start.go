package spotinstancevm

import (
	"sort"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	firstBackOff = time.Minute
	lastBackOff  = 30 * time.Minute
	trialsFrom   = 3         // rounds of failed starts after which one VM at a time is tried
	rememberFor  = time.Hour // failed starts, besides the time that one takes
	takenFrom    = 3         // names in a row that are taken: the next would be as well
)

// starts is how VMs failed to become Ready Nodes since one last did. VMs that were on their way at the same time are one
// round, and the last of them to fail stands for it.
type starts struct {
	rounds []machine // oldest first
}

func startsOf(o observed, machines []machine) starts {
	joined := lastJoin(machines)
	var failures []machine
	areNamesTaken := countTaken(machines, joined) >= takenFrom
	for _, m := range machines {
		if (isFailedStart(m) || areNamesTaken && isNameTaken(m)) && m.since.After(joined) {
			failures = append(failures, m)
		}
	}
	sort.SliceStable(failures, func(i, j int) bool { return failures[i].since.Before(failures[j].since) })
	// A row of failures is forgotten as a whole: each of them keeps those before it in mind.
	forgetAfter := rememberFor + o.settings.joinTimeout
	var s starts
	var end time.Time // of the first VM of the round
	for _, m := range failures {
		last := len(s.rounds) - 1
		switch {
		case last >= 0 && m.since.Sub(s.rounds[last].since) >= forgetAfter:
			s.rounds, end = []machine{m}, m.since
		case last < 0 || m.begun().After(end):
			s.rounds, end = append(s.rounds, m), m.since
		default:
			s.rounds[last] = m
		}
	}
	if last := len(s.rounds) - 1; last >= 0 && o.now.Sub(s.rounds[last].since) >= forgetAfter {
		return starts{}
	}
	return s
}

// begun is when the start of a VM began; GCE's refusals begin when they end.
func (m machine) begun() time.Time {
	if m.seen.created.IsZero() {
		return m.since
	}
	return m.seen.created
}

// isFailedStart tells whether a VM was bought for nothing, or refused in a way that no other zone helps against. What is one
// zone's affair is no failed start: a want of capacity, a no of that zone alone, an insert that GCE failed.
func isFailedStart(m machine) bool {
	if m.joined || !(isEnding(m.state) || m.state == v1alpha1.InstanceDeleting) {
		return false
	}
	switch m.reason {
	case v1alpha1.VMJoinTimeout, v1alpha1.VMLost, v1alpha1.VMPreempted:
		return true
	}
	return isRefusal(m.reason)
}

// isNameTaken tells whether somebody else had the name of a VM. The next name is tried at once, but not for ever.
func isNameTaken(m machine) bool {
	return m.state == v1alpha1.InstanceGone && m.reason == v1alpha1.VMNameTaken
}

func countTaken(machines []machine, since time.Time) int {
	n := 0
	for _, m := range machines {
		if isNameTaken(m) && m.since.After(since) {
			n++
		}
	}
	return n
}

func isRefusal(reason string) bool {
	return reason == string(gce.Invalid) || reason == string(gce.NotFound) || reason == string(gce.Forbidden)
}

// lastJoin is when a VM last became Ready: exactly for one that still is, else not before its creation.
func lastJoin(machines []machine) time.Time {
	var last time.Time
	for _, m := range machines {
		at := m.seen.created
		if isReady(m) {
			at = m.since
		}
		if m.joined && at.After(last) {
			last = at
		}
	}
	return last
}

// until is when the next VM may be started: 1, 2, 4 ... 30 minutes after the last failure.
func (s starts) until() time.Time {
	n := len(s.rounds)
	if n == 0 {
		return time.Time{}
	}
	wait := lastBackOff
	if n < 6 {
		wait = min(firstBackOff<<(n-1), lastBackOff)
	}
	return s.rounds[n-1].since.Add(wait)
}

// allowed is how many VMs may be started now.
func (s starts) allowed(o observed, machines []machine) int {
	if o.now.Before(s.until()) {
		return 0
	}
	if len(s.rounds) < trialsFrom {
		return maxMutations
	}
	for _, m := range machines {
		if m.state == v1alpha1.InstancePlanned || m.state == v1alpha1.InstanceCreating || m.state == v1alpha1.InstanceJoining {
			return 0
		}
	}
	return 1
}

// refusal is GCE's no to the newest start. Its error is nil if only status remembers it.
type refusal struct {
	kind gce.Kind
	err  *gce.Error
}

func (s starts) refusal() *refusal {
	if len(s.rounds) == 0 {
		return nil
	}
	last := s.rounds[len(s.rounds)-1]
	if !isRefusal(last.reason) {
		return nil
	}
	r := &refusal{kind: gce.Kind(last.reason)}
	if last.insert != nil {
		r.err = last.insert.Error
	}
	return r
}
