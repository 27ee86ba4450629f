package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type syncFunc = func(context.Context, *Request[corev1.Pod]) (Response, error)

func answering(r Response, err error) syncFunc {
	return func(context.Context, *Request[corev1.Pod]) (Response, error) { return r, err }
}

const podRequest = `{"controller":{},"parent":{"metadata":{"uid":"u1","namespace":"ns","name":"p"}},"children":{},"related":{},"finalizing":false}`

func TestSyncAnswers(t *testing.T) {
	status := map[string]string{"phase": "Running"}
	for name, test := range map[string]struct {
		body     string
		hook     syncFunc
		code     int
		contains string
	}{
		"a response": {
			podRequest, answering(Response{Status: status, ResyncAfterSeconds: 1.5}, nil),
			http.StatusOK, `{"status":{"phase":"Running"},"children":[],"resyncAfterSeconds":1.5}`,
		},
		"a hook's error is the user's to read": {
			podRequest, answering(Response{}, errors.New("the world is unclear")),
			http.StatusInternalServerError, "the world is unclear",
		},
		"a hook's bad request": {
			podRequest, answering(Response{}, fmt.Errorf("%w: no labels", ErrBadRequest)),
			http.StatusBadRequest, "no labels",
		},
		"no status would wipe the parent's": {
			podRequest, answering(Response{Children: []any{}}, nil),
			http.StatusInternalServerError, "no status",
		},
		"a null child would crash the caller": {
			podRequest, answering(Response{Status: status, Children: []any{nil}}, nil),
			http.StatusInternalServerError, "null child",
		},
		"a typed nil is a null child too": {
			podRequest, answering(Response{Status: status, Children: []any{(*corev1.Pod)(nil)}}, nil),
			http.StatusInternalServerError, "null child",
		},
		"not JSON":            {`{"parent":`, answering(Response{Status: status}, nil), http.StatusBadRequest, "decode the request"},
		"JSON without parent": {`{}`, answering(Response{Status: status}, nil), http.StatusBadRequest, "no parent"},
	} {
		t.Run(name, func(t *testing.T) {
			handler := Sync(slog.New(slog.DiscardHandler), "test", test.hook)
			w := httptest.NewRecorder()
			handler(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body)))
			assert.Equal(t, test.code, w.Code)
			assert.Contains(t, w.Body.String(), test.contains)
		})
	}
}

func TestSyncRefusesABodyBeyondTheLimit(t *testing.T) {
	called := false
	handler := Sync(slog.New(slog.DiscardHandler), "test", func(context.Context, *Request[corev1.Pod]) (Response, error) {
		called = true
		return Response{}, nil
	})
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest(http.MethodPost, "/", &endless{left: maxBody + 1}))
	assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	assert.Contains(t, w.Body.String(), "too large")
	assert.False(t, called)
}

// endless is a body of spaces.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), e.left)
	if n == 0 {
		return 0, errors.New("read past the limit")
	}
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left -= n
	return n, nil
}

// The memory of one request is that of the next.
func TestWhatWasDecodedOutlivesTheRequest(t *testing.T) {
	kept := map[string]*Request[corev1.Pod]{}
	handler := Sync(slog.New(slog.DiscardHandler), "test", func(_ context.Context, r *Request[corev1.Pod]) (Response, error) {
		kept[r.Parent.Name] = r
		return Response{Status: 1}, nil
	})
	for _, name := range []string{"a", "b", "c"} {
		body := strings.ReplaceAll(`{"parent":{"metadata":{"uid":"u-X","name":"X","annotations":{"note":"about X"},"managedFields":[{"fieldsV1":{"f:X":{}}}]}}}`, "X", name)
		handler(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	}
	for name, r := range kept {
		assert.Equal(t, name, r.Parent.Name)
		assert.Equal(t, "about "+name, r.Parent.Annotations["note"])
		assert.Equal(t, `{"f:`+name+`":{}}`, string(r.Parent.ManagedFields[0].FieldsV1.GetRawBytes()))
	}
	assert.Len(t, kept, 3)
}

func TestSyncLogsOneLineWithTheDecision(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	handler := Sync(log, "jobs/sync", answering(Response{Status: 1, Log: []slog.Attr{slog.String("phase", "Pending -> Running")}}, nil))
	handler(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(podRequest)))
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
	for _, want := range []string{"hook=jobs/sync", "parent=ns/p", "uid=u1", `phase="Pending -> Running"`, "ms="} {
		assert.Contains(t, out.String(), want)
	}
}

