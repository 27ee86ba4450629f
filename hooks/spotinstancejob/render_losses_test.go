package spotinstancejob

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// listed is a loss in status, as an earlier sync left it.
func listed(replica, attempt int32, minutesAgo int, seconds int64) fact {
	return func(w *world) {
		w.job.Status.RecentLosses = append(w.job.Status.RecentLosses, v1alpha1.JobLossStatus{
			Replica: replica, Attempt: attempt, Time: metav1.Time{Time: ago(time.Duration(minutesAgo) * time.Minute)}, LostSeconds: &seconds, RestoredFrom: "old",
		})
	}
}

// many are so many losses of replica 7 in status, a minute apart, the newest so long ago.
func many(n, minutesAgo int) fact {
	return func(w *world) {
		for i := range n {
			listed(7, int32(n-i), minutesAgo+i, 1)(w)
		}
	}
}

func TestRecentLosses(t *testing.T) {
	follows := func(replica int32, minutesAgo, seconds int) fact {
		ledger := fmt.Sprintf(`{"replicas":{"%d":{"through":1,"losses":1,"lostSeconds":%d,"lastLost":%d,"lastLoss":%q}}}`,
			replica, seconds, seconds, ago(time.Duration(minutesAgo)*time.Minute).Format(time.RFC3339))
		return anAttempt(replica, 2, restored("ckpt", time.Hour), carries(ledger))
	}
	failure := anAttempt(0, 2, carries(`{"replicas":{"0":{"through":1,"failures":1,"lostSeconds":9,"lastLost":9}}}`))
	forgotten := anAttempt(1, 2, carries(`{"replicas":{"0":{"through":1,"losses":1,"lastLost":5,"lastLoss":"2026-03-01T11:59:00Z"}}}`))
	for name, c := range map[string]struct {
		given []fact
		want  string // replica.attempt, minutes ago, seconds and image of each
	}{
		"none":                                 {nil, ""},
		"one that is followed":                 {[]fact{follows(0, 4, 30)}, "0.1 4m 30s registry.acme.io/checkpoints:ckpt"},
		"two, the newest first":                {[]fact{follows(0, 4, 30), follows(1, 3, 0)}, "1.1 3m 0s registry.acme.io/checkpoints:ckpt, 0.1 4m 30s registry.acme.io/checkpoints:ckpt"},
		"at the same moment":                   {[]fact{follows(1, 4, 1), follows(0, 4, 2)}, "0.1 4m 2s registry.acme.io/checkpoints:ckpt, 1.1 4m 1s registry.acme.io/checkpoints:ckpt"},
		"one that nothing follows yet":         {[]fact{forgotten}, ""},
		"a failure of the training":            {[]fact{failure}, ""},
		"what status knows stays":              {[]fact{follows(0, 4, 30), listed(0, 0, 9, 7)}, "0.1 4m 30s registry.acme.io/checkpoints:ckpt, 0.0 9m 7s old"},
		"and is not told twice":                {[]fact{follows(0, 4, 30), listed(0, 1, 4, 30)}, "0.1 4m 30s registry.acme.io/checkpoints:ckpt"},
		"ten at most, the oldest goes":         {[]fact{follows(0, 4, 30), many(10, 5)}, "0.1 4m 30s registry.acme.io/checkpoints:ckpt, " + run(7, 10, 2, 5)},
		"one that is older than those":         {[]fact{follows(0, 40, 30), many(10, 5)}, run(7, 10, 1, 5)},
		"a time that cannot be is dropped":     {[]fact{func(w *world) { w.job.Status.RecentLosses = []v1alpha1.JobLossStatus{{Attempt: 1}} }}, ""},
		"so is less than nothing, or eternity": {[]fact{listed(0, 1, 5, -1), listed(0, 2, 5, 1<<50)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := given(c.given...).decide(t)
			var got []string
			for _, l := range renderLosses(o) {
				got = append(got, fmt.Sprintf("%d.%d %.0fm %ds %s", l.Replica, l.Attempt, noon.Sub(l.Time.Time).Minutes(), secondsOf(l.LostSeconds), l.RestoredFrom))
			}
			assert.Equal(t, c.want, strings.Join(got, ", "))
		})
	}
}

// run is what many leaves, down to an attempt.
func run(replica, from, to, minutesAgo int) string {
	var all []string
	for i := from; i >= to; i-- {
		all = append(all, fmt.Sprintf("%d.%d %dm 1s old", replica, i, minutesAgo+from-i))
	}
	return strings.Join(all, ", ")
}
