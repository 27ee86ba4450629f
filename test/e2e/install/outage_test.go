package install

import (
	"flag"
	"fmt"
	"slices"
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
