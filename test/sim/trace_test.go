package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const smallTrace = `scheduled_at,status,round_duration_s,us-east1-b,us-east1-c
2025-10-03T17:00:00.5-07:00,success,85.4,2,0
2025-10-03T17:10:00.5-07:00,failed,1,,
2025-10-03T17:20:00.5-07:00,success,85.4,0,3
2025-10-04T00:30:00.5Z,success,85.4,1,16
`

func readTrace(text string, zones ...string) (Trace, error) {
	return ReadTrace("week.csv", strings.NewReader(text), zones)
}

func TestReadTrace(t *testing.T) {
	trace, err := readTrace(smallTrace)
	require.NoError(t, err)
	assert.Equal(t, Trace{
		Zones: []string{"us-east1-b", "us-east1-c"},
		Rows:  []TraceRow{{0, []int{2, 0}}, {20 * time.Minute, []int{0, 3}}, {30 * time.Minute, []int{1, 16}}},
	}, trace)
	assert.Equal(t, 40*time.Minute, trace.Lasts())
	for minute, want := range map[int]int{0: 0, 19: 0, 20: 3, 30: 16, 39: 16, 40: 0, 60: 3, 70: 16} {
		assert.Equal(t, want, trace.Capacity("us-east1-c", time.Duration(minute)*time.Minute), "minute %d", minute)
	}
	assert.InDelta(t, 0.75, trace.Available([]string{"us-east1-b"}, 1, 40*time.Minute), 1e-9)
	assert.InDelta(t, 0.5, trace.Available(trace.Zones, 3, 40*time.Minute), 1e-9)
	even := trace.Even()
	assert.Equal(t, []time.Duration{0, 10 * time.Minute, 20 * time.Minute}, []time.Duration{even.Rows[0].At, even.Rows[1].At, even.Rows[2].At})
	assert.Equal(t, 30*time.Minute, even.Lasts())
	assert.Equal(t, 20*time.Minute, trace.Rows[1].At, "the trace itself stays")
	assert.Equal(t, []string{"us-east1-c"}, trace.ZonesOf("us-east1-c"))
	assert.Equal(t, trace.Zones, trace.ZonesOf("us-"))
	one, err := readTrace(smallTrace, "us-east1-c")
	require.NoError(t, err)
	assert.Equal(t, []int{16}, one.Rows[2].Capacity)
}

func TestReadTraceSaysWhatIsWrong(t *testing.T) {
	const header = "scheduled_at,us-east1-b\n"
	const row = "2025-10-03T17:00:00Z,2\n"
	for name, c := range map[string]struct {
		text, want string
		zones      []string
	}{
		"empty":             {"", "week.csv:1: the file is empty: its first line names the columns", nil},
		"no time":           {"us-east1-b\n", "week.csv:1: column scheduled_at: there is no such column: the file has us-east1-b", nil},
		"no zone":           {header + row, "week.csv:1: column us-east1-x: there is no such column: the file has scheduled_at, us-east1-b", []string{"us-east1-x"}},
		"a column too many": {"scheduled_at,note\n" + row, "week.csv:1: column note: this is no zone: name the column after one", nil},
		"no number":         {header + row + "2025-10-03T17:10:00Z,many\n", `week.csv:3: column us-east1-b: "many" is no whole number from 0: write how many VMs fit`, nil},
		"negative":          {header + row + "2025-10-03T17:10:00Z,-1\n", `week.csv:3: column us-east1-b: "-1" is no whole number`, nil},
		"nothing":           {header + row + "2025-10-03T17:10:00Z,\n", `week.csv:3: column us-east1-b: "" is no whole number`, nil},
		"a local time":      {header + "2025-10-03 17:00,2\n", `week.csv:2: column scheduled_at: "2025-10-03 17:00" is no time: write it as 2025-10-03T17:10:00-07:00`, nil},
		"twice":             {header + row + row, "week.csv:3: column scheduled_at: 2025-10-03T17:00:00Z is not after the row before it: sort the rows", nil},
		"a value too few":   {header + row + "2025-10-03T17:10:00Z\n", "week.csv:3: column 1 is the last and the header names 2: give each line one value for each column", nil},
		"a quote":           {header + `2025-10-03T17:00:00Z,"2"x` + "\n", `week.csv:2: column 24: extraneous or missing " in quoted-field: put quotes around a whole value`, nil},
		"one row":           {header + row, "week.csv:2: column scheduled_at: 1 rows of 1 zones are no trace: give two rows or more", nil},
	} {
		_, err := readTrace(c.text, c.zones...)
		assert.ErrorContains(t, err, c.want, name)
	}
}

func TestSynthesize(t *testing.T) {
	zones := []string{"us-east1-b", "us-east1-c"}
	trace := Synthesize(1, zones, 60*24*time.Hour)
	assert.Equal(t, trace, Synthesize(1, zones, 60*24*time.Hour))
	assert.NotEqual(t, trace.Rows, Synthesize(2, zones, 60*24*time.Hour).Rows)
	for _, zone := range zones {
		available := trace.Available([]string{zone}, 1, trace.Lasts())
		assert.Greater(t, available, 0.8)
		assert.Less(t, available, 0.99)
	}
	assert.Equal(t, 20*time.Minute, Synthesize(1, zones, 0).Lasts(), "never too short for a trace")
}

// What the made-up week is like, in the terms in which the real one was measured: there a, b and c have room 97.6, 89.8 and
// 89.7 % of the time, together 99.3 %, and lose it 22, 60 and 70 times a week; us-west1-b 17.3 % and 72 times.
func TestSynthesizeUS(t *testing.T) {
	const weeks = 20
	trace := SynthesizeUS(1, weeks*7*24*time.Hour)
	assert.Equal(t, trace, SynthesizeUS(1, weeks*7*24*time.Hour))
	assert.NotEqual(t, trace.Rows, SynthesizeUS(2, weeks*7*24*time.Hour).Rows)
	has := func(zones ...string) float64 { return 100 * trace.Available(zones, 1, trace.Lasts()) }
	assert.InDelta(t, 97.6, has("us-central1-a"), 1)
	assert.InDelta(t, 89.8, has("us-central1-b"), 3)
	assert.InDelta(t, 89.7, has("us-central1-c"), 3)
	assert.InDelta(t, 99.3, has("us-central1-a", "us-central1-b", "us-central1-c"), 0.3)
	assert.InDelta(t, 17.3, has("us-west1-b"), 4)
	assert.InDelta(t, 100, has(trace.Zones...), 0.05)
	for zone, perWeek := range map[string]float64{"us-central1-a": 22, "us-central1-b": 60, "us-central1-c": 70, "us-west1-b": 72} {
		losses, column := 0.0, slices.Index(trace.Zones, zone)
		for i, row := range trace.Rows[1:] {
			if row.Capacity[column] == 0 && trace.Rows[i].Capacity[column] > 0 {
				losses++
			}
		}
		assert.InDelta(t, perWeek, losses/weeks, perWeek/3, zone)
	}
}
