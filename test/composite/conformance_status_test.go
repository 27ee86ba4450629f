package composite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func ignoreStatusChanges(spec map[string]any) {
	spec["parentResource"].(map[string]any)["ignoreStatusChanges"] = true
}

func testStatusReplaced(t *testing.T, f *fixture) {
	f.on("sync", func(r hookRequest) reply {
		status := map[string]any{"first": 1, "observedGeneration": 99}
		if r.Parent.GetAnnotations()["touched"] != "" {
			status = map[string]any{"second": 2}
		}
		return reply{body: answer{"status": status, "children": children()}}
	})
	f.controller()
	f.parent("w")
	eventually(t, "the status has the generation that the hook saw", func() bool {
		status, _ := f.get("widgets", "w").Object["status"].(map[string]any)
		return status["first"] == int64(1) && status["observedGeneration"] == int64(1)
	})
	f.settle("w")
	require.Equal(t, map[string]any{"second": int64(2), "observedGeneration": int64(1)}, f.get("widgets", "w").Object["status"])

	f.on("sync", func(hookRequest) reply { return reply{body: `null`} })
	f.settle("w")
	require.Equal(t, map[string]any{"observedGeneration": int64(1)}, f.get("widgets", "w").Object["status"])
	version := f.get("widgets", "w").GetResourceVersion()
	f.called("sync", "one more sync sees the emptied status", func(r hookRequest) bool { return r.Parent.GetResourceVersion() == version })
}

func testOwnStatusSyncsAgain(t *testing.T, f *fixture) {
	f.always("sync", answer{"status": map[string]any{"ready": true}, "children": children()})
	f.controller()
	f.parent("w")
	f.called("sync", "the hook sees its own status without another trigger", func(r hookRequest) bool {
		return r.Parent.Object["status"] != nil
	})
}

func testIgnoreStatusChanges(t *testing.T, f *fixture) {
	f.always("sync", answer{"status": map[string]any{"ready": true}, "children": children()})
	f.controller(ignoreStatusChanges)
	f.parent("w")
	eventually(t, "the status is written", func() bool { return f.get("widgets", "w").Object["status"] != nil })
	f.touch("w")
	require.Len(t, f.calls("sync"), 2, "one for the creation, one for the annotation, none for the status")
	f.patch("widgets", "w", `{"spec":{"size":2}}`)
	f.called("sync", "a new generation is not ignored", func(r hookRequest) bool { return r.Parent.GetGeneration() == 2 })
}

func testStatusDespiteChildren(t *testing.T, f *fixture) {
	f.always("sync", answer{
		"status":   map[string]any{"ready": true},
		"children": children(configMap("Not-A-Name"), part("good", nil)),
	})
	f.controller()
	widget := f.parent("w")
	eventually(t, "the error is told", func() bool {
		return anyContains(f.events(f.name, widget.GetUID()), "SyncError: ", "Not-A-Name")
	})
	status, _ := f.get("widgets", "w").Object["status"].(map[string]any)
	require.Equal(t, true, status["ready"])
	require.True(t, f.exists("parts", "good"), "a failed child does not stop the others")
}

func anyContains(lines []string, prefix, part string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) && strings.Contains(line, part) {
			return true
		}
	}
	return false
}
