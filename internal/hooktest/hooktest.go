// Package hooktest runs the golden stories of a hook, and holds it to the laws that Metacontroller imposes on every
// answer.
//
// A story is a file testdata/<story>.txtar: a comment that tells it, then the files
//
//	now            the time of the call, RFC 3339
//	request.yaml   parent, children and related, as far as they differ from testdata/base.yaml
//	response.yaml  the wanted answer
//
// The hook is called as Metacontroller does: bytes over HTTP, objects grouped by kind, empty groups included. Run
// `go test -update` to rewrite the answers, and read the difference.
//
// It knows no kind and no rule of a hook; see Suite for what a hook's test tells it.
package hooktest

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the answers of golden stories")

// Suite is a hook under test.
type Suite struct {
	// Sync serves sync calls at a time.
	Sync func(now time.Time) http.Handler
	// Parent is the CRD of the parent, which every parent and every status must satisfy.
	Parent Schema
	// Children and Related are the kinds that Metacontroller watches for the hook. Objects of other kinds are refused.
	Children, Related []Kind
}

// Kind is a kind of object in requests.
type Kind struct {
	APIVersion, Kind string
	// Type is a value of the Go type that objects of the kind in stories must strictly decode into.
	Type any
	// Check looks at an object that the hook wants created. May be nil.
	Check func(t *testing.T, object []byte)
}

// group is the key of the kind in a request, by hook version v2.
func (k Kind) group() string {
	group, version, ok := strings.Cut(k.APIVersion, "/")
	if !ok {
		return k.Kind + "." + k.APIVersion
	}
	return k.Kind + "." + group + "/" + version
}

// Run runs every story of testdata.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no stories in testdata")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { s.run(t, file) })
	}
}

func (s Suite) run(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	require.NotEmpty(t, bytes.TrimSpace(archive.Comment), "a story begins with a comment that tells it")
	now, err := time.Parse(time.RFC3339, strings.TrimSpace(string(section(t, archive, "now").Data)))
	require.NoError(t, err)
	call := call{suite: s, handler: s.Sync(now), now: now}

	request := s.read(t, section(t, archive, "request.yaml").Data)
	answer := call.do(t, encode(t, s.grouped(request)))
	got, err := yaml.JSONToYAML(answer)
	require.NoError(t, err)
	want := section(t, archive, "response.yaml")
	if *update {
		want.Data = got
		require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
	}
	require.Equal(t, string(want.Data), string(got))
	call.checkLaws(t, request, answer)
}

func section(t *testing.T, archive *txtar.Archive, name string) *txtar.File {
	t.Helper()
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			return &archive.Files[i]
		}
	}
	require.Failf(t, "incomplete story", "it lacks the file %s", name)
	return nil
}

// call is a hook at one time.
type call struct {
	suite   Suite
	handler http.Handler
	now     time.Time
}

// do returns the body of the hook's answer, which must be a success.
func (c call) do(t *testing.T, request []byte) []byte {
	t.Helper()
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sync", bytes.NewReader(request)))
	require.Equal(t, http.StatusOK, recorder.Code, recorder.Body.String())
	return bytes.TrimSpace(recorder.Body.Bytes())
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return data
}