func TestCustomize(t *testing.T) {
	handler := Customize(slog.New(slog.DiscardHandler), "test", func(pod *corev1.Pod) CustomizeResponse {
		return CustomizeResponse{RelatedResources: []RelatedRule{{APIVersion: "v1", Resource: "pods", Namespace: pod.Namespace, Names: []string{pod.Name}}}}
	})
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(podRequest)))
	assert.JSONEq(t, `{"relatedResources":[{"apiVersion":"v1","resource":"pods","namespace":"ns","names":["p"]}]}`, w.Body.String())

	w = httptest.NewRecorder()
	handler(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`)))
	assert.Equal(t, http.StatusBadRequest, w.Code)
}

func TestObjects(t *testing.T) {
	groups := Groups{"Pod.v1": {
		"ns/b": []byte(`{"metadata":{"name":"b"}}`),
		"ns/a": []byte(`{"metadata":{"name":"a"}}`),
	}, "Node.v1": {}, "Bad.v1": {"ns/x": []byte(`{"metadata":7}`)}}

	pods, err := Objects[corev1.Pod](groups, "Pod.v1")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, []string{pods[0].Name, pods[1].Name})

	nodes, err := Objects[corev1.Node](groups, "Node.v1")
	require.NoError(t, err)
	assert.Empty(t, nodes)

	_, err = Objects[corev1.Pod](groups, "Secret.v1")
	assert.ErrorContains(t, err, `no group "Secret.v1"`)

	_, err = Objects[corev1.Pod](groups, "Bad.v1")
	assert.ErrorContains(t, err, "decode Bad.v1 ns/x")
}

// What is left in the request's bytes is each object whole, and cannot grow into the next one.
func TestObjectsStayInTheRequest(t *testing.T) {
	data := []byte(`{"related": {"Pod.v1": {"a":  {"x": "\u00e9"} ,"b":null, "c":[1, 2]}, "Node.v1": {}}, "children": null}`)
	var request Request[corev1.Pod]
	require.NoError(t, unmarshalInPlace(data, &request))
	pods := request.Related["Pod.v1"]
	found := map[string]string{}
	for name, raw := range pods {
		found[name] = string(raw)
	}
	assert.Equal(t, map[string]string{"a": `{"x": "\u00e9"}`, "b": `null`, "c": `[1, 2]`}, found)
	assert.Equal(t, len(pods["c"]), cap(pods["c"]))
	assert.NotNil(t, request.Related["Node.v1"])
	assert.Nil(t, request.Children)
	assert.Error(t, unmarshalInPlace([]byte(`{"related": {"Pod.v1": {"a": {"x": }}}}`), &request))
}

func TestRequireOnDelete(t *testing.T) {
	for name, test := range map[string]struct{ strategy, refused string }{
		"absent":   {``, ""},
		"OnDelete": {`,"updateStrategy":{"method":"OnDelete"}`, ""},
		"empty":    {`,"updateStrategy":{}`, ""},
		"InPlace":  {`,"updateStrategy":{"method":"InPlace"}`, "updateStrategy must be OnDelete, not InPlace"},
		"Recreate": {`,"updateStrategy":{"method":"Recreate"}`, "updateStrategy must be OnDelete, not Recreate"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"controller":{"metadata":{"name":"cc"},"spec":{"childResources":[{"apiVersion":"batch/v1","resource":"jobs"` + test.strategy + `}]}},` +
				podRequest[len(`{"controller":{},`):]
			handler := Sync(slog.New(slog.DiscardHandler), "test", func(_ context.Context, r *Request[corev1.Pod]) (Response, error) {
				return Response{Status: 1}, r.Controller.RequireOnDelete()
			})
			w := httptest.NewRecorder()
			handler(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
			if test.refused == "" {
				assert.Equal(t, http.StatusOK, w.Code, w.Body)
				return
			}
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Contains(t, w.Body.String(), test.refused)
			assert.Contains(t, w.Body.String(), "nothing was changed")
		})
	}
}
