package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

func TestSimulationsThatMakeNoSense(t *testing.T) {
	for args, want := range map[string]string{
		"extra":                           "does not know",
		"--zones=here":                    `--zones: "here" is no zone: write for example us-central1-a,us-central1-b`,
		"--zones=us-east1-b,us-east1-b":   "--zones: us-east1-b is named twice: name it once",
		"--replicas=0":                    "--replicas 0: from 1 to 10",
		"--interval=10s":                  "--interval 10s: one minute or more",
		"--interval=often":                "--interval often: write auto, or a duration such as 30m",
		"--freeze-seconds=181":            "--freeze-seconds 181: from 0 to --checkpoint-seconds 180",
		"--freeze-seconds=x":              "--freeze-seconds x: write a number",
		"--checkpoint-seconds=0":          "--checkpoint-seconds 0: more than 0",
		"--boot-seconds=-1":               "--boot-seconds -1: 0 or more",
		"--notice-seconds=30":             "--notice-seconds 30: 0 or 120",
		"--days=0":                        "--days 0: more than 0",
		"--trace=no-such.csv":             "--trace: open no-such.csv",
		"--prices=no-such.csv":            "--prices: open no-such.csv",
		"--replicas=0 --notice-seconds=1": "--replicas 0: from 1 to 10\n--notice-seconds 1: 0 or 120",
	} {
		assert.ErrorContains(t, simulate(t.Context(), strings.Fields(args), io.Discard), want, args)
	}
}

func TestPolicies(t *testing.T) {
	s, err := chooseSimulation([]string{"--interval=1h", "--replicas=1"})
	require.NoError(t, err)
	var names []string
	for _, p := range s.policies() {
		names = append(names, p.Name)
	}
	assert.Equal(t, []string{
		"as asked", "no checkpoints", "auto interval", "every 10m", "every 30m", "every 3h", "2 replicas", "3 replicas", "only us-central1-a",
		"one plain VM in us-central1-a", "serial recovery in us-central1-a", "serial recovery, nursed",
	}, names)
	for d, want := range map[time.Duration]string{time.Hour: "1h", 90 * time.Minute: "1h30m", 30 * time.Minute: "30m", 90 * time.Second: "1m30s"} {
		assert.Equal(t, want, short(d))
	}
}

// one is a comparison of one policy that trained for 18 of 24 hours on two VMs.
func one(t *testing.T) comparison {
	t.Helper()
	zones := []string{"us-east1-b"}
	prices, err := cost.Parse("prices.csv", strings.NewReader("region,machine_type,on_demand_usd_h,spot_usd_h\nus-east1,a3-highgpu-1g,10,3\n"))
	require.NoError(t, err)
	return comparison{
		simulation:    simulation{zones: zones, replicas: 2, interval: v1alpha1.CheckpointInterval{Duration: time.Hour}, days: 1, machineType: "a3-highgpu-1g", checkpoint: 180, boot: 120, seed: 1},
		circumstances: sim.Circumstances{Lasts: 24 * time.Hour, Trace: sim.Synthesize(1, zones, 24*time.Hour)},
		prices:        prices,
		outcomes: []sim.Outcome{{
			Policy: sim.Policy{Name: "as asked"}, Lasted: 24 * time.Hour, Progress: 18 * time.Hour, Lost: 4 * time.Hour, Stalled: 2 * time.Hour,
			Billed: map[string]time.Duration{"us-east1-b": 45 * time.Hour}, Preemptions: 5, Checkpoints: 30,
			Curve: []time.Duration{9 * time.Hour, 18 * time.Hour}, Times: []time.Duration{12 * time.Hour, 24 * time.Hour},
		}},
	}
}

func TestTableByHand(t *testing.T) {
	c := one(t)
	table := c.table()
	assert.Contains(t, table, "| as asked | 75.0 % | 18.0 h | 4.0 h | 2.0 h | 45.0 | 135 | 7.50 | 75 % | 5 | 30 |\n")
	assert.Contains(t, table, "| one on-demand VM | 100.0 % | 24.0 h | 0.0 h | 0.0 h | 24.0 | 240 | 10.00 | 100 % | 0 | 0 |\n")
	c.outcomes[0].Progress = 0
	table = c.table()
	assert.Contains(t, table, "| 135 | – | – | 5 |", "no progress has no price")
	c.prices = nil
	table = c.table()
	assert.Contains(t, table, "| – | – | – | 5 |")
	assert.NotContains(t, table, "on-demand VM")
}

// The picture is XML, shows every policy and zone, and nothing in it is not a number.
func TestPicture(t *testing.T) {
	c := one(t)
	c.outcomes[0].Name = "a < b"
	all := c.figures()
	picture := c.picture(all)
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	for _, text := range []string{"a &lt; b", "us-east1-b", "one on-demand VM", "75.0 %", "What 1 days"} {
		assert.Contains(t, picture, text)
	}
	assert.NotContains(t, picture, "NaN")
	assert.NotContains(t, picture, "Inf")
}

func TestLabelsDoNotCover(t *testing.T) {
	ends := apart([]ending{{y: 100, name: "c"}, {y: 20, name: "a"}, {y: 22, name: "b"}})
	assert.Equal(t, []ending{{y: 20, name: "a"}, {y: 36, name: "b"}, {y: 100, name: "c"}}, ends)
	assert.Equal(t, []float64{0, 1, 2, 3, 4, 5, 6, 7}, ticks(7))
	assert.Equal(t, []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}, ticks(90))
	assert.Equal(t, []float64{0, 0.125, 0.25}, ticks(0.25))
}

// The same seed gives the same table, figures and picture, without a trace, too.
func TestSimulateTwice(t *testing.T) {
	var results [2]string
	for i := range results {
		dir := t.TempDir()
		plot, figuresFile := filepath.Join(dir, "out.svg"), filepath.Join(dir, "out.json")
		var out strings.Builder
		args := []string{"--days=0.1", "--zones=us-east1-b,us-east1-c", "--replicas=1", "--plot=" + plot, "--json=" + figuresFile}
		require.NoError(t, simulate(t.Context(), args, &out))
		for _, file := range []string{plot, figuresFile} {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			out.Write(content)
		}
		results[i] = out.String()
		var all []figures
		content, err := os.ReadFile(figuresFile)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(content, &all))
		assert.Len(t, all, 12)
	}
	assert.Equal(t, results[0], results[1])
}
