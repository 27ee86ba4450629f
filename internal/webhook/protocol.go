// Package webhook speaks Metacontroller's hook protocol, version v2, over HTTP: it decodes requests, calls a
// hook, maps its errors to status codes, encodes the response and writes one log line per call.
//
// It knows no kind and decides nothing. It is the only HTTP server code of the program.
package webhook

import (
	"errors"
	"fmt"
	"log/slog"

	jsonv1 "github.com/go-json-experiment/json/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Request is the body of a sync or finalize call. P is the parent's type.
type Request[P any] struct {
	Controller Controller `json:"controller"`
	Parent     P          `json:"parent"`
	Children   Groups     `json:"children"`
	Related    Groups     `json:"related"`
	Finalizing bool       `json:"finalizing"`
}

// CustomizeRequest is the body of a customize call.
type CustomizeRequest[P any] struct {
	Controller Controller `json:"controller"`
	Parent     P          `json:"parent"`
}

// Controller is the part of the calling CompositeController that hooks rely on.
type Controller struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     ControllerSpec    `json:"spec"`
}

// ControllerSpec is the part of a CompositeController's spec that hooks rely on.
type ControllerSpec struct {
	ChildResources []ChildRule `json:"childResources"`
}

// ChildRule is one entry of childResources.
type ChildRule struct {
	APIVersion     string `json:"apiVersion"`
	Resource       string `json:"resource"`
	UpdateStrategy *struct {
		Method string `json:"method"`
	} `json:"updateStrategy"`
}

// Groups holds objects by "Kind.version" (core) or "Kind.group/version", then by "namespace/name", or by name for
// cluster-scoped kinds. A group that Metacontroller watches is present even when it is empty.
type Groups map[string]map[string]jsonv1.RawMessage

// Response is the answer to a sync or finalize call. Metacontroller replaces the parent's status by Status, deletes
// every child that Children leaves out, and calls again after ResyncAfterSeconds, if positive.
type Response struct {
	Status             any     `json:"status"`
	Children           []any   `json:"children"`
	ResyncAfterSeconds float64 `json:"resyncAfterSeconds,omitempty"`
	Finalized          bool    `json:"finalized,omitempty"`

	// Log goes into the call's log line: what was decided and why.
	Log []slog.Attr `json:"-"`
}

// CustomizeResponse is the answer to a customize call.
type CustomizeResponse struct {
	RelatedResources []RelatedRule `json:"relatedResources"`
}

// RelatedRule selects objects that are sent along with each sync. Names need a Namespace and exclude a LabelSelector.
type RelatedRule struct {
	APIVersion    string                `json:"apiVersion"`
	Resource      string                `json:"resource"`
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	Namespace     string                `json:"namespace,omitempty"`
	Names         []string              `json:"names,omitempty"`
}

// RequireOnDelete refuses a CompositeController that updates children. Hooks answer for a child that exists with its
// name only, which any strategy but OnDelete would take for an order to strip or re-create it.
func (c Controller) RequireOnDelete() error {
	for _, rule := range c.Spec.ChildResources {
		if rule.UpdateStrategy == nil || rule.UpdateStrategy.Method == "" || rule.UpdateStrategy.Method == "OnDelete" {
			continue
		}
		return fmt.Errorf("CompositeController %s: childResources %s: updateStrategy must be OnDelete, not %s; nothing was changed",
			c.Metadata.Name, rule.Resource, rule.UpdateStrategy.Method)
	}
	return nil
}

// ErrBadRequest marks a request that the hook cannot make sense of: the call is answered with 400.
var ErrBadRequest = errors.New("bad request")

// IsWritable reports whether a time that was read can be written back. A zero one becomes null, and one that is in another
// year in UTC may get a year of five digits; the API server refuses the whole status for either.
func IsWritable(t metav1.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 1 && year <= 9999
}
