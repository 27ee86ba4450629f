package composite

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func obj(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func TestRequestBytes(t *testing.T) {
	cc, err := decodeController(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metacontroller.k8s.io/v1alpha1", "kind": "CompositeController",
		"metadata": map[string]any{"name": "c", "generation": int64(1)},
		"spec": map[string]any{
			"generateSelector": true,
			"parentResource":   map[string]any{"apiVersion": "g/v1", "resource": "ws"},
			"childResources": []any{
				map[string]any{"apiVersion": "v1", "resource": "pods"},
				map[string]any{"apiVersion": "batch/v1", "resource": "jobs", "updateStrategy": map[string]any{"method": "OnDelete"}},
			},
			"hooks": map[string]any{"sync": map[string]any{"version": "v2", "webhook": map[string]any{"url": "http://h/sync", "timeout": "7s"}}},
		},
	}})
	require.NoError(t, err)
	parent := obj("g/v1", "W", "ns", "w")
	children := groups{}
	children.declare(schema.GroupVersionKind{Version: "v1", Kind: "Pod"})
	children.add(obj("batch/v1", "Job", "ns", "j"))

	body, err := json.Marshal(syncRequest{
		Controller: cc, Parent: parent, Children: children.wire(versionV2, parent), Related: groups{}.wire(versionV2, parent),
	})
	require.NoError(t, err)
	want := `{"controller":{"kind":"CompositeController","apiVersion":"metacontroller.k8s.io/v1alpha1",` +
		`"metadata":{"name":"c","generation":1},` +
		`"spec":{"parentResource":{"apiVersion":"g/v1","resource":"ws"},` +
		`"childResources":[{"apiVersion":"v1","resource":"pods"},` +
		`{"apiVersion":"batch/v1","resource":"jobs","updateStrategy":{"method":"OnDelete","statusChecks":{}}}],` +
		`"hooks":{"sync":{"version":"v2","webhook":{"url":"http://h/sync","timeout":"7s"}}},"generateSelector":true},` +
		`"status":{}},` +
		`"parent":{"apiVersion":"g/v1","kind":"W","metadata":{"name":"w","namespace":"ns"}},` +
		`"children":{"Job.batch/v1":{"ns/j":{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"ns"}}},"Pod.v1":{}},` +
		`"related":{},"finalizing":false}`
	require.Equal(t, want, string(body))
}

func TestWireNames(t *testing.T) {
	all := groups{}
	for _, o := range []*unstructured.Unstructured{
		obj("v1", "Pod", "ns", "near"), obj("v1", "Pod", "other", "far"), obj("v1", "Node", "", "node"),
	} {
		all.add(o)
	}
	tests := map[string]struct {
		version     string
		parent      *unstructured.Unstructured
		pods, nodes []string
	}{
		"v2 sends all by qualified name":                {versionV2, obj("g/v1", "W", "ns", "w"), []string{"ns/near", "other/far"}, []string{"node"}},
		"v2 does not look at the parent":                {versionV2, obj("g/v1", "W", "", "w"), []string{"ns/near", "other/far"}, []string{"node"}},
		"v1 drops what is not in the parent's space":    {versionV1, obj("g/v1", "W", "ns", "w"), []string{"near"}, []string{}},
		"v1 sends all to a parent of the whole cluster": {versionV1, obj("g/v1", "W", "", "w"), []string{"ns/near", "other/far"}, []string{"node"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wire := all.wire(tt.version, tt.parent)
			require.ElementsMatch(t, tt.pods, names(wire["Pod.v1"]))
			require.ElementsMatch(t, tt.nodes, names(wire["Node.v1"]))
		})
	}
}

func names(group map[string]*unstructured.Unstructured) []string {
	list := []string{}
	for name := range group {
		list = append(list, name)
	}
	return list
}

