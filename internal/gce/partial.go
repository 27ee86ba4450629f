package gce

import (
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/compute/apiv1/computepb"
)

// noResults is the one warning that says nothing is missing: this scope has no items on this page.
const noResults = "NO_RESULTS_ON_PAGE"

// partialList is the error of a page of which GCE says that items are missing, nil for a whole one. page is an
// iterator's Response: nil before the first page.
func partialList(call string, page any) error {
	if p, ok := page.(interface{ GetUnreachables() []string }); ok && len(p.GetUnreachables()) > 0 {
		return partial(call, "UNREACHABLE", strings.Join(p.GetUnreachables(), ", ")+" did not answer")
	}
	if p, ok := page.(interface{ GetWarning() *computepb.Warning }); ok {
		return partialWarning(call, "", p.GetWarning())
	}
	return nil
}

func partialScope(call, scope string, list *computepb.InstancesScopedList) error {
	return partialWarning(call, scope+": ", list.GetWarning())
}

func partialWarning(call, where string, w *computepb.Warning) error {
	if w == nil || w.GetCode() == noResults {
		return nil
	}
	return partial(call, w.GetCode(), where+w.GetMessage())
}

func partial(call, code, message string) error {
	return &Error{
		Kind: Unavailable, Call: call, Code: code, HTTPStatus: http.StatusOK,
		Message: oneLine(fmt.Sprintf("the list is not complete: %s", message)),
	}
}
