package sim

import (
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// quotaSees is how long after a Job was deleted the quota has room for another one.
const quotaSees = 2 * time.Second

// jobQuota is a ResourceQuota of count/jobs.batch. What it counts is behind: a deletion frees its place a moment later.
type jobQuota struct {
	world   *World
	most    int // 0: there is no quota
	used    int
	refused map[Key]time.Time // Jobs that were asked for and refused, and since when
}

func newJobQuota(w *World) {
	q := &jobQuota{world: w, refused: map[Key]time.Time{}}
	w.API.quota = q
	w.API.Watch(func(change Change) {
		switch {
		case change.Record().Kind != "Job":
		case change.Old == nil:
			q.used++
			delete(q.refused, change.New.Key)
		case change.New == nil:
			w.Clock.AfterFunc(quotaSees, func() { q.used-- })
		}
	})
	w.command("job-quota", q.command)
}

// command is `job-quota N [for=D]`: the namespace may have no more Jobs than N, for so long, or for good. With 0 it may have any number.
func (q *jobQuota) command(c story.Command) (string, error) {
	d, err := durationOf(c, "for", 0)
	if err != nil {
		return "", err
	}
	if len(c.Args) != 1 {
		return "", fmt.Errorf("line %d: job-quota %v: write a number of Jobs", c.Line, c.Args)
	}
	if q.most, err = strconv.Atoi(c.Args[0]); err != nil || q.most < 0 {
		return "", fmt.Errorf("line %d: job-quota %v: write a number of Jobs", c.Line, c.Args)
	}
	q.world.fault("job-quota", "%d", q.most)
	if d > 0 {
		q.world.Clock.AfterFunc(d, func() { q.most = 0 })
	}
	return "", nil
}

// admit is why a Job may not be created, or nil. An API without a quota has a nil one.
func (q *jobQuota) admit(k Key) error {
	if q == nil || q.most == 0 || q.used < q.most {
		return nil
	}
	if _, known := q.refused[k]; !known {
		q.refused[k] = q.world.Clock.Now()
	}
	return apierrors.NewForbidden(resourceOf(k), k.Name, fmt.Errorf("exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=%d, limited: count/jobs.batch=%d", q.used, q.most))
}

// refusedFor is for how long the quota has refused a Job that is not there.
func (q *jobQuota) refusedFor(k Key) time.Duration {
	since, isRefused := q.refused[k]
	if !isRefused {
		return 0
	}
	return q.world.Clock.Now().Sub(since)
}
