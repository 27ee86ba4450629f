package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 20: 1, 21: 2, 50: 3, 90: 5, 100: 5} {
		assert.InDelta(t, want, percentile(values, p), 0, "p%v", p)
	}
	assert.Equal(t, []float64{5, 1, 4, 2, 3}, values, "the caller's values keep their order")
	assert.InDelta(t, 2, percentile([]float64{1, 2, 3, 4}, 50), 0)
	assert.True(t, math.IsNaN(percentile(nil, 50)))
}

func TestFiguresOfACell(t *testing.T) {
	for want, have := range map[string]string{
		"1.5":                     spread([]float64{1.5}),
		"0.5–10.1":                spread([]float64{10.1, 0.5, 3}),
		"1.0–4.0 (median 2.0)":    spread([]float64{4, 3, 2, 1}),
		"14–15":                   count([]float64{15, 14}),
		"0":                       count([]float64{0, 0, 0}),
		"1 of 3":                  share([]float64{0, 1, 0}),
		"20.0 (median 20.0)":      spread([]float64{20.01, 20.04, 19.96, 20}),
		"0 of 2":                  share([]float64{0, 0}),
		"20.1–21.9 (median 20.5)": spread([]float64{20.1, 20.5, 21, 20.2, 21.9}),
	} {
		assert.Equal(t, want, have)
	}
}

func TestTableComparesOurWorstRun(t *testing.T) {
	all := []row{{
		key: "one", what: "requested / running", beforeRuns: "7", before: "38.0 / 46.5",
		metrics: []metric{{name: "requested", show: spread, than: 38}, {name: "running", show: spread, than: 46.5}},
	}}
	for name, test := range map[string]struct {
		running []float64
		want    string
	}{
		"better":           {[]float64{20, 22}, "| requested / running | 7 | 38.0 / 46.5 | 2 | 1.0–2.0 / 20.0–22.0 | yes |"},
		"one run is worse": {[]float64{20, 47}, "| 2 | 1.0–2.0 / 20.0–47.0 | **no** |"},
		"another n":        {[]float64{20}, "| 2 / 1 | 1.0–2.0 / 20.0 | yes |"},
		"not measured":     {nil, "| 0 | not measured | – |"},
	} {
		t.Run(name, func(t *testing.T) {
			measured := measurements{"one": {"requested": {1, 2}, "running": test.running}}
			assert.Contains(t, markdown(all, measured), test.want)
		})
	}
}

func TestMoreCheckpointsAreBetter(t *testing.T) {
	m := metric{than: 0, more: true}
	assert.True(t, m.better([]float64{14, 1}))
	assert.False(t, m.better([]float64{14, 0}))
}

// Every row of the table is measured by some scenario: a metric that nobody notes would stay "not measured".
func TestRowsAreNoted(t *testing.T) {
	files, err := filepath.Glob("bench_*.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		if file != "bench_rows.go" && !strings.HasSuffix(file, "_test.go") {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			source.Write(content)
		}
	}
	for _, r := range rows() {
		assert.Contains(t, source.String(), `"`+r.key+`"`, r.what)
	}
}

func TestSamplesKeepEveryValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples.json")
	measured := measurements{}
	for _, v := range []float64{3, 1, 2} {
		measured.add("one", "running", v)
	}
	measured.add("both", "training lost", 7)
	require.NoError(t, writeSamples(path, measured))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var have []samples
	require.NoError(t, json.Unmarshal(content, &have))
	assert.Equal(t, []samples{
		{Row: "both", Metric: "training lost", N: 1, Min: 7, P50: 7, P90: 7, P99: 7, Max: 7, Values: []float64{7}},
		{Row: "one", Metric: "running", N: 3, Min: 1, P50: 2, P90: 3, P99: 3, Max: 3, Values: []float64{3, 1, 2}},
	}, have)
}

