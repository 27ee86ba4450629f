package nodeagent

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPreemptedReadsWhatGoogleAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		flavor    string
		body      string
		preempted bool
		err       string
	}{
		"not yet":              {http.StatusOK, "Google", "FALSE", false, ""},
		"now":                  {http.StatusOK, "Google", "TRUE\n", true, ""},
		"host maintenance":     {http.StatusServiceUnavailable, "Google", "", false, "the metadata server answered 503 Service Unavailable"},
		"somebody else's page": {http.StatusOK, "", "<html>", false, "is no metadata server of Google Cloud"},
		"nonsense":             {http.StatusOK, "Google", "maybe", false, `instance/preempted is "maybe", none of TRUE, FALSE`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/computeMetadata/v1/instance/preempted", r.URL.Path)
				assert.Equal(t, "Google", r.Header.Get("Metadata-Flavor"))
				w.Header().Set("Metadata-Flavor", c.flavor)
				w.Header().Set("ETag", "abc")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			preempted, etag, err := NewMetadata(server.URL+"/").read(t.Context(), preemption, "")
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.preempted, preempted)
			assert.Equal(t, "abc", etag)
		})
	}
}

// Without last_etag a change between two calls would be missed.
func TestPreemptedWaitsForAChangeOfWhatItHasSeen(t *testing.T) {
	var queries []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.RawQuery)
		w.Header().Set("Metadata-Flavor", "Google")
		_, _ = w.Write([]byte("FALSE"))
	}))
	defer server.Close()
	m := NewMetadata(server.URL)
	for _, etag := range []string{"", "abc"} {
		_, _, err := m.read(t.Context(), preemption, etag)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"", "last_etag=abc&timeout_sec=60&wait_for_change=true"}, queries)
}
