package gce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloud.google.com/go/auth"
	"google.golang.org/api/googleapi"
)

// failure is the Error of a call that the client library failed.
func failure(ctx context.Context, call string, err error) *Error {
	if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		return answerFailure(call, answer, err)
	}
	if token, ok := errors.AsType[*auth.Error](err); ok {
		return tokenFailure(call, token, err)
	}
	if ctx.Err() != nil {
		return Unanswered(call, ctx.Err())
	}
	if transport, ok := errors.AsType[*url.Error](err); ok {
		return Unanswered(call, transport.Err) // without the URL
	}
	return Unanswered(call, err)
}

// answerFailure reads the synchronous form {"error":{code,message,errors:[{reason}],details}}. The library's own
// Reason() is always empty for it.
func answerFailure(call string, answer *googleapi.Error, err error) *Error {
	info := errorInfo(answer.Details)
	ev := evidence{status: answer.Code, message: answer.Message, detail: info.reason}
	if len(answer.Errors) > 0 {
		ev.code = answer.Errors[0].Reason
	}
	e := &Error{
		Kind: ev.kind(), Call: call, Code: ev.code, HTTPStatus: answer.Code, Message: oneLine(answer.Message),
		RetryAfter: retryAfter(answer.Header), ZonesAvailable: zones(info.metadata["zonesAvailable"]), cause: err,
	}
	if e.Code == "" {
		e.Code = ev.detail
	}
	if e.Code == "" {
		e.Code = fmt.Sprintf("HTTP %d", answer.Code)
	}
	if e.Message == "" { // a proxy's page, perhaps: nothing to show
		e.Message = http.StatusText(answer.Code)
	}
	if e.Kind == Quota {
		e.QuotaMetric, e.QuotaLimit = quotaOf(answer.Message)
	}
	return e
}

// tokenFailure is a refusal of the credentials by Google's token endpoint: 4xx, {"error","error_description"}.
func tokenFailure(call string, token *auth.Error, err error) *Error {
	e := &Error{Kind: Unavailable, Call: call, Code: "token", Message: "Google's token endpoint did not answer", cause: err}
	if token.Response == nil {
		return e
	}
	e.HTTPStatus = token.Response.StatusCode
	e.Message = "Google's token endpoint answered " + http.StatusText(e.HTTPStatus)
	if e.HTTPStatus/100 != 4 || e.HTTPStatus == http.StatusTooManyRequests || e.HTTPStatus == http.StatusRequestTimeout {
		return e
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	e.Kind = Forbidden
	if json.Unmarshal(token.Body, &body) == nil && body.Error != "" {
		e.Code = body.Error
		e.Message = oneLine("Google refused the service account key: " + body.Description)
	}
	return e
}

type info struct {
	reason   string
	metadata map[string]any
}

// errorInfo is the google.rpc.ErrorInfo among the details. Compute spells its metadata "metadatas".
func errorInfo(details []any) info {
	for _, d := range details {
		object, _ := d.(map[string]any)
		reason, ok := object["reason"].(string)
		if !ok {
			continue
		}
		metadata, _ := object["metadatas"].(map[string]any)
		if metadata == nil {
			metadata, _ = object["metadata"].(map[string]any)
		}
		return info{reason, metadata}
	}
	return info{}
}

// retryAfter reads both forms of the header: seconds, and a date, which is taken relative to the answer's own.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	at, errAt := http.ParseTime(value)
	now, errNow := http.ParseTime(h.Get("Date"))
	if errAt != nil || errNow != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}
