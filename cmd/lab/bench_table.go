package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// markdown is the table of all rows, the first operator's figures beside ours.
func markdown(all []row, measured measurements) string {
	var out strings.Builder
	out.WriteString("| what | n | first operator | n | this operator | better |\n|---|---|---|---|---|---|\n")
	for _, r := range all {
		runs, ours, better := r.cells(measured[r.key])
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.beforeRuns, r.before, runs, ours, better)
	}
	return out.String()
}

// cells are the columns of a row that are ours.
func (r row) cells(values map[string][]float64) (runs, ours, better string) {
	var counts, texts []string
	better = "yes"
	for _, m := range r.metrics {
		v := values[m.name]
		if len(v) == 0 {
			return "0", "not measured", "–"
		}
		if n := fmt.Sprint(len(v)); !slices.Contains(counts, n) {
			counts = append(counts, n)
		}
		texts = append(texts, m.show(v))
		if !m.better(v) {
			better = "**no**"
		}
	}
	return strings.Join(counts, " / "), strings.Join(texts, " / "), better
}

// samples are the values of one metric as they go into the JSON file.
type samples struct {
	Row    string    `json:"row"`
	Metric string    `json:"metric"`
	N      int       `json:"n"`
	Min    float64   `json:"min"`
	P50    float64   `json:"p50"`
	P90    float64   `json:"p90"`
	P99    float64   `json:"p99"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"` // seconds, or counts; in the order in which they were taken
}

// allSamples are all metrics by row and name, those that the table leaves out as well.
func allSamples(measured measurements) []samples {
	all := []samples{}
	for _, row := range sortedKeys(measured) {
		for _, metric := range sortedKeys(measured[row]) {
			v := measured[row][metric]
			all = append(all, samples{
				Row: row, Metric: metric, N: len(v), Values: v,
				Min: percentile(v, 0), P50: percentile(v, 50), P90: percentile(v, 90), P99: percentile(v, 99), Max: percentile(v, 100),
			})
		}
	}
	return all
}

func writeSamples(path string, measured measurements) error {
	content, err := json.MarshalIndent(allSamples(measured), "", "  ")
	if err != nil {
		return fmt.Errorf("encode the samples: %w", err)
	}
	return os.WriteFile(path, append(content, '\n'), 0o600)
}
