package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Nothing is left of nobody, and of somebody his job is.
func TestNothingLeft(t *testing.T) {
	require.NoError(t, New(Config{Timing: RealTiming()}).Laws.End())
	assert.ErrorContains(t, newCourt(t).Laws.End(), "nothing-left: SpotInstanceJob/default/job")
}

// A world that nothing is wrong with comes to have all replicas running; one without a single VM does not.
func TestAllReplicasRun(t *testing.T) {
	for name, room := range map[string]int{"room": -1, "no room": 0} {
		t.Run(name, func(t *testing.T) {
			w := newCourt(t)
			w.GCE.SetCapacity(w.pool.Spec.GCP.Zone, room)
			require.ErrorContains(t, w.Laws.allRun(), "0 of 1 replicas running")
			_, err := w.Do(story.Command{Name: "rest"})
			require.NoError(t, err)
			require.Equal(t, room == 0, w.Laws.allRun() != nil, w.Laws.allRun())
			require.Equal(t, room == 0, w.Laws.Broken() != nil, w.Laws.Broken())
		})
	}
}

// On-demand VMs give way in a world that nothing is wrong with; while there is no room for spot VMs they stay.
func TestSpotComesBack(t *testing.T) {
	for name, room := range map[string]string{"room": "-1", "no room": "0"} {
		t.Run(name, func(t *testing.T) {
			w := New(Config{Timing: RealTiming()})
			do := func(command string, args []string, options map[string]string) {
				_, err := w.Do(story.Command{Name: command, Args: args, Options: options})
				require.NoError(t, err)
			}
			do("capacity", []string{"a", "0"}, nil)
			do("pool", []string{"pool"}, map[string]string{"model": "SpotWithStandardFallback", "fallback": "1m"})
			do("job", []string{"job"}, map[string]string{"replicas": "1"})
			do("advance", []string{"1h"}, nil)
			require.ErrorContains(t, w.Laws.spotIsBack(), "pool has on-demand VMs")
			do("capacity", []string{"a", room}, nil)
			do("rest", nil, nil)
			require.NoError(t, w.Laws.allRun())
			if room == "-1" {
				require.NoError(t, w.Laws.Broken())
				return
			}
			require.ErrorContains(t, w.Laws.Broken(), "spot-comes-back: ")
		})
	}
}
