package composite_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func testRequest(t *testing.T, f *fixture) {
	f.always("sync", answer{"status": map[string]any{}, "children": children(part("a", map[string]any{"size": 1}))})
	f.controller()
	f.parent("w")
	call := f.called("sync", "the child is sent", func(r hookRequest) bool { return len(r.Children["Part.conformance.example.com/v1"]) == 1 })

	require.Equal(t, "application/json", call.header.Get("Content-Type"))
	require.Equal(t, []string{"controller", "parent", "children", "related", "finalizing"}, keysInOrder(t, call.raw))
	require.Contains(t, string(call.raw), `"related":{},"finalizing":false}`)
	require.Contains(t, call.Children["Part.conformance.example.com/v1"], f.name+"/a")
	require.Contains(t, call.Children, "ConfigMap.v1", "a child rule has its group even without objects")
	require.NotEmpty(t, call.Parent.GetManagedFields(), "objects are sent as they are")

	var body struct{ Controller json.RawMessage }
	require.NoError(t, json.Unmarshal(call.raw, &body))
	require.Equal(t, []string{"kind", "apiVersion", "metadata", "spec", "status"}, keysInOrder(t, body.Controller))
	require.Contains(t, string(body.Controller), `"updateStrategy":{"method":"OnDelete","statusChecks":{}}`)
	require.Equal(t, f.name, call.Controller.GetName())
}

// keysInOrder returns the keys of a JSON object as they were sent.
func keysInOrder(t *testing.T, object []byte) []string {
	decoder := json.NewDecoder(bytes.NewReader(object))
	_, err := decoder.Token()
	require.NoError(t, err)
	var keys []string
	for decoder.More() {
		key, err := decoder.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var skipped json.RawMessage
		require.NoError(t, decoder.Decode(&skipped))
	}
	return keys
}

func testErrorsBackOff(t *testing.T, f *fixture) {
	f.on("sync", func(hookRequest) reply { return reply{code: 500, body: "the world is unclear"} })
	f.controller()
	widget := f.parent("w")
	eventually(t, "a failing hook is called again and again", func() bool { return len(f.calls("sync")) >= 4 })
	eventually(t, "the event on the parent shows the body", func() bool {
		return anyContains(f.events(f.name, widget.GetUID()), "SyncError: ", "the world is unclear")
	})
	require.Nil(t, f.get("widgets", "w").Object["status"], "a failed call writes no status")
}

// A parent whose hook fails for long waits for up to 1,000 s, but not for longer than resyncPeriodSeconds.
func testResyncDespiteBackOff(t *testing.T, f *fixture) {
	f.on("sync", func(hookRequest) reply { return reply{code: 500, body: "nobody is there"} })
	f.controller(ignoreStatusChanges, func(spec map[string]any) { spec["resyncPeriodSeconds"] = int64(1) })
	f.parent("w")
	// Back-off alone makes the 17th call 5 ms · (2¹⁶ − 1) = 328 s after the first.
	eventually(t, "the hook is called more often than back-off allows", func() bool { return len(f.calls("sync")) >= 17 })
	f.always("sync", answer{"status": map[string]any{"ready": true}, "children": children()})
	eventually(t, "the hook is called soon after it is back", func() bool { return f.get("widgets", "w").Object["status"] != nil })
}

func testTooManyRequests(t *testing.T, f *fixture) {
	f.on("sync", func(hookRequest) reply {
		if len(f.calls("sync")) == 1 {
			return reply{code: 429, header: map[string]string{"Retry-After": "1"}, body: ""}
		}
		return reply{body: answer{"status": map[string]any{"done": true}, "children": children()}}
	})
	f.controller()
	widget := f.parent("w")
	eventually(t, "the hook is called again", func() bool { return f.get("widgets", "w").Object["status"] != nil })
	f.requireNoErrorSoFar(widget)
}

func testStrictResponse(t *testing.T, f *fixture) {
	answers := map[string]string{
		"unknown":   `{"status":{},"children":[],"chidlren":[]}`,
		"duplicate": `{"status":{"a":1,"a":2},"children":[]}`,
		"kindless":  `{"status":{},"children":[{"metadata":{"name":"a"}}]}`,
		"trailing":  `{"status":{},"children":[]}{}`,
	}
	expected := map[string]string{
		"unknown":   `unknown field "chidlren"`,
		"duplicate": `duplicate field "status.a"`,
		"kindless":  "'Kind' is missing",
		"trailing":  "",
	}
	f.on("sync", func(r hookRequest) reply { return reply{body: answers[r.Parent.GetName()]} })
	f.controller()
	for name, message := range expected {
		widget := f.parent(name)
		eventually(t, "the answer is refused: "+name, func() bool {
			return anyContains(f.events(f.name, widget.GetUID()), "SyncError: ", message)
		})
		require.Nil(t, f.get("widgets", name).Object["status"])
	}
}

func testResyncEarliest(t *testing.T, f *fixture) {
	delays := []float64{3600, 1, 3600}
	f.on("sync", func(hookRequest) reply {
		delay := delays[min(len(f.calls("sync")), len(delays))-1]
		return reply{body: answer{"children": children(), "resyncAfterSeconds": delay}}
	})
	f.controller(ignoreStatusChanges)
	f.parent("w")
	eventually(t, "the first call", func() bool { return len(f.calls("sync")) == 1 })
	f.touch("w")
	f.touch("w")
	// The hour asked for before and after the second does not put it off.
	eventually(t, "a sync that nobody but resyncAfterSeconds asked for", func() bool { return len(f.calls("sync")) == 4 })
}

func testSpecChangeRestarts(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children()})
	f.always("other", answer{"children": children()})
	f.controller(ignoreStatusChanges)
	f.parent("w")
	eventually(t, "the first hook is called", func() bool { return len(f.calls("sync")) == 1 })

	hook, err := json.Marshal(f.hook("other"))
	require.NoError(t, err)
	patch := []byte(`{"metadata":{"annotations":{"note":"new"}},"spec":{"hooks":{"sync":` + string(hook) + `}}}`)
	_, err = f.controllers().Patch(t.Context(), f.name, types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
	call := f.called("other", "all parents are synced with the new hook", func(hookRequest) bool { return true })
	require.Equal(t, "new", call.Controller.GetAnnotations()["note"])
}

func testChildCRDInstalledLater(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children()})
	late := "lates." + f.name + ".example.com"
	f.controller(func(spec map[string]any) {
		spec["childResources"] = []any{childRule(f.name+".example.com/v1", "lates", "")}
	})
	f.parent("w")
	cc, err := f.controllers().Get(t.Context(), f.name, metav1.GetOptions{})
	require.NoError(t, err)
	eventually(t, "the controller says what is missing", func() bool {
		return anyContains(f.events("default", cc.GetUID()), "CreateError: Cannot create new controller: ", "can't find resource lates")
	})
	require.Empty(t, f.calls("sync"))

	f.install(late)
	eventually(t, "the controller starts by itself", func() bool { return len(f.calls("sync")) > 0 })
}

// install installs the CRD of namespaced kind Late.
func (f *fixture) install(name string) {
	install(f.t, f.client, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"group": f.name + ".example.com", "scope": "Namespaced",
			"names": map[string]any{"kind": "Late", "plural": "lates"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
			}}},
		},
	}})
}
