package composite_test

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

const group = "conformance.example.com"

// fixture is one case: a namespace, and a CompositeController of the same name that selects the case's Widgets.
type fixture struct {
	t       *testing.T
	client  dynamic.Interface
	hooks   *probe
	name    string
	touches int
}

func newFixture(t *testing.T, client dynamic.Interface, hooks *probe, name string) *fixture {
	f := &fixture{t: t, client: client, hooks: hooks, name: name}
	namespace := object("v1", "Namespace", name, nil)
	_, err := f.cluster("namespaces").Create(t.Context(), namespace, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(f.cleanUp)
	return f
}

// cleanUp leaves nothing that a later case could meet. The test's own context has ended by then.
func (f *fixture) cleanUp() {
	ctx := context.Background()
	_ = f.controllers().Delete(ctx, f.name, metav1.DeleteOptions{})
	noFinalizers := []byte(`{"metadata":{"finalizers":null}}`)
	for _, kind := range []string{"widgets", "parts"} {
		list, err := f.in(kind).List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, obj := range list.Items {
			_, _ = f.in(kind).Patch(ctx, obj.GetName(), types.MergePatchType, noFinalizers, metav1.PatchOptions{})
			_ = f.in(kind).Delete(ctx, obj.GetName(), metav1.DeleteOptions{})
		}
	}
}

// in is the client for a resource in the case's namespace.
func (f *fixture) in(resource string) dynamic.ResourceInterface {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
	if resource == "widgets" || resource == "parts" {
		gvr.Group = group
	}
	return f.client.Resource(gvr).Namespace(f.name)
}

func (f *fixture) cluster(resource string) dynamic.ResourceInterface {
	return f.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource})
}

func (f *fixture) controllers() dynamic.ResourceInterface {
	return f.client.Resource(schema.GroupVersionResource{Group: "metacontroller.k8s.io", Version: "v1alpha1", Resource: "compositecontrollers"})
}

// controller creates the CompositeController: Parts and ConfigMaps are children, hooks are v2, and only the
// sync hook is set. edits change its spec.
func (f *fixture) controller(edits ...func(spec map[string]any)) {
	spec := map[string]any{
		"generateSelector": true,
		"parentResource": map[string]any{
			"apiVersion": group + "/v1", "resource": "widgets",
			"labelSelector": map[string]any{"matchLabels": map[string]any{"case": f.name}},
		},
		"childResources": []any{childRule("v1", "configmaps", ""), childRule(group+"/v1", "parts", "OnDelete")},
		"hooks":          map[string]any{"sync": f.hook("sync")},
	}
	for _, edit := range edits {
		edit(spec)
	}
	cc := object("metacontroller.k8s.io/v1alpha1", "CompositeController", f.name, map[string]any{"spec": spec})
	_, err := f.controllers().Create(f.t.Context(), cc, metav1.CreateOptions{})
	require.NoError(f.t, err)
}

func childRule(apiVersion, resource, method string) map[string]any {
	rule := map[string]any{"apiVersion": apiVersion, "resource": resource}
	if method != "" {
		rule["updateStrategy"] = map[string]any{"method": method}
	}
	return rule
}

func (f *fixture) hook(name string) map[string]any {
	return map[string]any{"version": "v2", "webhook": map[string]any{"url": f.hooks.server.URL + f.path(name)}}
}

// withHook adds a hook to the controller.
func (f *fixture) withHook(name string) func(map[string]any) {
	return func(spec map[string]any) { spec["hooks"].(map[string]any)[name] = f.hook(name) }
}

func (f *fixture) path(hook string) string { return "/" + f.name + "/" + hook }

// on teaches a hook its answer; always is the common case of one that never differs.
func (f *fixture) on(hook string, respond func(hookRequest) reply) {
	f.hooks.teach(f.path(hook), respond)
}

func (f *fixture) always(hook string, body answer) {
	f.on(hook, func(hookRequest) reply { return reply{body: body} })
}

func (f *fixture) calls(hook string) []hookRequest { return f.hooks.called(f.path(hook)) }

// parent creates a Widget of this case.
func (f *fixture) parent(name string) *unstructured.Unstructured {
	widget := object(group+"/v1", "Widget", name, map[string]any{"spec": map[string]any{"size": int64(1)}})
	widget.SetLabels(map[string]string{"case": f.name})
	return f.create("widgets", widget)
}

