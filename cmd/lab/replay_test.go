package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

func TestReplaysThatMakeNoSense(t *testing.T) {
	for args, want := range map[string]string{
		"extra":                          "lab replay does not know",
		"--zones=us-east1-b":             `--zones: the trace has no zone "us-east1-b": choose among us-central1-a,us-central1-b`,
		"--zones=us-central1-a,":         `--zones: the trace has no zone ""`,
		"--zones=us-central1-a --zones=": `--zones: the trace has no zone ""`,
		"--trace=no-such.csv":            "--trace: open no-such.csv",
	} {
		assert.ErrorContains(t, replay(t.Context(), strings.Fields(args), io.Discard), want, args)
	}
}

func TestReplayTableByHand(t *testing.T) {
	table := replayTable([]*replayed{{name: "pool in us-east1-b", held: sim.Held{
		Lasted: 100 * time.Hour, Ideal: 80 * time.Hour, Ready: 60 * time.Hour, Losses: 3, Inserts: 10, Failed: 6,
	}}})
	assert.Contains(t, table, "\n| pool in us-east1-b | 80.0 % | 60.0 % | 75.0 % | 3 | 10 | 6 |\n")
}

// Two pools, and each of their zones once.
func TestReplayOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "two-rows.csv")
	require.NoError(t, os.WriteFile(file, []byte("scheduled_at,us-east1-b,us-east1-c\n2026-03-01T00:00:00Z,1,0\n2026-03-01T01:00:00Z,0,1\n"), 0o600))
	var out strings.Builder
	require.NoError(t, replay(t.Context(), []string{"--trace", file, "--zones=us-east1-b,us-east1-c", "--zones=us-east1-c"}, &out))
	assert.Contains(t, out.String(), "2 rows of 1h from "+file)
	for _, start := range []string{
		"| pool in us-east1-b, us-east1-c | 100.0 % | 9", "| pool in us-east1-c | 50.0 % | 4",
		"| same zone again: us-east1-b | 50.0 % | 4", "| same zone again: us-east1-c | 50.0 % | 4",
	} {
		assert.Contains(t, out.String(), "\n"+start)
	}
	assert.Equal(t, 8, strings.Count(out.String(), "\n"))
}
