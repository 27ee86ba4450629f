package composite

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/dynamic"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
)

// world is a driver in virtual time, on an API server that only stores objects, with hooks called in process.
type world struct {
	t      *testing.T
	start  time.Time
	client dynamic.Interface
	served *clienttesting.Fake // what discovery says
	events *record.FakeRecorder

	mu    sync.Mutex
	calls []worldCall
	hook  func(worldCall) (int, string)
}

// worldCall is one call of a hook, with the time since the start of the world.
type worldCall struct {
	path   string
	at     time.Duration
	parent *unstructured.Unstructured
}

var (
	widgets = schema.GroupVersionResource{Group: "g", Version: "v1", Resource: "widgets"}
	crds    = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// inWorld runs the test in a bubble of virtual time, with a CompositeController "c" of Widgets that has ConfigMaps
// as children and whatever edit adds.
func inWorld(t *testing.T, opts Options, edit func(cc map[string]any), test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, start: time.Now(), served: &clienttesting.Fake{}, events: record.NewFakeRecorder(1000)}
		w.serve("v1", metav1.APIResource{Name: "configmaps", Kind: "ConfigMap", Namespaced: true})
		w.serve("g/v1", metav1.APIResource{Name: "widgets", Kind: "Widget", Namespaced: true})
		w.client = fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			widgets: "WidgetList", crds: "CustomResourceDefinitionList", {Version: "v1", Resource: "configmaps"}: "ConfigMapList",
			{Group: "metacontroller.k8s.io", Version: "v1alpha1", Resource: "compositecontrollers"}: "CompositeControllerList",
			{Group: "late", Version: "v1", Resource: "lates"}:                                       "LateList",
		}, widgetCRD(), compositeWith(edit))
		opts.HTTPClient = &http.Client{Transport: w}
		opts = opts.withDefaults()
		d := newDriver(backend{
			client: w.client, opts: opts, events: w.events,
			catalog: newCatalog(&fakediscovery.FakeDiscovery{Fake: w.served}, opts.DiscoveryInterval),
		})
		ctx, stop := context.WithCancel(t.Context())
		go d.run(ctx)
		test(t, w)
		stop()
		d.Wait()
	})
}

func widgetCRD() *unstructured.Unstructured {
	crd := obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.g")
	crd.Object["spec"] = map[string]any{"versions": []any{
		map[string]any{"name": "v1", "subresources": map[string]any{"status": map[string]any{}}},
	}}
	return crd
}

func compositeWith(edit func(map[string]any)) *unstructured.Unstructured {
	cc := obj("metacontroller.k8s.io/v1alpha1", "CompositeController", "", "c")
	spec := map[string]any{
		"generateSelector": true,
		"parentResource":   map[string]any{"apiVersion": "g/v1", "resource": "widgets"},
		"childResources":   []any{map[string]any{"apiVersion": "v1", "resource": "configmaps"}},
		"hooks":            map[string]any{"sync": hookAt("sync")},
	}
	cc.Object["spec"] = spec
	if edit != nil {
		edit(spec)
	}
	return cc
}

func hookAt(name string) map[string]any {
	return map[string]any{"version": "v2", "webhook": map[string]any{"url": "http://hooks/" + name}}
}

func (w *world) serve(version string, r metav1.APIResource) {
	w.served.Lock()
	defer w.served.Unlock()
	w.served.Resources = append(w.served.Resources, &metav1.APIResourceList{GroupVersion: version, APIResources: []metav1.APIResource{r}})
}

// RoundTrip answers the driver's calls of hooks.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct{ Parent unstructured.Unstructured }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	call := worldCall{path: r.URL.Path, at: time.Since(w.start), parent: &body.Parent}
	w.mu.Lock()
	w.calls = append(w.calls, call)
	w.mu.Unlock()
	code, text := w.hook(call)
	header := http.Header{}
	if code == http.StatusTooManyRequests {
		header.Set("Retry-After", text)
	}
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(bytes.NewBufferString(text))}, nil
}

func (w *world) parent(name string) {
	widget := obj("g/v1", "Widget", "ns", name)
	widget.SetUID(types.UID("uid-of-" + name))
	_, err := w.client.Resource(widgets).Namespace("ns").Create(w.t.Context(), widget, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// touch changes the parent and lets everything happen that follows at once.
func (w *world) touch(name, note string) {
	live, err := w.client.Resource(widgets).Namespace("ns").Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	live.SetAnnotations(map[string]string{"note": note})
	live.SetResourceVersion(note)
	_, err = w.client.Resource(widgets).Namespace("ns").Update(w.t.Context(), live, metav1.UpdateOptions{})
	require.NoError(w.t, err)
	synctest.Wait()
}

func (w *world) called(path string) []worldCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	var calls []worldCall
	for _, call := range w.calls {
		if call.path == path {
			calls = append(calls, call)
		}
	}
	return calls
}

func (w *world) eventsSoFar() string {
	var all []string
	for {
		select {
		case event := <-w.events.Events:
			all = append(all, event)
		default:
			return strings.Join(all, "\n")
		}
	}
}

func TestFailuresBackOff(t *testing.T) {
	inWorld(t, Options{}, nil, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 500, "unclear" }
		w.parent("w")
		time.Sleep(25 * time.Minute)
		calls := w.called("/sync")
		require.Len(t, calls, 19)
		want := 5 * time.Millisecond
		for i := 1; i < len(calls); i++ {
			require.Equal(t, want, calls[i].at-calls[i-1].at, "before try %d", i+1)
			want *= 2
		}
	})
}

