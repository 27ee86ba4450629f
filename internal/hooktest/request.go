package hooktest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Request is a request with its objects in lists.
type Request struct {
	Parent   object   `json:"parent"`
	Children []object `json:"children"`
	Related  []object `json:"related"`
}

// base is testdata/base.yaml: the request that stories start from, and what objects of a kind have unless they say
// otherwise.
type base struct {
	Request
	Defaults map[string]object `json:"defaults"` // by kind
}

type object = map[string]any

// read merges a story's request into the base, as JSON merge patches: an object of the same kind and name is changed,
// lists are replaced, null removes.
func (s Suite) read(t *testing.T, text []byte) Request {
	t.Helper()
	var from base
	data, err := os.ReadFile(filepath.Join("testdata", "base.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(data, &from))
	var story Request
	require.NoError(t, yaml.UnmarshalStrict(text, &story))

	request := Request{
		Parent:   merge(from.Parent, story.Parent),
		Children: from.all(from.Children, story.Children),
		Related:  from.all(from.Related, story.Related),
	}
	require.Empty(t, s.Parent.Refuses(request.Parent), "the parent of this story could not be stored")
	for _, child := range request.Children {
		checkStrict(t, s.Children, child)
	}
	for _, related := range request.Related {
		checkStrict(t, s.Related, related)
	}
	return request
}

// all are the objects of the base, as a story changed them, and those that it adds.
func (b base) all(given, told []object) []object {
	var objects []object
	for _, o := range given {
		objects = append(objects, merge(b.Defaults[kindOf(o)], o))
	}
next:
	for _, o := range told {
		for i := range objects {
			if kindOf(o) == kindOf(objects[i]) && nameOf(o) == nameOf(objects[i]) {
				objects[i] = merge(objects[i], o)
				continue next
			}
		}
		objects = append(objects, merge(b.Defaults[kindOf(o)], o))
	}
	return objects
}

func kindOf(o object) string { return textAt(o, "kind") }

func nameOf(o object) string { return textAt(o, "metadata", "name") }

func textAt(o object, path ...string) string {
	for _, field := range path[:len(path)-1] {
		o, _ = o[field].(object)
	}
	text, _ := o[path[len(path)-1]].(string)
	return text
}

// merge returns a copy of into, changed by the JSON merge patch.
func merge(into, patch object) object {
	merged := object{}
	maps.Copy(merged, into)
	for field, value := range patch {
		change, isObject := value.(object)
		was, wasObject := merged[field].(object)
		switch {
		case value == nil:
			delete(merged, field)
		case isObject && wasObject:
			merged[field] = merge(was, change)
		default:
			merged[field] = value
		}
	}
	return merged
}

func checkStrict(t *testing.T, kinds []Kind, o object) {
	t.Helper()
	kind, ok := find(kinds, o)
	require.True(t, ok, "the hook is not sent objects like %s %s", textAt(o, "apiVersion"), kindOf(o))
	data, err := json.Marshal(o)
	require.NoError(t, err)
	strict, err := kjson.UnmarshalStrict(data, reflect.New(reflect.TypeOf(kind.Type)).Interface())
	require.NoError(t, err)
	require.Empty(t, strict, "%s %s", kind.Kind, nameOf(o))
}

func find(kinds []Kind, o object) (Kind, bool) {
	for _, kind := range kinds {
		if kind.APIVersion == textAt(o, "apiVersion") && kind.Kind == kindOf(o) {
			return kind, true
		}
	}
	return Kind{}, false
}

// grouped is the request as Metacontroller sends it.
func (s Suite) grouped(request Request) object {
	return object{
		"controller": object{"metadata": object{"name": "under-test"}, "spec": object{"childResources": []any{}}},
		"parent":     request.Parent,
		"children":   groups(s.Children, request.Children),
		"related":    groups(s.Related, request.Related),
		"finalizing": false,
	}
}

func groups(kinds []Kind, objects []object) object {
	by := object{}
	for _, kind := range kinds {
		by[kind.group()] = object{}
	}
	for _, o := range objects {
		kind, _ := find(kinds, o)
		key := nameOf(o)
		if namespace := textAt(o, "metadata", "namespace"); namespace != "" {
			key = namespace + "/" + key
		}
		by[kind.group()].(object)[key] = o
	}
	return by
}
