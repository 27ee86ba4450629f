package gce_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// tap records what passes between client and fake.
type tap struct {
	mu      sync.Mutex
	next    http.Handler
	queries []url.Values
	answers bytes.Buffer
}

type tapped struct {
	http.ResponseWriter
	tap *tap
}

func (w tapped) Write(b []byte) (int, error) {
	w.tap.mu.Lock()
	defer w.tap.mu.Unlock()
	w.tap.answers.Write(b)
	return w.ResponseWriter.Write(b)
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if r.Method == http.MethodGet {
		p.queries = append(p.queries, r.URL.Query())
	}
	p.mu.Unlock()
	p.next.ServeHTTP(tapped{w, p}, r)
}

func TestReadsLeaveMetadataOut(t *testing.T) {
	fake := gcefake.New(gcefake.Config{PageSize: 1})
	p := &tap{next: fake.Handler()}
	client := dial(t, p)
	for _, name := range []string{"vm-1", "vm-2"} {
		spec := spotSpec()
		spec.Name = name
		_, err := client.Insert(t.Context(), spec, uuid.NewString())
		require.NoError(t, err)
	}
	zone, err := client.Instances(t.Context(), "us-central1-a", map[string]string{"pool-uid": "0f3c"})
	require.NoError(t, err)
	all, err := client.AllInstances(t.Context(), nil)
	require.NoError(t, err)
	_, err = client.Operations(t.Context(), "us-central1-a", time.Time{})
	require.NoError(t, err)

	assert.Equal(t, zone, all)
	_, err = client.Instance(t.Context(), "us-central1-a", "vm-1")
	require.NoError(t, err)
	assert.NotContains(t, p.answers.String(), "s3cret")
	assert.Len(t, p.queries, 7, "two pages of each list, and one VM")
	assert.Equal(t, `(labels.pool-uid = "0f3c")`, p.queries[0].Get("filter"))
	for _, q := range p.queries[:6] {
		assert.Equal(t, "true", q.Get("returnPartialSuccess"))
		assert.Equal(t, "500", q.Get("maxResults"))
		assert.NotEmpty(t, q.Get("fields"))
	}
}

func TestListsAreRetried(t *testing.T) {
	tests := map[string]struct {
		refusals  int
		behaviour gcefake.Behaviour
		calls     int
		want      gce.Kind
	}{
		"twice unavailable":        {2, gcefake.Down(), 3, ""},
		"unavailable":              {9, gcefake.Down(), 3, gce.Unavailable},
		"a rate limit is not ours": {1, gcefake.RateLimited(time.Second), 1, gce.RateLimited},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := gcefake.New(gcefake.Config{})
			client := dial(t, fake.Handler())
			for range tt.refusals {
				fake.Once(gcefake.Call{Method: gcefake.ListInstances}, tt.behaviour)
			}
			_, err := client.Instances(t.Context(), "us-central1-a", nil)
			assert.Equal(t, tt.want, gce.KindOf(err))
			assert.Equal(t, tt.calls, fake.Calls()[gcefake.ListInstances])
		})
	}
}

func TestPartialLists(t *testing.T) {
	tests := map[string]struct {
		body string
		want string // in the error; empty: the list is whole
	}{
		"no results is a whole list":     {`{"warning":{"code":"NO_RESULTS_ON_PAGE","message":"There are no results"}}`, ""},
		"a scope without results":        {`{"items":{"zones/us-west1-a":{"warning":{"code":"NO_RESULTS_ON_PAGE"}}}}`, ""},
		"an unreachable scope":           {`{"items":{"zones/us-west1-a":{"warning":{"code":"UNREACHABLE","message":"try later"}}}}`, "zones/us-west1-a: try later"},
		"a warning for the whole":        {`{"warning":{"code":"PARTIAL_SUCCESS","message":"one cell is down"}}`, "one cell is down"},
		"unreachables":                   {`{"unreachables":["zones/us-west1-a","zones/us-west1-b"]}`, "zones/us-west1-a, zones/us-west1-b did not answer"},
		"unreachables next to instances": {`{"items":{"zones/z":{"instances":[{"name":"vm-1"}]}},"unreachables":["zones/us-west1-a"]}`, "zones/us-west1-a did not answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := dial(t, answering(200, nil, tt.body))
			found, err := client.AllInstances(t.Context(), nil)
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.Nil(t, found)
			assert.Equal(t, gce.Unavailable, gce.KindOf(err))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestListWhoseSecondPageFails(t *testing.T) {
	client := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("pageToken") == "" {
			answering(200, nil, `{"items":[{"name":"vm-1"}],"nextPageToken":"2"}`)(w, r)
			return
		}
		answering(500, nil, `{}`)(w, r)
	}))
	found, err := client.Instances(t.Context(), "us-central1-a", nil)
	assert.Nil(t, found)
	assert.Equal(t, gce.Unavailable, gce.KindOf(err))
}

