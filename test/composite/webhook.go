package composite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	kjson "sigs.k8s.io/json"
)

const (
	versionV1 = "v1"
	versionV2 = "v2"
)

// syncRequest is the body of a call to the sync and the finalize hook. All five keys are always present.
type syncRequest struct {
	Controller *compositeController       `json:"controller"`
	Parent     *unstructured.Unstructured `json:"parent"`
	Children   wireGroups                 `json:"children"`
	Related    wireGroups                 `json:"related"`
	Finalizing bool                       `json:"finalizing"`
}

// syncResponse is the total answer of a sync or finalize hook: an owned child that is not listed is deleted,
// and the status is replaced. ResyncAfterSeconds asks for one more sync; zero and less ask for none.
type syncResponse struct {
	Status             map[string]any               `json:"status"`
	Children           []*unstructured.Unstructured `json:"children"`
	ResyncAfterSeconds float64                      `json:"resyncAfterSeconds"`
	Finalized          bool                         `json:"finalized"`
}

// tooManyRequestsError is the answer 429. It is obeyed without back-off and without an event; an absent or
// unreadable Retry-After means at once.
type tooManyRequestsError struct{ after time.Duration }

func (e *tooManyRequestsError) Error() string {
	return fmt.Sprintf("hook asks to be called again after %s", e.after)
}

// webhook calls one hook of a CompositeController.
type webhook struct {
	name    string // customize, sync or finalize
	url     string
	version string
	strict  bool
	timeout time.Duration
	client  *http.Client
}

// newWebhook returns nil for a hook that is not defined.
func newWebhook(name string, h *hook, client *http.Client) (*webhook, error) {
	if h == nil {
		return nil, nil
	}
	if h.Webhook == nil {
		return nil, fmt.Errorf("%s hook has no webhook", name)
	}
	url, err := h.Webhook.address()
	if err != nil {
		return nil, fmt.Errorf("%s hook: %w", name, err)
	}
	w := &webhook{name: name, url: url, version: versionV1, timeout: h.Webhook.timeout(), client: client}
	if h.Version != nil && *h.Version != "" {
		w.version = *h.Version
	}
	w.strict = w.version == versionV2
	if mode := h.Webhook.ResponseUnmarshallMode; mode != nil {
		w.strict = *mode == "strict"
	}
	return w, nil
}

// call sends the request and decodes the answer. Anything but 200 and 429 is an error that carries the body.
func (w *webhook) call(ctx context.Context, request, response any) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	answer, err := w.post(ctx, request)
	if err != nil {
		return fmt.Errorf("%s hook: %w", w.name, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusTooManyRequests {
		return &tooManyRequestsError{after: retryAfter(answer.Header.Get("Retry-After"), time.Now())}
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s hook: read response: %w", w.name, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s hook: unsupported status code: %d body: %s", w.name, answer.StatusCode, body)
	}
	if err := decodeResponse(body, response, w.strict); err != nil {
		return fmt.Errorf("%s hook (version=%s): %w", w.name, w.version, err)
	}
	return nil
}

func (w *webhook) post(ctx context.Context, request any) (*http.Response, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/json")
	return w.client.Do(post)
}

// decodeResponse reads case-sensitively. In strict mode unknown and duplicate fields fail; the content of
// the children is not looked into.
func decodeResponse(body []byte, response any, strict bool) error {
	violations, err := kjson.UnmarshalStrict(body, response)
	if err != nil {
		return fmt.Errorf("can't decode response: %w", err)
	}
	if strict && len(violations) > 0 {
		return fmt.Errorf("strict validation of the response failed: %w", utilerrors.NewAggregate(violations))
	}
	return nil
}

// retryAfter reads whole seconds or an RFC 1123 date; everything else, a past date too, is zero.
func retryAfter(value string, now time.Time) time.Duration {
	if at, err := time.Parse(time.RFC1123, value); err == nil {
		return max(0, time.Duration(math.Ceil(at.Sub(now).Seconds()))*time.Second)
	}
	seconds, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return max(0, time.Duration(seconds)*time.Second)
}

// errNullObject is returned instead of the nil dereference that kills Metacontroller.
var errNullObject = errors.New("the response holds a null object, which crashes the whole Metacontroller process")
