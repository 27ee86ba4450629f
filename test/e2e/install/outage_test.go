package install

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// away is long enough for Kubernetes to do all that follows from a VM's death, so that no event wakes a hook later.
var away = flag.Duration("away", 25*time.Second, "how long the hooks are away at least, in TestReplacementAfterAnOutage")

// asksWithin is what resyncPeriodSeconds promises.
const asksWithin = 30 * time.Second

// The hooks are away while a VM is preempted, and Metacontroller's back-off for both parents has reached 1,000 s when they return. It
// does not take an outage of half an hour to get there: each change of a parent is one more sync that fails.
func TestReplacementAfterAnOutage(t *testing.T) {
	s := begin(t)
	s.deadline = time.Now().Add(2*time.Minute + *away)
	s.train()
	s.says("both replicas train", "2", "get", "sij/resnet", "--output=jsonpath={.status.activeReplicas}")
	before := vmsOf(s.namespace)

	lab.Hooks().Kill()
	gone := time.Now()
	require.NoError(t, lab.GCE().PreemptWithoutNotice(before[0]))
	const failures = 20 // 5 ms · 2¹⁸ is more than 1,000 s
	for i := range failures {
		s.kubectl("annotate", "--overwrite", "sij/resnet", "sivm/l4-pool", fmt.Sprintf("failure=%d", i))
	}
	time.Sleep(*away - time.Since(gone)) // which is what the test is about
	require.NoError(t, lab.Hooks().Restart(t.Context()))
	back := time.Now()
	t.Cleanup(func() {
		if t.Failed() {
			s.tellCallsSince(back)
		}
	})
	s.eventually("a replacement is asked for", func() error {
		if now := vmsOf(s.namespace); !slices.ContainsFunc(now, func(vm string) bool { return !slices.Contains(before, vm) }) {
			return fmt.Errorf("VMs: %v", now)
		}
		return nil
	})
	t.Logf("hooks away for %s, insert %s after their return", back.Sub(gone).Round(time.Second), time.Since(back).Round(100*time.Millisecond))
	assert.Less(t, time.Since(back), asksWithin)
	s.end()
}

// tellCallsSince prints what the hooks logged of the story's objects since a moment.
func (s *story) tellCallsSince(moment time.Time) {
	log, err := os.ReadFile(lab.Hooks().LogPath())
	if err != nil {
		s.Log(err)
		return
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, s.namespace) && line > `{"time":"`+moment.UTC().Format(time.RFC3339) {
			s.Log(strings.TrimSpace(line))
		}
	}
}
