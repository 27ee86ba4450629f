package composite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func lower(s string) string {
	if s == "" {
		return "default"
	}
	return strings.ToLower(s)
}

// relatedParts is the answer of a customize hook that wants the Parts with the label in the parent's namespace.
func (f *fixture) relatedParts() answer {
	return answer{"relatedResources": []any{map[string]any{
		"apiVersion": group + "/v1", "resource": "parts", "namespace": f.name,
		"labelSelector": map[string]any{"matchLabels": map[string]any{"wanted": "yes"}},
	}}}
}

func testCustomizeCached(t *testing.T, f *fixture) {
	f.always("sync", answer{"status": map[string]any{"ready": true}, "children": children()})
	f.always("customize", f.relatedParts())
	f.controller(f.withHook("customize"))
	f.parent("w")
	f.settle("w")
	f.settle("w")
	require.Len(t, f.calls("customize"), 1, "annotations and status do not ask again")
	require.Equal(t, []string{"controller", "parent"}, keysInOrder(t, f.calls("customize")[0].raw))

	f.patch("widgets", "w", `{"spec":{"size":2}}`)
	f.settle("w")
	require.Len(t, f.calls("customize"), 2, "a new generation does")
}

func testRelatedEvents(t *testing.T, f *fixture) {
	f.always("sync", answer{"children": children()})
	f.always("customize", f.relatedParts())
	f.controller(f.withHook("customize"), ignoreStatusChanges)
	f.parent("w")
	f.settle("w")
	first := f.calls("sync")[0]
	require.Contains(t, first.Related, partsKey, "a rule has its group even without objects")
	require.Empty(t, first.Related[partsKey])

	f.create("parts", object(group+"/v1", "Part", "other", nil))
	related := object(group+"/v1", "Part", "related", nil)
	related.SetLabels(map[string]string{"wanted": "yes"})
	f.create("parts", related)
	call := f.called("sync", "the related object arrives", func(r hookRequest) bool { return len(r.Related[partsKey]) > 0 })
	require.Len(t, call.Related[partsKey], 1)
	require.Contains(t, call.Related[partsKey], f.name+"/related")
	require.Empty(t, call.Children[partsKey])

	seen := len(f.calls("sync"))
	f.patch("parts", "related", `{"metadata":{"labels":null}}`)
	eventually(t, "its leaving arrives too", func() bool {
		calls := f.calls("sync")
		return len(calls) > seen && len(calls[len(calls)-1].Related[partsKey]) == 0
	})
}
