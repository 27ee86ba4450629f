package hooks

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
)

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(Router(Server{
		Job:      spotinstancejob.Hook{Now: time.Now},
		VM:       spotinstancevm.New(spotinstancevm.Config{Now: time.Now}),
		Log:      slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(),
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRoutes(t *testing.T) {
	server := newServer(t)
	const parent = `{"parent":{"metadata":{"uid":"u","namespace":"ns","name":"n"},"spec":{"spotInstanceVMRef":{"name":"pool"}}}}`
	for name, test := range map[string]struct {
		method, path, contentType, body string
		code                            int
		contains                        string
	}{
		"alive":                       {http.MethodGet, "/healthz", "", "", http.StatusOK, "ok"},
		"ready":                       {http.MethodGet, "/readyz", "", "", http.StatusOK, "ok"},
		"metrics":                     {http.MethodGet, "/metrics", "", "", http.StatusOK, "spot_training_hook_calls_in_flight"},
		"a job's related objects":     {http.MethodPost, "/spotinstancejob/customize", "application/json", parent, http.StatusOK, `"names":["pool"]`},
		"a pool's related objects":    {http.MethodPost, "/spotinstancevm/customize", "application/json", parent, http.StatusOK, `"resource":"nodes"`},
		"a job without its children":  {http.MethodPost, "/spotinstancejob/sync", "application/json", parent, http.StatusInternalServerError, `no group "Job.batch/v1"`},
		"a pool without its related":  {http.MethodPost, "/spotinstancevm/sync", "application/json", parent, http.StatusBadRequest, "no group"},
		"finalizing without related":  {http.MethodPost, "/spotinstancevm/finalize", "application/json", parent, http.StatusBadRequest, "no group"},
		"a hook called with GET":      {http.MethodGet, "/spotinstancejob/sync", "", "", http.StatusMethodNotAllowed, ""},
		"a body that is not JSON":     {http.MethodPost, "/spotinstancejob/sync", "text/plain", "x", http.StatusUnsupportedMediaType, ""},
		"jobs have nothing to finish": {http.MethodPost, "/spotinstancejob/finalize", "application/json", parent, http.StatusNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(test.body))
			require.NoError(t, err)
			if test.contentType != "" {
				request.Header.Set("Content-Type", test.contentType)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, test.code, response.StatusCode, string(body))
			assert.Contains(t, string(body), test.contains)
		})
	}
}