// A list whose pages name each other as the next is not read until the time-out.
func TestListThatDoesNotEnd(t *testing.T) {
	for name, next := range map[string]func(page string) string{
		"a page names itself":          func(string) string { return "2" },
		"two pages name each other":    func(page string) string { return map[string]string{"": "2", "2": "3", "3": "2"}[page] },
		"the second is once not given": func(page string) string { return "2" },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked == 2 && strings.Contains(name, "not given") {
					answering(503, nil, `{}`)(w, r)
					return
				}
				answering(200, nil, `{"nextPageToken":"`+next(r.URL.Query().Get("pageToken"))+`"}`)(w, r)
			}))
			for _, read := range []func() error{
				func() error { _, err := client.Instances(t.Context(), "us-central1-a", nil); return err },
				func() error { _, err := client.AllInstances(t.Context(), nil); return err },
				func() error { _, err := client.Operations(t.Context(), "us-central1-a", time.Time{}); return err },
			} {
				asked = 0
				err := read()
				assert.Equal(t, gce.Unavailable, gce.KindOf(err))
				assert.ErrorContains(t, err, "the list does not end")
				assert.LessOrEqual(t, asked, 3)
			}
		})
	}
}

func TestZoneThatIsNotFound(t *testing.T) {
	client := dial(t, answering(404, nil, `{"error":{"code":404,"message":"The resource 'projects/p/zones/mars-north1-a' was not found","errors":[{"reason":"notFound"}]}}`))
	_, err := client.Instances(t.Context(), "mars-north1-a", nil)
	assert.Equal(t, gce.Invalid, gce.KindOf(err))
	_, err = client.Operations(t.Context(), "mars-north1-a", time.Time{})
	assert.Equal(t, gce.Invalid, gce.KindOf(err))
}

// Where GCE does not know the notice yet, the mask must not make all VMs unknown.
func TestListsWhereTheNoticeIsNotKnown(t *testing.T) {
	const vm = `{"name":"vm-1","zone":"https://x/zones/us-central1-a","id":"7","status":"RUNNING"}`
	client := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := `{"items":[` + vm + `]}`
		switch {
		case strings.Contains(r.URL.Query().Get("fields"), "preemptionNoticeDuration"):
			w.WriteHeader(http.StatusBadRequest)
			body = `{"error":{"code":400,"message":"Invalid field selection preemptionNoticeDuration","errors":[{"domain":"global","reason":"invalidParameter","location":"fields","locationType":"parameter"}]}}`
		case strings.Contains(r.URL.Path, "/aggregated/"):
			body = `{"items":{"zones/us-central1-a":{"instances":[` + vm + `]}}}`
		case strings.HasSuffix(r.URL.Path, "/vm-1"):
			body = vm
		}
		_, _ = io.WriteString(w, body)
	}))
	listed, err := client.Instances(t.Context(), "us-central1-a", nil)
	require.NoError(t, err)
	assert.Len(t, listed, 1)
	listed, err = client.AllInstances(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, listed, 1)
	found, err := client.Instance(t.Context(), "us-central1-a", "vm-1")
	require.NoError(t, err)
	assert.Equal(t, "7", found.ID)
}