func (f *fixture) create(resource string, obj *unstructured.Unstructured) *unstructured.Unstructured {
	created, err := f.in(resource).Create(f.t.Context(), obj, metav1.CreateOptions{})
	require.NoError(f.t, err)
	return created
}

func (f *fixture) get(resource, name string) *unstructured.Unstructured {
	obj, err := f.in(resource).Get(f.t.Context(), name, metav1.GetOptions{})
	require.NoError(f.t, err)
	return obj
}

func (f *fixture) exists(resource, name string) bool {
	_, err := f.in(resource).Get(f.t.Context(), name, metav1.GetOptions{})
	return err == nil
}

func (f *fixture) patch(resource, name, patch string) *unstructured.Unstructured {
	obj, err := f.in(resource).Patch(f.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(f.t, err)
	return obj
}

func (f *fixture) delete(resource, name string) {
	require.NoError(f.t, f.in(resource).Delete(f.t.Context(), name, metav1.DeleteOptions{}))
}

// settle returns when a sync that saw all that was done so far has written everything: syncs of one parent
// never overlap, so the second of two touches is seen only after the first's sync has ended.
func (f *fixture) settle(parent string) {
	f.t.Helper()
	for range 2 {
		f.touch(parent)
	}
}

// touch changes an annotation of the parent and waits for the call of a hook that sees it.
func (f *fixture) touch(parent string) {
	f.t.Helper()
	f.touches++
	stamp := strconv.Itoa(f.touches)
	f.patch("widgets", parent, `{"metadata":{"annotations":{"touched":"`+stamp+`"}}}`)
	eventually(f.t, "a hook sees a touched parent", func() bool {
		for _, call := range append(f.calls("sync"), f.calls("finalize")...) {
			if call.Parent.GetName() == parent && call.Parent.GetAnnotations()["touched"] == stamp {
				return true
			}
		}
		return false
	})
}

// called waits until the hook has had a call for which the condition holds, and returns the first.
func (f *fixture) called(hook, what string, condition func(hookRequest) bool) hookRequest {
	f.t.Helper()
	var found hookRequest
	eventually(f.t, what, func() bool {
		for _, call := range f.calls(hook) {
			if condition(call) {
				found = call
				return true
			}
		}
		return false
	})
	return found
}

// events returns the messages of all events about the object, with the reason before a colon.
func (f *fixture) events(namespace string, uid types.UID) []string {
	list, err := f.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(namespace).
		List(f.t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(uid)})
	require.NoError(f.t, err)
	var messages []string
	for _, event := range list.Items {
		reason, _, _ := unstructured.NestedString(event.Object, "reason")
		message, _, _ := unstructured.NestedString(event.Object, "message")
		messages = append(messages, reason+": "+message)
	}
	return messages
}

// requireNoErrorSoFar makes the sync of the parent fail and waits for the event: events come in order, so an
// earlier failure would have shown by then.
func (f *fixture) requireNoErrorSoFar(parent *unstructured.Unstructured) {
	f.t.Helper()
	f.on("sync", func(hookRequest) reply { return reply{code: 500, body: "the first failure"} })
	f.touch(parent.GetName())
	eventually(f.t, "a failure shows", func() bool { return len(f.events(f.name, parent.GetUID())) > 0 })
	for _, message := range f.events(f.name, parent.GetUID()) {
		require.Contains(f.t, message, "the first failure")
	}
}

func object(apiVersion, kind, name string, content map[string]any) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(obj.Object, content)
	obj.SetAPIVersion(apiVersion)
	obj.SetKind(kind)
	obj.SetName(name)
	return obj
}

// part is a Part as a hook answers it; a nil spec makes it a stub.
func part(name string, spec map[string]any) map[string]any {
	content := map[string]any{}
	if spec != nil {
		content["spec"] = spec
	}
	return object(group+"/v1", "Part", name, content).Object
}

func configMap(name string) map[string]any { return object("v1", "ConfigMap", name, nil).Object }

func children(list ...map[string]any) []map[string]any { return append([]map[string]any{}, list...) }
