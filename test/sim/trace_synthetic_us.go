package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// temper is how long a zone has room, and how long it has none, in the mean.
type temper struct {
	zone     string
	up, down time.Duration
}

// tempersUS are of the order that was measured for H100 VMs in one week of October 2025.
func tempersUS() []temper {
	const steady, shaky, scarce = 8 * time.Hour, 150 * time.Minute, 20 * time.Minute
	return []temper{
		{"us-central1-a", steady, 7 * time.Minute},
		{"us-central1-b", shaky, 13 * time.Minute},
		{"us-central1-c", shaky, 13 * time.Minute},
		{"us-east4-a", steady, 7 * time.Minute},
		{"us-east4-b", shaky, 15 * time.Minute},
		{"us-east5-a", shaky, 25 * time.Minute},
		{"us-west1-a", shaky, 4 * time.Hour},
		{"us-west1-b", scarce, 75 * time.Minute},
	}
}

// SynthesizeUS makes up a trace from a seed that resembles a real week of H100 VMs in eight zones of the US: most times
// are much shorter than the mean and a few much longer; and when the first zone of a region has no room, each other zone
// of it has none either every second time. How much room there is says nothing: from 1 to 16 VMs.
func SynthesizeUS(seed uint64, lasts time.Duration) Trace {
	random, tempers := rand.New(rand.NewPCG(seed, 4)), tempersUS()
	trace := Trace{Zones: make([]string, len(tempers))}
	first, isUp, until := make([]int, len(tempers)), make([]bool, len(tempers)), make([]time.Duration, len(tempers))
	for i, t := range tempers {
		trace.Zones[i] = t.zone
		first[i] = slices.IndexFunc(tempers, func(o temper) bool { return region(o.zone) == region(t.zone) })
	}
	for at := time.Duration(0); at < max(lasts, 2*syntheticRow); at += syntheticRow {
		row := TraceRow{At: at, Capacity: make([]int, len(tempers))}
		for i, t := range tempers {
			if at >= until[i] {
				isUp[i] = !isUp[i]
				until[i] = at + skewed(random, t.of(isUp[i]))
			}
			if isUp[i] && (isUp[first[i]] || random.IntN(2) == 0) {
				row.Capacity[i] = 1 + random.IntN(syntheticMost)
			}
		}
		trace.Rows = append(trace.Rows, row)
	}
	return trace
}

func (t temper) of(isUp bool) time.Duration {
	if isUp {
		return t.up
	}
	return t.down
}

// skewed is a time whose median is a quarter of its mean.
func skewed(random *rand.Rand, mean time.Duration) time.Duration {
	e := random.ExpFloat64()
	return time.Duration(e * e / 2 * float64(mean))
}

func region(zone string) string { return zone[:max(strings.LastIndex(zone, "-"), 0)] }