func TestTooManyRequestsDoesNotBackOff(t *testing.T) {
	inWorld(t, Options{}, nil, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 429, "7" }
		w.parent("w")
		time.Sleep(time.Minute)
		calls := w.called("/sync")
		for i := 1; i < len(calls); i++ {
			require.Equal(t, 7*time.Second, calls[i].at-calls[i-1].at)
		}
		require.NotContains(t, w.eventsSoFar(), "SyncError")
	})
}

func TestResyncs(t *testing.T) {
	inWorld(t, Options{}, nil, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"children":[]}` }
		w.parent("w")
		time.Sleep(time.Second)
		before := len(w.called("/sync"))
		time.Sleep(29 * time.Minute)
		require.Len(t, w.called("/sync"), before)
		time.Sleep(2 * time.Minute)
		require.Greater(t, len(w.called("/sync")), before, "all parents are synced every 30 minutes")
	})
	everyMinute := func(spec map[string]any) { spec["resyncPeriodSeconds"] = int64(60) }
	inWorld(t, Options{}, everyMinute, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"children":[]}` }
		w.parent("w")
		time.Sleep(10*time.Minute + time.Second)
		require.GreaterOrEqual(t, len(w.called("/sync")), 10)
	})
}

func TestResyncDoesNotWaitForBackOff(t *testing.T) {
	often := func(spec map[string]any) { spec["resyncPeriodSeconds"] = int64(20) }
	inWorld(t, Options{}, often, func(t *testing.T, w *world) {
		const away = 30 * time.Minute
		w.hook = func(call worldCall) (int, string) {
			if call.at < away {
				return 500, "nobody is there"
			}
			return 200, `{"children":[]}`
		}
		w.parent("w")
		time.Sleep(away + 21*time.Second)
		calls := w.called("/sync")
		require.Greater(t, calls[len(calls)-1].at, away)
	})
}

func TestCustomizeAnswersAreKeptFor20Minutes(t *testing.T) {
	customize := func(spec map[string]any) { spec["hooks"].(map[string]any)["customize"] = hookAt("customize") }
	inWorld(t, Options{}, customize, func(t *testing.T, w *world) {
		w.hook = func(call worldCall) (int, string) {
			if call.path == "/customize" {
				return 200, `{"relatedResources":[]}`
			}
			return 200, `{"children":[]}`
		}
		w.parent("w")
		time.Sleep(19 * time.Minute)
		w.touch("w", "1")
		require.Len(t, w.called("/customize"), 1)
		time.Sleep(2 * time.Minute)
		w.touch("w", "2")
		require.Len(t, w.called("/customize"), 2)
	})
}

// TestMissingChildResource: the longer a CRD is missing, the longer the controller takes to notice it.
func TestMissingChildResource(t *testing.T) {
	late := func(spec map[string]any) {
		spec["childResources"] = []any{map[string]any{"apiVersion": "late/v1", "resource": "lates"}}
	}
	inWorld(t, Options{}, late, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"children":[]}` }
		w.parent("w")
		time.Sleep(400 * time.Second)
		require.Contains(t, w.eventsSoFar(), "Warning CreateError Cannot create new controller: can't create informer for child resource: discovery: can't find resource lates in apiVersion late/v1")
		w.serve("late/v1", metav1.APIResource{Name: "lates", Kind: "Late", Namespaced: true})
		time.Sleep(600 * time.Second)
		calls := w.called("/sync")
		require.NotEmpty(t, calls)
		// 5 ms · (2¹⁷ − 1): the first retry after the CRD is there.
		require.InDelta(t, 655.355, calls[0].at.Seconds(), 1)
	})
}

func TestNullChildIsAnErrorThatDeletesNothing(t *testing.T) {
	inWorld(t, Options{}, nil, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"status":{"a":1},"children":[null]}` }
		w.parent("w")
		time.Sleep(time.Second)
		require.Contains(t, w.eventsSoFar(), "crashes the whole Metacontroller process")
	})
}

func TestDuplicateSyncs(t *testing.T) {
	quiet := func(spec map[string]any) { spec["parentResource"].(map[string]any)["ignoreStatusChanges"] = true }
	inWorld(t, Options{DuplicateSyncs: 2}, quiet, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"children":[]}` }
		w.parent("w")
		time.Sleep(time.Second)
		require.Zero(t, len(w.called("/sync"))%3)
		require.NotEmpty(t, w.called("/sync"))
	})
}

func TestStaleParents(t *testing.T) {
	inWorld(t, Options{StaleParents: 1}, nil, func(t *testing.T, w *world) {
		w.hook = func(worldCall) (int, string) { return 200, `{"children":[]}` }
		w.parent("w")
		time.Sleep(time.Second)
		w.touch("w", "1")
		time.Sleep(time.Second)
		before := len(w.called("/sync"))
		w.touch("w", "2")
		time.Sleep(time.Second)
		calls := w.called("/sync")[before:]
		require.Equal(t, "1", calls[0].parent.GetAnnotations()["note"], "the sync sees the parent before its update")
		require.Equal(t, "2", calls[len(calls)-1].parent.GetAnnotations()["note"], "and later the update")
	})
}
