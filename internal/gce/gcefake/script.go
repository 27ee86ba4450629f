package gcefake

import (
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Method is one call of the API.
type Method string

// The methods that this fake serves. GetOperation exists over HTTP only.
const (
	ListInstances    Method = "ListInstances"
	ListAllInstances Method = "ListAllInstances"
	ListOperations   Method = "ListOperations"
	Insert           Method = "Insert"
	Delete           Method = "Delete"
	GetInstance      Method = "GetInstance"
	GetOperation     Method = "GetOperation"
	GetMachineType   Method = "GetMachineType"
)

// Call is a call, or a pattern of calls in which an empty field matches all. A pattern that names a zone also
// matches ListAllInstances, as that zone's part of it: whatever its Behaviour, the answer is then partial.
type Call struct {
	Method Method
	Zone   string
	Name   string // of the instance, or of the machine type
}

// Behaviour is how a call goes that does not go well.
type Behaviour struct {
	err         *gce.Error
	hang        bool
	lost        bool
	partial     bool
	lostZone    string // of a partial answer of ListAllInstances; empty: one of them
	inOperation *gce.Error
	taken       func()
	release     <-chan struct{}
}

// Refused answers with this error: its Code is the reason, and HTTPStatus and RetryAfter go into the answer. The
// call has no effect.
func Refused(e gce.Error) Behaviour { return Behaviour{err: &e} }

// RateLimited refuses the call as GCE does when too many were made. retryAfter is in whole seconds; GCE names none, most often.
func RateLimited(retryAfter time.Duration) Behaviour {
	return Refused(gce.Error{Kind: gce.RateLimited, Code: "rateLimitExceeded", HTTPStatus: 403, RetryAfter: retryAfter, Message: "Rate Limit Exceeded"})
}

// Down answers 503: the call has no effect, but the caller cannot know.
func Down() Behaviour {
	return Refused(gce.Error{Kind: gce.Unavailable, Code: "backendError", HTTPStatus: 503, Message: "Visibility check was unavailable. Please retry the request"})
}

// Denied refuses the call for want of a permission.
func Denied(permission string) Behaviour {
	return Refused(gce.Error{Kind: gce.Forbidden, Code: "forbidden", HTTPStatus: 403, Message: "Required '" + permission + "' permission"})
}

// RefusesDelete refuses the delete of a VM on which GCE is at work. It can be made again.
func RefusesDelete() Behaviour {
	return Refused(gce.Error{
		Kind: gce.Unavailable, Code: "resourceNotReady", HTTPStatus: 400,
		Message: "The resource 'projects/example/zones/{zone}/instances/{instance}' is not ready",
	})
}

// Hang never answers, and the call has no effect.
func Hang() Behaviour { return Behaviour{hang: true} }

// LostAnswer lets the call take effect and drops the answer: the connection is closed.
func LostAnswer() Behaviour { return Behaviour{lost: true} }

// HoldAnswer lets the call take effect, calls taken, and answers once release is closed, or never if the caller
// is gone before. So a test can end the caller in between.
func HoldAnswer(taken func(), release <-chan struct{}) Behaviour {
	return Behaviour{taken: taken, release: release}
}

// Partial answers a list without some of its items, and says so as GCE does. Other calls are not touched by it.
func Partial() Behaviour { return Behaviour{partial: true} }

// FailsInOperation accepts an insert, shows the VM as PROVISIONING for Timings.Stockout, and then fails the
// operation with this error.
func FailsInOperation(e gce.Error) Behaviour { return Behaviour{inOperation: &e} }

// StockoutAtOnce refuses an insert for want of capacity in the answer itself, which GCE does rarely.
func StockoutAtOnce() Behaviour {
	return Refused(gce.Error{Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", HTTPStatus: 503, Message: "The zone does not have enough resources available to fulfill the request."})
}

type script struct {
	pattern   Call
	behaviour Behaviour
	once      bool
}

// When lets all calls that match behave so until cancel. The script set last wins.
func (f *Fake) When(pattern Call, b Behaviour) (cancel func()) {
	return f.script(&script{pattern: pattern, behaviour: b})
}

// Once lets the next call that matches behave so, and that one only.
func (f *Fake) Once(pattern Call, b Behaviour) (cancel func()) {
	return f.script(&script{pattern: pattern, behaviour: b, once: true})
}

func (f *Fake) script(s *script) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripts = append(f.scripts, s)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.scripts = slices.DeleteFunc(f.scripts, func(o *script) bool { return o == s })
	}
}

// behaviour is what was scripted for this call, and counts the call.
func (f *Fake) behaviour(c Call) Behaviour {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[c.Method]++
	for i, s := range slices.Backward(f.scripts) {
		if !s.pattern.matches(c) {
			continue
		}
		if s.once {
			f.scripts = slices.Delete(f.scripts, i, i+1)
		}
		if c.Method == ListAllInstances && s.pattern.Zone != "" {
			return Behaviour{partial: true, lostZone: s.pattern.Zone}
		}
		return s.behaviour.in(c)
	}
	return Behaviour{}
}

func (p Call) matches(c Call) bool {
	return (p.Method == "" || p.Method == c.Method) && (p.Name == "" || p.Name == c.Name) &&
		(p.Zone == "" || p.Zone == c.Zone || c.Method == ListAllInstances)
}
