package composite_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testFinalizerFirst(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children()})
	f.controller(f.withHook("finalize"))
	f.parent("w")
	eventually(t, "the hook is called", func() bool { return len(f.calls("sync")) > 0 })
	require.Contains(t, f.calls("sync")[0].Parent.GetFinalizers(), "metacontroller.io/compositecontroller-"+f.name)
	require.Empty(t, f.calls("finalize"))
}

// testFinalizedSkipsChildren: the finalizer goes first, so the children of that answer are not looked at.
func testFinalizedSkipsChildren(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children(part("old", nil))})
	f.always("finalize", answer{"children": children(part("old", nil), part("new", nil)), "finalized": true})
	f.controller(f.withHook("finalize"))
	first := f.parent("w")
	eventually(t, "the child exists", func() bool { return f.exists("parts", "old") })
	f.delete("widgets", "w")
	eventually(t, "the parent is gone", func() bool { return !f.exists("widgets", "w") })

	second := f.parent("w")
	f.called("sync", "the next parent of that name is synced, so the last sync of the first has ended", func(r hookRequest) bool {
		return r.Parent.GetUID() == second.GetUID()
	})
	require.False(t, f.exists("parts", "new"))
	for _, call := range f.calls("sync") {
		deleted := call.Parent.GetUID() == first.GetUID() && call.Parent.GetDeletionTimestamp() != nil
		require.False(t, deleted, "a deleted parent never reaches the sync hook")
	}
	for _, call := range f.calls("finalize") {
		require.True(t, call.Finalizing)
		require.NotNil(t, call.Parent.GetDeletionTimestamp())
	}
}

// testFinalizeInOrder tears down as hooks should: no children first, finalized when none is observed.
func testFinalizeInOrder(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children(part("a", nil), part("b", nil))})
	f.on("finalize", func(r hookRequest) reply {
		gone := len(r.Children["Part.conformance.example.com/v1"]) == 0
		return reply{body: answer{"status": map[string]any{"ending": true}, "children": children(), "finalized": gone}}
	})
	f.controller(f.withHook("finalize"))
	f.parent("w")
	eventually(t, "the children exist", func() bool { return f.exists("parts", "a") && f.exists("parts", "b") })
	f.delete("widgets", "w")
	eventually(t, "the parent is gone", func() bool { return !f.exists("widgets", "w") })
	require.False(t, f.exists("parts", "a") || f.exists("parts", "b"), "children went before the parent")
	calls := f.calls("finalize")
	require.Nil(t, calls[len(calls)-1].Parent.GetOwnerReferences())
	list, err := f.in("parts").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, list.Items)
}
