package hooktest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed recorded
var recorded embed.FS

// Recording is a request that Metacontroller sent to a hook on the lab, managedFields and all, cut down to one object of
// each kind: name is job-sync or pool-sync. A benchmark makes as many of each as it needs.
type Recording struct {
	tb      testing.TB
	request map[string]any
}

// ReadRecording reads one.
func ReadRecording(tb testing.TB, name string) Recording {
	tb.Helper()
	data, err := recorded.ReadFile("recorded/" + name + ".json")
	require.NoError(tb, err)
	r := Recording{tb: tb}
	require.NoError(tb, json.Unmarshal(data, &r.request))
	return r
}

// Parent is the request's own, to change.
func (r Recording) Parent() map[string]any { return r.request["parent"].(map[string]any) }

// Multiply replaces the one object of a group of children or related by n of them, each with the words that differ.
func (r Recording) Multiply(side, group string, n int, differ func(i int) map[string]string) {
	r.tb.Helper()
	objects := r.request[side].(map[string]any)[group].(map[string]any)
	require.Len(r.tb, objects, 1, group)
	made := map[string]any{}
	for key, one := range objects {
		for i := range n {
			object := r.copy(one, differ(i))
			meta := object["metadata"].(map[string]any)
			namespace, _, namespaced := strings.Cut(key, "/")
			name := fmt.Sprint(meta["name"])
			if namespaced {
				name = namespace + "/" + name
			}
			made[name] = object
		}
	}
	require.Len(r.tb, made, n, "objects of one name")
	r.request[side].(map[string]any)[group] = made
}

// copy is a copy of an object with words replaced, longest first.
func (r Recording) copy(object any, words map[string]string) map[string]any {
	r.tb.Helper()
	data, err := json.Marshal(object)
	require.NoError(r.tb, err)
	var pairs []string
	for old := range words {
		pairs = append(pairs, old)
	}
	slices.SortFunc(pairs, func(a, b string) int { return len(b) - len(a) })
	text := string(data)
	for _, old := range pairs {
		text = strings.ReplaceAll(text, old, words[old])
	}
	var copied map[string]any
	require.NoError(r.tb, json.Unmarshal([]byte(text), &copied))
	return copied
}

// One is the only object of a group, to read or change.
func (r Recording) One(side, group string) map[string]any {
	r.tb.Helper()
	objects := r.request[side].(map[string]any)[group].(map[string]any)
	require.Len(r.tb, objects, 1, group)
	for _, object := range objects {
		return object.(map[string]any)
	}
	return nil
}

// AddImages makes a Node as large as a kubelet's: it lists the 50 largest images, each with its digest.
func AddImages(node map[string]any) {
	var images []any
	for i := range 50 {
		name := fmt.Sprintf("us-docker.pkg.dev/acme-training/images/component-%02d", i)
		images = append(images, map[string]any{
			"names":     []any{name + "@sha256:" + strings.Repeat("0123456789abcdef", 4), name + ":v1.2.3"},
			"sizeBytes": 100_000_000 + i,
		})
	}
	node["status"].(map[string]any)["images"] = images
}

// Body is the request as Metacontroller sends it.
func (r Recording) Body() []byte {
	r.tb.Helper()
	body, err := json.Marshal(r.request)
	require.NoError(r.tb, err)
	return body
}

// Serve has a hook's handler answer a request as often as the benchmark wants.
func Serve(b *testing.B, handler http.Handler, path string, body []byte) {
	b.Helper()
	Percentiles(b, func() {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, bytes.NewReader(body)))
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body)
		}
	})
	b.ReportMetric(float64(len(body))/1e6, "request-MB")
}

// Percentiles runs do as often as the benchmark wants, and reports the median and the 99th percentile of its time beside
// Go's mean.
func Percentiles(b *testing.B, do func()) {
	b.Helper()
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		do()
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	at := func(p int) float64 {
		return float64(took[(len(took)*p+99)/100-1].Nanoseconds()) / float64(time.Millisecond)
	}
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(float64(len(took)), "n")
}
