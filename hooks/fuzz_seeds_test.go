package hooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

// seed is a case to start from.
type seed struct {
	body, edits []byte
	seconds     int64
}

// nastySeeds are requests that a reader of JSON may stumble over.
var nastySeeds = []seed{
	{body: nil},
	{body: []byte(`null`)},
	{body: []byte(`[]`)},
	{body: []byte(`{}`)},
	{body: []byte(`{"parent":null}`)},
	{body: []byte(`{"parent":`)},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"}}}{"parent":{}}`)},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"}},"parent":{"metadata":{"uid":""}}}`)},
	{body: []byte(`{"PARENT":{"METADATA":{"UID":"u"}}}`)},
	{body: []byte("\xef\xbb\xbf{}")},
	{body: []byte("{\"parent\":{\"metadata\":{\"uid\":\"\xff\xfe\"}}}")},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"},"spec":{"replicas":1e3}}}`)},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"}},"children":null,"related":null}`)},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"}},"related":{"Job.batch/v1":null,"Pod.v1":{"":null},"Node.v1":{"x":[]}}}`)},
	{body: []byte(`{"parent":{"metadata":{"uid":"u"}},"children":{"Job.batch/v1":{"a/b":null}},"related":{"Pod.v1":{"a":{}}}}`)},
	{body: []byte(`{"controller":{"spec":{"childResources":[null,{"updateStrategy":{"method":"InPlace"}}]}},"parent":{"metadata":{"uid":"u"}}}`)},
	{body: []byte(strings.Repeat(`{"parent":`, 20_000))},
	{body: []byte(strings.Repeat(`[`, 20_000))},
}

// storySeeds are the requests of a hook's golden stories, as hooktest.Suite sends them.
func storySeeds(f *testing.F, hook string) []seed {
	f.Helper()
	files, err := filepath.Glob(filepath.Join(hook, "testdata", "*.txtar"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	var seeds []seed
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		var at time.Time
		var request story
		for _, part := range archive.Files {
			switch part.Name {
			case "now":
				at, err = time.Parse(time.RFC3339, strings.TrimSpace(string(part.Data)))
				require.NoError(f, err)
			case "request.yaml":
				require.NoError(f, yaml.UnmarshalStrict(part.Data, &request))
			}
		}
		body := marshal(f, readStory(f, filepath.Join(hook, "testdata", "base.yaml")).with(request).grouped())
		seeds = append(seeds, seed{body: body, seconds: int64(at.Sub(fuzzEpoch).Seconds())})
	}
	return seeds
}

// story is a request with its objects in lists, and what objects of a kind have unless they say otherwise.
type story struct {
	Parent   object            `json:"parent"`
	Children []object          `json:"children"`
	Related  []object          `json:"related"`
	Defaults map[string]object `json:"defaults"`
}

func readStory(f *testing.F, file string) story {
	f.Helper()
	data, err := os.ReadFile(file)
	require.NoError(f, err)
	var s story
	require.NoError(f, yaml.UnmarshalStrict(data, &s))
	return s
}

// with is the base as a story changed it. Later objects of a name come over earlier ones.
func (s story) with(told story) story {
	return story{
		Parent:   merge(s.Parent, told.Parent),
		Children: append(s.Children, told.Children...),
		Related:  append(s.Related, told.Related...),
		Defaults: s.Defaults,
	}
}

// grouped is the request as Metacontroller sends it.
func (s story) grouped() object {
	children := object{"Job.batch/v1": object{}, "CheckpointBackup.migration.dcnlab.com/v1": object{}}
	related := object{"Pod.v1": object{}, "SpotInstanceVM.training.training.dcnlab.com/v1alpha1": object{}}
	s.file(s.Children, children)
	s.file(s.Related, related)
	return object{"controller": object{}, "parent": s.Parent, "children": children, "related": related, "finalizing": false}
}

func (s story) file(objects []object, groups object) {
	parent, _ := s.Parent["metadata"].(object)
	namespace, _ := parent["namespace"].(string)
	for _, o := range objects {
		kind, _ := o["kind"].(string)
		metadata, _ := o["metadata"].(object)
		name := fmt.Sprintf("%s/%s", namespace, metadata["name"])
		for group, filed := range groups {
			if strings.HasPrefix(group, kind+".") {
				by, _ := filed.(object)
				known, exists := by[name].(object)
				if !exists {
					known = s.Defaults[kind]
				}
				by[name] = merge(known, o)
			}
		}
	}
}

// merge returns a copy of into, changed by the JSON merge patch.
func merge(into, patch object) object {
	merged := maps.Clone(into)
	if merged == nil {
		merged = object{}
	}
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

func marshal(tb testing.TB, value any) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	require.NoError(tb, json.NewEncoder(&buffer).Encode(value))
	return bytes.TrimSpace(buffer.Bytes())
}