func TestDecodeResponse(t *testing.T) {
	tests := map[string]struct {
		body   string
		strict string // error in strict mode, empty for none
		loose  string
	}{
		"complete":             {`{"status":{"a":1},"children":[],"resyncAfterSeconds":1.5,"finalized":true}`, "", ""},
		"null":                 {`null`, "", ""},
		"empty object":         {`{}`, "", ""},
		"unknown field":        {`{"foo":1}`, `unknown field "foo"`, ""},
		"other case":           {`{"Children":[]}`, `unknown field "Children"`, ""},
		"duplicate in status":  {`{"status":{"a":1,"a":2}}`, `duplicate field "status.a"`, ""},
		"unknown in a child":   {`{"children":[{"apiVersion":"v1","kind":"Pod","foo":1}]}`, "", ""},
		"child without a kind": {`{"children":[{"apiVersion":"v1"}]}`, "'Kind' is missing", "'Kind' is missing"},
		"type error":           {`{"resyncAfterSeconds":"1"}`, "can't decode", "can't decode"},
		"empty body":           {``, "can't decode", "can't decode"},
		"trailing bytes":       {`{}{}`, "can't decode", "can't decode"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for mode, message := range map[bool]string{true: tt.strict, false: tt.loose} {
				err := decodeResponse([]byte(tt.body), &syncResponse{}, mode)
				if message == "" {
					require.NoError(t, err, "strict: %v", mode)
					continue
				}
				require.ErrorContains(t, err, message, "strict: %v", mode)
			}
		})
	}
}

func TestWholeNumbersStayIntegers(t *testing.T) {
	answer := &syncResponse{}
	require.NoError(t, decodeResponse([]byte(`{"status":{"n":3,"f":1.5}}`), answer, true))
	require.Equal(t, map[string]any{"n": int64(3), "f": 1.5}, answer.Status, "else a status would never equal the stored one")
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC)
	tests := map[string]time.Duration{
		"7":                             7 * time.Second,
		"":                              0,
		"1.5":                           0,
		"soon":                          0,
		"-3":                            0,
		"Sun, 01 Mar 2026 12:00:10 UTC": 10 * time.Second,
		"Sun, 01 Mar 2026 11:59:00 UTC": 0,
	}
	for value, want := range tests {
		require.Equal(t, want, retryAfter(value, now), "Retry-After: %s", value)
	}
}

func TestAddress(t *testing.T) {
	tests := map[string]struct {
		address hookAddress
		want    string
		err     string
	}{
		"url wins":            {hookAddress{URL: new("http://h/p"), Path: new("/q")}, "http://h/p", ""},
		"service":             {hookAddress{Service: &serviceRef{Name: "s", Namespace: "n"}, Path: new("/p")}, "http://s.n:80/p", ""},
		"port and protocol":   {hookAddress{Service: &serviceRef{Name: "s", Namespace: "n", Port: new(int32(8443)), Protocol: new("https")}, Path: new("/p")}, "https://s.n:8443/p", ""},
		"service, no path":    {hookAddress{Service: &serviceRef{Name: "s", Namespace: "n"}}, "", "both service and path"},
		"service, no name":    {hookAddress{Service: &serviceRef{Namespace: "n"}, Path: new("/p")}, "", "both name and namespace"},
		"neither of the two ": {hookAddress{}, "", "either url"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.address.address()
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestWebhookTimeoutCoversTheBody(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	hook := webhook{name: "sync", url: server.URL, timeout: 50 * time.Millisecond, client: server.Client()}
	require.ErrorContains(t, hook.call(t.Context(), map[string]any{}, &syncResponse{}), "deadline exceeded")
}

func TestDecodeControllerRefusesWhatIsNotHosted(t *testing.T) {
	spec := map[string]any{
		"parentResource": map[string]any{"apiVersion": "g/v1", "resource": "ws"},
		"hooks":          map[string]any{"sync": map[string]any{"webhook": map[string]any{"url": "http://h", "caBundle": map[string]any{"inline": "x"}}}},
	}
	cc := obj("metacontroller.k8s.io/v1alpha1", "CompositeController", "", "c")
	cc.Object["spec"] = spec
	_, err := decodeController(cc)
	require.ErrorContains(t, err, `unknown field "spec.hooks.sync.webhook.caBundle"`)

	delete(spec, "hooks")
	_, err = decodeController(cc)
	require.ErrorContains(t, err, "no hooks defined")
}
