package gce

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"cloud.google.com/go/auth"
	"github.com/stretchr/testify/assert"
)

// Only Google's own token endpoint is ever called, so its answers are given to failure directly.
func TestRefusedToken(t *testing.T) {
	tests := map[string]struct {
		err  *auth.Error
		want Error
	}{
		"a key that was deleted": {
			err:  &auth.Error{Response: &http.Response{StatusCode: http.StatusBadRequest}, Body: []byte(`{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)},
			want: Error{Kind: Forbidden, Code: "invalid_grant", HTTPStatus: 400, Message: "Google refused the service account key: Invalid JWT Signature."},
		},
		"a refusal that does not say why": {
			err:  &auth.Error{Response: &http.Response{StatusCode: http.StatusForbidden}, Body: []byte(`<html>`)},
			want: Error{Kind: Forbidden, Code: "token", HTTPStatus: 403, Message: "Google's token endpoint answered Forbidden"},
		},
		"an endpoint in trouble": {
			err:  &auth.Error{Response: &http.Response{StatusCode: http.StatusServiceUnavailable}},
			want: Error{Kind: Unavailable, Code: "token", HTTPStatus: 503, Message: "Google's token endpoint answered Service Unavailable"},
		},
		"too many tokens": {
			err:  &auth.Error{Response: &http.Response{StatusCode: http.StatusTooManyRequests}},
			want: Error{Kind: Unavailable, Code: "token", HTTPStatus: 429, Message: "Google's token endpoint answered Too Many Requests"},
		},
		"no answer": {
			err:  &auth.Error{Err: assert.AnError},
			want: Error{Kind: Unavailable, Code: "token", Message: "Google's token endpoint did not answer"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := &url.Error{Op: "Get", URL: "https://compute.googleapis.com", Err: fmt.Errorf("credentials: %w", tt.err)}
			got := failure(t.Context(), "list", err)
			assert.ErrorIs(t, got, err)
			tt.want.Call, got.cause = "list", nil
			assert.Equal(t, &tt.want, got)
		})
	}
}
