package gce

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cloud.google.com/go/compute/apiv1/computepb"
)

// operationFailure is the Error of a done operation, nil if it succeeded. Of several errors the first whose
// meaning is known counts.
func operationFailure(p *computepb.Operation, op Operation) *Error {
	list := p.GetError().GetErrors()
	if len(list) == 0 && p.GetHttpErrorStatusCode() == 0 {
		return nil
	}
	if len(list) == 0 {
		message := p.GetHttpErrorMessage()
		list = []*computepb.Errors{{Code: new(fmt.Sprintf("HTTP %d", p.GetHttpErrorStatusCode())), Message: &message}}
	}
	var chosen *Error
	for _, item := range list {
		e := operationErrorFrom(item, p, op)
		if e.Kind != Unavailable {
			return e
		}
		if chosen == nil {
			chosen = e
		}
	}
	return chosen
}

func operationErrorFrom(item *computepb.Errors, p *computepb.Operation, op Operation) *Error {
	ev := evidence{
		code: item.GetCode(), message: item.GetMessage(), status: int(p.GetHttpErrorStatusCode()), insert: op.Type == "insert",
	}
	e := &Error{
		Call: fmt.Sprintf("%s %s in %s", op.Type, op.Target, op.Zone), Code: item.GetCode(),
		Message: oneLine(item.GetMessage()), HTTPStatus: ev.status,
	}
	for _, d := range item.GetErrorDetails() {
		if info := d.GetErrorInfo(); info != nil {
			ev.detail = info.GetReason()
			e.ZonesAvailable = zones(info.GetMetadatas()["zonesAvailable"])
		}
		if quota := d.GetQuotaInfo(); quota != nil {
			e.QuotaMetric = quota.GetMetricName()
			e.QuotaLimit = strconv.FormatFloat(quota.GetLimit(), 'f', -1, 64)
		}
	}
	e.Kind = ev.kind()
	if e.Kind == Quota && e.QuotaMetric == "" {
		e.QuotaMetric, e.QuotaLimit = quotaOf(item.GetMessage())
	}
	return e
}

var quotaMessage = regexp.MustCompile(`Quota '([A-Za-z0-9_./-]+)' exceeded\.(?:\s+Limit: ([0-9]+)(?:\.0)?)?`)

// quotaOf reads metric and limit from a message, the only place where a synchronous quota error has them.
func quotaOf(message string) (metric, limit string) {
	m := quotaMessage.FindStringSubmatch(message)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

// zones reads a list such as "us-central1-b,us-central1-c" of an error's metadata, where GCE writes any type.
func zones(list any) []string {
	text, _ := list.(string)
	var found []string
	for _, z := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if ValidateZone(z) == nil {
			found = append(found, z)
		}
	}
	return found
}
