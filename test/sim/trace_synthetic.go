package sim

import (
	"math/rand/v2"
	"time"
)

// What Synthesize makes up.
const (
	syntheticRow  = 10 * time.Minute
	syntheticMost = 16             // VMs in a zone
	syntheticUp   = 12 * time.Hour // mean time that a zone has capacity
	syntheticDown = time.Hour      // mean time that it has none
)

// Synthesize makes up a trace from a seed: each zone has capacity for half a day in the mean, which wanders by up to three
// VMs every ten minutes, then none for an hour in the mean. Zones know nothing of each other. It is for trying things out,
// and says nothing about any real zone.
func Synthesize(seed uint64, zones []string, lasts time.Duration) Trace {
	random := rand.New(rand.NewPCG(seed, 3))
	trace := Trace{Zones: zones}
	capacity := make([]int, len(zones))
	until := make([]time.Duration, len(zones))
	for at := time.Duration(0); at < max(lasts, 2*syntheticRow); at += syntheticRow {
		row := TraceRow{At: at, Capacity: make([]int, len(zones))}
		for i := range zones {
			switch isUp := capacity[i] > 0; {
			case at < until[i] && isUp:
				capacity[i] = min(max(capacity[i]+random.IntN(7)-3, 1), syntheticMost)
			case at < until[i]:
			case isUp:
				capacity[i], until[i] = 0, at+lasting(random, syntheticDown)
			default:
				capacity[i], until[i] = 1+random.IntN(syntheticMost), at+lasting(random, syntheticUp)
			}
			row.Capacity[i] = capacity[i]
		}
		trace.Rows = append(trace.Rows, row)
	}
	return trace
}

func lasting(random *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(mean))
}
