package composite

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestMerge(t *testing.T) {
	tests := map[string]struct{ observed, last, desired, want string }{
		"foreign fields stay":            {`{a: 1, theirs: x}`, `{a: 1}`, `{a: 2}`, `{a: 2, theirs: x}`},
		"dropped fields go":              {`{a: 1, b: 2, theirs: x}`, `{a: 1, b: 2}`, `{a: 1}`, `{a: 1, theirs: x}`},
		"a stub drops all it described":  {`{spec: {image: x, defaulted: y}}`, `{spec: {image: x}}`, `{}`, `{}`},
		"nested":                         {`{m: {a: 1, b: 2, theirs: 3}}`, `{m: {a: 1, b: 2}}`, `{m: {b: 4}}`, `{m: {b: 4, theirs: 3}}`},
		"never applied":                  {`{a: 1}`, `{}`, `{b: 2}`, `{a: 1, b: 2}`},
		"plain list is replaced":         {`{l: [1, 2]}`, `{l: [1, 2]}`, `{l: [3]}`, `{l: [3]}`},
		"list by name":                   {`{l: [{name: a, v: 1, theirs: x}, {name: b}]}`, `{l: [{name: a, v: 1}]}`, `{l: [{name: a, v: 2}, {name: c}]}`, `{l: [{name: a, v: 2, theirs: x}, {name: b}, {name: c}]}`},
		"list item dropped":              {`{l: [{name: a}, {name: b}]}`, `{l: [{name: a}, {name: b}]}`, `{l: [{name: b}]}`, `{l: [{name: b}]}`},
		"containerPort before name":      {`{l: [{containerPort: 80, name: a}]}`, `{}`, `{l: [{containerPort: 80, name: z}]}`, `{l: [{containerPort: 80, name: z}]}`},
		"one item without the merge key": {`{l: [{name: a}, {v: 1}]}`, `{}`, `{l: [{name: a, v: 2}]}`, `{l: [{name: a, v: 2}]}`},
		"list of another shape":          {`{l: [{name: a}]}`, `{l: [{name: a}]}`, `{l: {}}`, `{l: []}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, fromYAML(t, tt.want), mergeObject(fromYAML(t, tt.observed), fromYAML(t, tt.last), fromYAML(t, tt.desired)))
		})
	}
}

func TestMergedChildKeepsWhatIsNotTheHooks(t *testing.T) {
	observed := obj("v1", "Pod", "ns", "p")
	observed.SetUID("u")
	observed.SetResourceVersion("7")
	observed.Object["spec"] = map[string]any{"image": "x"}
	observed.Object["status"] = map[string]any{"phase": "Running"}
	described := obj("v1", "Pod", "ns", "p")
	described.Object["spec"] = map[string]any{"image": "x"}
	require.NoError(t, setLastApplied(observed, described))

	same := described.DeepCopy()
	merged, err := mergedChild(observed, same)
	require.NoError(t, err)
	require.Equal(t, observed.Object, merged.Object, "the same description changes nothing")

	same.SetUID("other")
	same.SetResourceVersion("1")
	same.Object["status"] = map[string]any{"phase": "Failed"}
	merged, err = mergedChild(observed, same)
	require.NoError(t, err)
	require.Equal(t, "7", merged.GetResourceVersion())
	require.EqualValues(t, "u", merged.GetUID())
	require.Equal(t, observed.Object["status"], merged.Object["status"])

	stub := obj("v1", "Pod", "ns", "p")
	merged, err = mergedChild(observed, stub)
	require.NoError(t, err)
	require.NotContains(t, merged.Object, "spec")
	require.Contains(t, observed.Object, "spec", "the observed child is from the cache and not changed")
}

func TestMergedChildNamesABrokenAnnotation(t *testing.T) {
	observed := obj("v1", "Pod", "ns", "p")
	observed.SetAnnotations(map[string]string{lastAppliedAnnotation: "{"})
	_, err := mergedChild(observed, obj("v1", "Pod", "ns", "p"))
	require.ErrorContains(t, err, lastAppliedAnnotation)
}

func fromYAML(t *testing.T, text string) map[string]any {
	o := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &o.Object))
	return o.Object
}
