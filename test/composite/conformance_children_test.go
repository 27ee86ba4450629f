package composite_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	partsKey      = "Part.conformance.example.com/v1"
	lastApplied   = "metacontroller.k8s.io/last-applied-configuration"
	uidLabel      = "controller-uid"
	keepFinalizer = "example.com/keep"
)

func testDeletesBeforeCreates(t *testing.T, f *fixture) {
	events, err := f.in("parts").Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer events.Stop()
	f.on("sync", func(r hookRequest) reply {
		if r.Parent.GetGeneration() == 1 {
			return reply{body: answer{"children": children(part("old", nil))}}
		}
		return reply{body: answer{"children": children(configMap("new"))}}
	})
	f.controller()
	f.parent("w")
	eventually(t, "the old child exists", func() bool { return f.exists("parts", "old") })
	f.patch("widgets", "w", `{"spec":{"size":2}}`)
	eventually(t, "the new child exists", func() bool { return f.exists("configmaps", "new") })

	// Resource versions count all writes to the API server: a deletion has one too. The kind of the new child
	// sorts before that of the old one, so only "deletes first" puts them in this order.
	created := revision(t, f.get("configmaps", "new").GetResourceVersion())
	for event := range events.ResultChan() {
		if event.Type == watch.Deleted {
			require.Less(t, revision(t, event.Object.(metav1.Object).GetResourceVersion()), created)
			return
		}
	}
	require.Fail(t, "the old child was not deleted")
}

func revision(t *testing.T, resourceVersion string) int {
	n, err := strconv.Atoi(resourceVersion)
	require.NoError(t, err)
	return n
}

func testChildMetadata(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children(part("a", map[string]any{"size": 1}))})
	f.controller()
	widget := f.parent("w")
	eventually(t, "the child exists", func() bool { return f.exists("parts", "a") })
	child := f.get("parts", "a")
	yes := true
	require.Equal(t, []metav1.OwnerReference{{
		APIVersion: group + "/v1", Kind: "Widget", Name: "w", UID: widget.GetUID(),
		Controller: &yes, BlockOwnerDeletion: &yes,
	}}, child.GetOwnerReferences())
	require.Equal(t, map[string]string{uidLabel: string(widget.GetUID())}, child.GetLabels())
	require.JSONEq(t, `{"apiVersion":"conformance.example.com/v1","kind":"Part","metadata":{"name":"a","namespace":"`+f.name+
		`","labels":{"controller-uid":"`+string(widget.GetUID())+`"}},"spec":{"size":1}}`, child.GetAnnotations()[lastApplied])
}

// testUpdateStrategies: a hook that lists an existing child by name only changes nothing under OnDelete. Under
// every other strategy it wipes out or recreates the child.
func testUpdateStrategies(t *testing.T, f *fixture) {
	cases := map[string]struct{ keepsSpec, keepsChild bool }{
		"":                {keepsSpec: true, keepsChild: true},
		"OnDelete":        {keepsSpec: true, keepsChild: true},
		"InPlace":         {keepsSpec: false, keepsChild: true},
		"RollingInPlace":  {keepsSpec: false, keepsChild: true},
		"Recreate":        {keepsSpec: false, keepsChild: false},
		"RollingRecreate": {keepsSpec: false, keepsChild: false},
	}
	for method, want := range cases {
		t.Run("method="+method, func(t *testing.T) {
			f := newFixture(t, f.client, f.hooks, f.name+"-"+lower(method))
			testStub(t, f, method, want.keepsSpec, want.keepsChild)
		})
	}
}

func testStub(t *testing.T, f *fixture, method string, keepsSpec, keepsChild bool) {
	f.on("sync", func(r hookRequest) reply {
		child := part("a", map[string]any{"image": "x"})
		if r.Parent.GetAnnotations()["touched"] != "" {
			child = part("a", nil)
		}
		// Without a status a rolling strategy crashes Metacontroller: it adds a condition to a nil map.
		return reply{body: answer{"status": map[string]any{}, "children": children(child)}}
	})
	f.controller(func(spec map[string]any) {
		spec["childResources"] = []any{childRule(group+"/v1", "parts", method)}
	})
	f.parent("w")
	f.called("sync", "the child is observed", func(r hookRequest) bool { return len(r.Children[partsKey]) == 1 })
	before := f.get("parts", "a")
	f.settle("w")
	if keepsSpec {
		require.Equal(t, before.GetResourceVersion(), f.get("parts", "a").GetResourceVersion())
		return
	}
	eventually(t, "the stub has taken effect", func() bool {
		if !f.exists("parts", "a") {
			return false
		}
		after := f.get("parts", "a")
		return after.Object["spec"] == nil && (after.GetUID() == before.GetUID()) == keepsChild
	})
}

