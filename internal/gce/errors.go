package gce

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind is what a failure means for the caller, whatever its wording.
type Kind string

// Kinds of failures. Whatever GCE says that is none of these is Unavailable: an unknown result is not a failure.
const (
	Stockout      Kind = "Stockout"      // this zone has none of this machine type and model now
	Unsupported   Kind = "Unsupported"   // this zone does not offer this machine type or model
	Quota         Kind = "Quota"         // a quota of the region or project, or a subnet's addresses, are used up
	Preempted     Kind = "Preempted"     // preempted while it was being created
	AlreadyExists Kind = "AlreadyExists" // the name is taken in this zone
	NotFound      Kind = "NotFound"      // the instance, image or network does not exist
	Invalid       Kind = "Invalid"       // the request is wrong, and will be next time
	NoticeRefused Kind = "NoticeRefused" // the request is wrong for its preemption notice alone
	Forbidden     Kind = "Forbidden"     // the credentials lack a permission or are refused
	RateLimited   Kind = "RateLimited"   // too many calls; the request itself had no effect
	Unavailable   Kind = "Unavailable"   // time-out, 5xx, partial answer, conflict in flight: the outcome is unknown
)

// Error is a failure of a call, or of an operation.
type Error struct {
	Kind           Kind
	Call           string        // what was tried, for the user: "insert trainer-1a2b3c-4 in us-central1-a"
	Code           string        // GCE's own code or reason: ZONE_RESOURCE_POOL_EXHAUSTED, quotaExceeded, ...
	Message        string        // GCE's message, one line, at most 300 bytes, metadata values withheld
	HTTPStatus     int           // 0 when there was no answer
	RetryAfter     time.Duration // 0 when GCE names none
	ZonesAvailable []string      // of a Stockout, when GCE hints; sorted as GCE sorts them
	QuotaMetric    string        // of a Quota, when GCE tells: PREEMPTIBLE_NVIDIA_L4_GPUS
	QuotaLimit     string        // of a Quota, when GCE tells: the limit's value, "8"
	cause          error
}

// Unanswered is the Error of a call that got no answer, so that its outcome is unknown: kind Unavailable.
// errors.Is(err, cause) holds, for instance for context.DeadlineExceeded.
func Unanswered(call string, cause error) *Error {
	return &Error{Kind: Unavailable, Call: call, Code: "noAnswer", Message: oneLine(cause.Error()), cause: cause}
}

// Refused is the Error of a call that was not sent because its arguments are not of GCE's form: kind Invalid.
func Refused(call string, err error) *Error {
	return &Error{Kind: Invalid, Call: call, Code: "invalid", Message: oneLine(err.Error()), cause: err}
}

// Error is one line for the user: no secrets, no bodies.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s): %s", e.Call, e.Kind, e.Code, e.Message)
}

// IsFinal tells whether a call that failed so has surely had no effect, now or later, and will not have any if it is only
// repeated. GCE says so with each meaning that it names, and with each 4xx besides a time-out.
func (e *Error) IsFinal() bool {
	switch e.Kind {
	case RateLimited:
		return false // no effect, but it may be repeated
	case Unavailable:
		return e.HTTPStatus/100 == 4 && e.HTTPStatus != http.StatusRequestTimeout
	default:
		return true
	}
}

// Unwrap returns the transport's or client's error.
func (e *Error) Unwrap() error { return e.cause }

// KindOf is the Kind of err, Unavailable for an error that is no *Error, and empty for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Unavailable
}