func TestWritesAreThoseThatStoreSomething(t *testing.T) {
	writes := writesIn([]byte(`# TYPE apiserver_request_total counter
apiserver_request_total{code="200",group="training.training.dcnlab.com",resource="spotinstancevms",subresource="status",verb="PUT"} 3
apiserver_request_total{code="409",group="training.training.dcnlab.com",resource="spotinstancevms",subresource="status",verb="PUT"} 1
apiserver_request_total{code="200",group="training.training.dcnlab.com",resource="spotinstancevms",subresource="",verb="GET"} 9
apiserver_request_total{code="200",group="coordination.k8s.io",resource="leases",subresource="",verb="PUT"} 50
apiserver_request_total{code="200",group="",resource="nodes",subresource="status",verb="PATCH"} 7
apiserver_request_total{code="200",group="",resource="nodes",subresource="",verb="PATCH"} 2
apiserver_request_total{code="201",group="authentication.k8s.io",resource="tokenreviews",subresource="",verb="POST"} 4
apiserver_request_total{code="201",group="",resource="events",subresource="",verb="POST"} 1.5e+01
apiserver_request_duration_seconds_count{verb="PUT",resource="pods"} 1
`))
	assert.Equal(t, map[string]float64{"PUT spotinstancevms/status": 4, "PATCH nodes": 2, "POST events": 15}, writes)
}

func TestChoice(t *testing.T) {
	c, err := choose([]string{"--json", "out.json", "--only", "one,twenty", "--runs", "1"})
	require.NoError(t, err)
	assert.Equal(t, choice{json: "out.json", only: []string{"one", "twenty"}, runs: 1}, c)
	chosen := c.of([]scenario{{name: "both", runs: 6}, {name: "one", runs: 10}})
	require.Len(t, chosen, 1)
	assert.Equal(t, 1, chosen[0].runs)

	_, err = choose([]string{"--only", "two"})
	assert.ErrorContains(t, err, `no scenario "two": there are one, both`)
	_, err = choose([]string{"one"})
	assert.ErrorContains(t, err, "does not know")
}

func TestEveryScenarioIsRepeatedAndBounded(t *testing.T) {
	for _, stage := range append(stages(), realStages()...) {
		for _, l := range stage {
			assert.Positive(t, l.width)
			for _, s := range l.scenarios {
				assert.Positive(t, choice{only: []string{s.name}}.of([]scenario{s})[0].runs, s.name)
				assert.Positive(t, s.limit, s.name)
			}
		}
	}
}

func TestRealNodesHaveScenariosOfTheirOwn(t *testing.T) {
	c, err := choose([]string{"--nodes", "real", "--only", "real64"})
	require.NoError(t, err)
	assert.True(t, c.real)
	_, err = choose([]string{"--only", "real64"})
	assert.ErrorContains(t, err, "no scenario")
	_, err = choose([]string{"--nodes", "fake"})
	assert.ErrorContains(t, err, "--nodes=real")
	for _, r := range realRows() {
		assert.Contains(t, []string{"real64", "real512"}, r.key)
	}
}

func TestWhatAKubeletSaysOfAPull(t *testing.T) {
	p := &pulls{done: map[string]pull{}}
	event := func(reason, message string) *corev1.Event {
		return &corev1.Event{Reason: reason, Message: message, InvolvedObject: corev1.ObjectReference{Name: "pod"}}
	}
	p.saw(event("Pulled", `Container image "docker.io/acme/a:1" already present on machine`))
	p.saw(event("Pulling", `Pulling image "docker.io/acme/b:1"`))
	p.saw(event("Pulled", `Successfully pulled image "docker.io/acme/b:1" in 1.234s (1.5s including waiting). Image size: 12500000 bytes.`))
	assert.Zero(t, p.of("docker.io/acme/a:1"))
	got := p.of("docker.io/acme/b:1")
	assert.False(t, got.seen.IsZero())
	got.seen = time.Time{}
	assert.Equal(t, pull{pod: "pod", took: 1234 * time.Millisecond, megabytes: 12.5}, got)
}
