package gce

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func listRequest(t *testing.T) *http.Request {
	t.Helper()
	// As the library builds it: without the caller's context.
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://gce/list?filter=x&fields=old", nil)
	require.NoError(t, err)
	return r
}

func TestReadTransport(t *testing.T) {
	t.Run("sends nothing once its context has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		base := roundTrip(func(*http.Request) (*http.Response, error) {
			assert.Fail(t, "sent")
			return nil, nil
		})
		_, err := readTransport{ctx: ctx, base: base, pages: map[string]bool{}}.RoundTrip(listRequest(t)) //nolint:bodyclose // there is none
		assert.ErrorIs(t, err, context.Canceled)
	})
	t.Run("adds its query and leaves the request as it was", func(t *testing.T) {
		original := listRequest(t)
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			assert.Equal(t, "fields=name&filter=x", r.URL.RawQuery)
			return &http.Response{Body: http.NoBody}, nil
		})
		resp, err := readTransport{ctx: t.Context(), query: url.Values{"fields": {"name"}}, base: base, pages: map[string]bool{}}.RoundTrip(original)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, "filter=x&fields=old", original.URL.RawQuery)
	})
	t.Run("binds the body too, until it is closed", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var sent *http.Request
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r
			return &http.Response{Body: io.NopCloser(strings.NewReader("{}"))}, nil
		})
		first, err := readTransport{ctx: ctx, base: base, pages: map[string]bool{}}.RoundTrip(listRequest(t))
		require.NoError(t, err)
		assert.NoError(t, sent.Context().Err())
		cancel()
		<-sent.Context().Done()
		assert.ErrorIs(t, context.Cause(sent.Context()), context.Canceled)
		require.NoError(t, first.Body.Close())

		resp, err := readTransport{ctx: t.Context(), base: base, pages: map[string]bool{}}.RoundTrip(listRequest(t))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Error(t, sent.Context().Err(), "nothing is left behind")
	})
}