func testAlreadyExists(t *testing.T, f *fixture) {
	foreign := f.create("configmaps", object("v1", "ConfigMap", "taken", map[string]any{"data": map[string]any{"of": "somebody"}}))
	f.always("sync", answer{"status": map[string]any{"ready": true}, "children": children(configMap("taken"))})
	f.controller()
	widget := f.parent("w")
	f.settle("w")
	require.Equal(t, foreign.GetResourceVersion(), f.get("configmaps", "taken").GetResourceVersion())
	status, _ := f.get("widgets", "w").Object["status"].(map[string]any)
	require.Equal(t, true, status["ready"])
	for _, call := range f.calls("sync") {
		require.Empty(t, call.Children["ConfigMap.v1"], "an object of somebody else is never shown")
	}
	f.requireNoErrorSoFar(widget)
}

func testTerminatingChild(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children(part("a", map[string]any{"size": 1}))})
	f.controller()
	f.parent("w")
	eventually(t, "the child exists", func() bool { return f.exists("parts", "a") })
	f.patch("parts", "a", `{"metadata":{"finalizers":["`+keepFinalizer+`"]}}`)
	before := f.get("parts", "a").GetUID()
	f.delete("parts", "a")
	f.called("sync", "the terminating child is shown", func(r hookRequest) bool {
		child := r.Children[partsKey][f.name+"/a"]
		return child != nil && child.GetDeletionTimestamp() != nil
	})
	f.settle("w")
	require.Equal(t, before, f.get("parts", "a").GetUID())
	f.patch("parts", "a", `{"metadata":{"finalizers":null}}`)
	eventually(t, "it is created again once it is gone", func() bool {
		return f.exists("parts", "a") && f.get("parts", "a").GetUID() != before
	})
}

func testAdoptAndRelease(t *testing.T, f *fixture) {
	f.on("sync", func(r hookRequest) reply {
		var list []map[string]any
		for _, child := range r.Children[partsKey] {
			list = append(list, part(child.GetName(), nil))
		}
		return reply{body: answer{"children": children(list...)}}
	})
	f.controller()
	widget := f.parent("w")
	f.settle("w")
	orphan := object(group+"/v1", "Part", "orphan", nil)
	orphan.SetLabels(map[string]string{uidLabel: string(widget.GetUID())})
	f.create("parts", orphan)
	eventually(t, "the orphan is adopted", func() bool { return metav1.IsControlledBy(f.get("parts", "orphan"), widget) })
	f.called("sync", "the adopted child is shown", func(r hookRequest) bool { return len(r.Children[partsKey]) == 1 })

	f.patch("parts", "orphan", `{"metadata":{"labels":null}}`)
	eventually(t, "the child is released", func() bool { return len(f.get("parts", "orphan").GetOwnerReferences()) == 0 })
	f.settle("w")
	require.True(t, f.exists("parts", "orphan"))
}

// testUndeclaredKind: a child of a kind without a rule is created and then never looked at again.
func testUndeclaredKind(t *testing.T, f *fixture) {
	f.on("sync", func(r hookRequest) reply {
		if r.Parent.GetGeneration() > 1 {
			return reply{body: answer{"children": children()}}
		}
		return reply{body: answer{"children": children(configMap("unseen"))}}
	})
	f.controller(func(spec map[string]any) {
		spec["childResources"] = []any{childRule(group+"/v1", "parts", "")}
	})
	f.parent("w")
	eventually(t, "the child exists", func() bool { return f.exists("configmaps", "unseen") })
	f.patch("widgets", "w", `{"spec":{"size":2}}`)
	f.settle("w")
	require.True(t, f.exists("configmaps", "unseen"))
	for _, call := range f.calls("sync") {
		require.NotContains(t, call.Children, "ConfigMap.v1")
	}
}
