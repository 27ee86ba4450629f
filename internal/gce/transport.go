package gce

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	compute "cloud.google.com/go/compute/apiv1"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/googleapi"
)

// readTransport carries what the reads of the client library lose. In v1.75.0 lists build their requests
// without the context, and reads have no parameters for a field mask or for partial answers. So each of them has an
// http.Client and a library client of its own, some 0.1 ms, over the connections of the Client.
type readTransport struct {
	ctx   context.Context
	query url.Values
	base  http.RoundTripper
	pages map[string]bool // tokens of those that were answered
}

var errSamePage = errors.New("the list does not end: GCE names a page as the next that it has given before")

// RoundTrip sends the request bound to the call's context and with its query.
func (t readTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.ctx.Err() != nil {
		return nil, context.Cause(t.ctx)
	}
	// The request's own context ends with http.Client.Timeout, the caller's when the caller says so.
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	r = r.Clone(ctx)
	query := r.URL.Query()
	page := query.Get("pageToken")
	if t.pages[page] {
		stop()
		cancel(nil)
		return nil, errSamePage
	}
	maps.Copy(query, t.query)
	r.URL.RawQuery = query.Encode()
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		stop()
		cancel(nil)
		return nil, err
	}
	t.pages[page] = resp.StatusCode == http.StatusOK // else it may be asked for again
	// Both end with the body, which the library reads whole and closes.
	resp.Body = boundBody{resp.Body, func() { stop(); cancel(nil) }}
	return resp, nil
}

// boundBody is a response's body that calls done when it is closed.
type boundBody struct {
	io.ReadCloser
	done func()
}

// Close closes the body, then calls done.
func (b boundBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func (c *Client) readHTTP(ctx context.Context, query url.Values) *http.Client {
	return &http.Client{Timeout: c.http.Timeout, Transport: readTransport{ctx: ctx, base: c.http.Transport, query: query, pages: map[string]bool{}}}
}

// listQuery is the query of a list: its field mask, and that GCE should say which part is missing, and answer with the rest.
func listQuery(fields string) url.Values {
	return url.Values{"fields": {fields}, "returnPartialSuccess": {"true"}}
}

func (c *Client) instanceReads(ctx context.Context, query url.Values) (*compute.InstancesClient, error) {
	return compute.NewInstancesRESTClient(ctx, c.clientOptions(c.readHTTP(ctx, query))...)
}

func (c *Client) operationReads(ctx context.Context, query url.Values) (*compute.ZoneOperationsClient, error) {
	return compute.NewZoneOperationsRESTClient(ctx, c.clientOptions(c.readHTTP(ctx, query))...)
}

// retryRead is the call option of reads. Lists have none by default, and a get is repeated for up to ten minutes: GCE's
// short 503s and 504s are asked again twice, so that they do not make a zone unknown. A caller in a hurry is served by
// its ctx.
func retryRead() gax.CallOption {
	return gax.WithRetry(func() gax.Retryer { return &readRetryer{left: 2} })
}

type readRetryer struct{ left int }

// Retry is as gax.Retryer says.
func (r *readRetryer) Retry(err error) (time.Duration, bool) {
	var answer *googleapi.Error
	if !errors.As(err, &answer) || answer.Code != http.StatusServiceUnavailable && answer.Code != http.StatusGatewayTimeout {
		return 0, false
	}
	r.left--
	return 200 * time.Millisecond, r.left >= 0
}
