package hooks

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
)

// The fuzz targets send bytes to the router, as anybody in the cluster's network can, and hold every answer to the laws in
// fuzz_laws_test.go. A case is a body, edits to it (see edited), and the time of the call in seconds since fuzzEpoch.
var fuzzEpoch = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

const (
	jobCRD  = "../crds/training.training.dcnlab.com_spotinstancejobs.yaml"
	poolCRD = "../crds/training.training.dcnlab.com_spotinstancevms.yaml"
)

// timeOf keeps the time of a call within a year of the stories.
func timeOf(seconds int64) time.Time {
	const year = 365 * 24 * 60 * 60
	return fuzzEpoch.Add(time.Duration(seconds%year) * time.Second)
}

func newRouter(job spotinstancejob.Hook, vm *spotinstancevm.Hook) http.Handler {
	return Router(Server{Job: job, VM: vm, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
}

// reply is an answer of the router.
type reply struct {
	code        int
	contentType string
	body        []byte
}

func post(handler http.Handler, path string, body []byte) reply {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return reply{recorder.Code, recorder.Header().Get("Content-Type"), bytes.TrimSpace(recorder.Body.Bytes())}
}

// jobRouter is a router whose job hook takes the time from a variable. No pool is served.
func jobRouter(now *time.Time) http.Handler {
	clock := func() time.Time { return *now }
	return newRouter(spotinstancejob.Hook{Now: clock}, spotinstancevm.New(spotinstancevm.Config{Now: clock}))
}

func FuzzJobSync(f *testing.F) {
	for _, seed := range append(storySeeds(f, "spotinstancejob"), nastySeeds...) {
		f.Add(seed.body, seed.edits, seed.seconds)
	}
	var now time.Time
	router := jobRouter(&now)
	schema := schemaOf(jobCRD)
	f.Fuzz(func(t *testing.T, body, edits []byte, seconds int64) {
		now = timeOf(seconds)
		body = edited(body, edits)
		got := post(router, "/spotinstancejob/sync", body)
		again := post(router, "/spotinstancejob/sync", body)
		require.Equal(t, string(got.body), string(again.body), "the same bytes at the same time")
		require.Equal(t, got.code, again.code)
		if checkReply(t, got) {
			checkJobAnswer(t, schema(t), body, got.body)
		}
	})
}

func FuzzJobCustomize(f *testing.F) {
	for _, seed := range append(storySeeds(f, "spotinstancejob"), nastySeeds...) {
		f.Add(seed.body, seed.edits)
	}
	now := fuzzEpoch
	router := jobRouter(&now)
	f.Fuzz(func(t *testing.T, body, edits []byte) {
		checkCustomize(t, router, "/spotinstancejob/customize", edited(body, edits))
	})
}

func FuzzPoolSync(f *testing.F)     { fuzzPool(f, "/spotinstancevm/sync") }
func FuzzPoolFinalize(f *testing.F) { fuzzPool(f, "/spotinstancevm/finalize") }

// fuzzPool sends a request to a hook server that has just started, in a world made by weather (see newPoolWorld), and goes
// on for two more calls as Metacontroller would.
func fuzzPool(f *testing.F, path string) {
	f.Helper()
	for _, seed := range append(lifeSeeds(f), nastySeeds...) {
		for _, weather := range []uint16{0, vmsRun} {
			f.Add(seed.body, seed.edits, seed.seconds, weather)
		}
	}
	schema := schemaOf(poolCRD)
	f.Fuzz(func(t *testing.T, body, edits []byte, seconds int64, weather uint16) {
		w := newPoolWorld(timeOf(seconds), weather)
		body = edited(body, edits)
		for range 3 {
			got := w.call(t, path, body)
			if !checkReply(t, got) {
				return
			}
			answer := checkPoolAnswer(t, schema(t), body, got.body)
			w.checkLetGo(t, answer)
			if body = withStatus(t, body, answer.Status); body == nil || answer.Finalized {
				return
			}
			w.clock.Advance(time.Duration(answer.ResyncAfterSeconds * float64(time.Second)))
		}
	})
}

func FuzzPoolCustomize(f *testing.F) {
	for _, seed := range append(lifeSeeds(f), nastySeeds...) {
		f.Add(seed.body, seed.edits)
	}
	now := fuzzEpoch
	router := jobRouter(&now)
	f.Fuzz(func(t *testing.T, body, edits []byte) {
		checkCustomize(t, router, "/spotinstancevm/customize", edited(body, edits))
	})
}

// schemaOf reads a CRD when it is first asked for: testing.F gives no testing.T.
func schemaOf(file string) func(t *testing.T) hooktest.Schema {
	var schema *hooktest.Schema
	return func(t *testing.T) hooktest.Schema {
		t.Helper()
		if schema == nil {
			loaded := hooktest.LoadSchema(t, file)
			schema = &loaded
		}
		return *schema
	}
}

// withStatus is the request that follows when Metacontroller has stored the status. It is nil for a request with fields in
// another case, which Go takes and Metacontroller never sends.
func withStatus(t *testing.T, body []byte, status object) []byte {
	t.Helper()
	var request object
	require.NoError(t, json.Unmarshal(body, &request))
	parent, isObject := request["parent"].(object)
	if !isObject {
		return nil
	}
	parent["status"] = status
	return marshal(t, request)
}
