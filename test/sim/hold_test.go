package sim

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var capacity = flag.String("capacity", "", "a CSV file with the capacity of zones in the US, to replay instead of one that is made up")

// week is a replay of the trace that a flag names, or of one that is made up.
func week(t *testing.T) Circumstances {
	t.Helper()
	trace := SynthesizeUS(1, 7*24*time.Hour)
	if *capacity != "" {
		file, err := os.Open(*capacity)
		require.NoError(t, err)
		trace, err = ReadTrace(*capacity, file, nil)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	return Replay(trace, 1)
}

func hold(t *testing.T, c Circumstances, zones ...string) Held {
	t.Helper()
	h, err := Hold(c, zones)
	require.NoError(t, err)
	t.Logf("%s: ideal %s, ready %s, which is %.1f %%; %d losses, %d inserts, %d failed",
		strings.Join(zones, ","), h.Ideal, h.Ready, 100*h.OfIdeal(), h.Losses, h.Inserts, h.Failed)
	assert.LessOrEqual(t, h.Ready, h.Ideal)
	assert.LessOrEqual(t, h.Inserts-h.Failed-h.Losses, 1, "one VM at a time")
	return h
}

// A pool that may use several zones has a VM nearly whenever one of them has room, and asks seldom in vain. Who always
// asks the same zone again has one less often, in any of them.
func TestOneVMForAWeek(t *testing.T) {
	c := week(t)
	three := []string{"us-central1-a", "us-central1-b", "us-central1-c"}
	pool := hold(t, c, three...)
	assert.GreaterOrEqual(t, pool.OfIdeal(), 0.97)
	for _, zone := range three {
		naive := HoldSameZone(c, zone)
		assert.Less(t, naive.Ready, pool.Ready, zone)
		assert.Less(t, 3*pool.Failed, naive.Failed, zone)
	}
	assert.Greater(t, hold(t, c, c.Trace.ZonesOf("us-")...).Ready, pool.Ready, "more zones, more time")
}

// There is room from 0 h to 1 h in b, from 1 h to 2 h in neither, from 2 h to 4 h in c, then in both. A VM is ready 80 s
// after it is asked for, and a zone without room is let alone for 3 minutes.
func TestHoldByHand(t *testing.T) {
	c := inTwoZones(5*time.Hour-time.Minute, []int{1, 0}, []int{0, 0}, []int{0, 1}, []int{0, 1}, []int{1, 1})
	pool := hold(t, c, c.Trace.Zones...)
	assert.InDelta(t, 4*60-1, pool.Ideal.Minutes(), 0.01)
	assert.Equal(t, 1, pool.Losses)
	assert.Less(t, pool.Ready, pool.Ideal-2*80*time.Second)
	assert.Greater(t, pool.Ready, pool.Ideal-2*80*time.Second-4*time.Minute)
	assert.Equal(t, pool.Inserts, pool.Failed+2)
	naive := HoldSameZone(c, c.Trace.Zones[0])
	assert.InDelta(t, 2*60-1, naive.Ideal.Minutes(), 0.01)
	assert.Less(t, naive.Ready, naive.Ideal-2*80*time.Second)
	assert.Greater(t, naive.Ready, naive.Ideal-2*80*time.Second-time.Minute)
	assert.Equal(t, 1, naive.Losses)
	assert.Equal(t, naive.Inserts, naive.Failed+2)
	assert.Greater(t, naive.Failed, 300, "every 30 s for three hours")
}
