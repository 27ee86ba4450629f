package sim

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// quotaSees is how long after a Job was deleted the quota has room for another one.
const quotaSees = 2 * time.Second

// jobQuota is a ResourceQuota of count/jobs.batch. What it counts is behind: a deletion frees its place a moment later.
type jobQuota struct {
	world   *World
	most    *int // nil: there is no quota
	used    int
	refused map[Key]time.Time // Jobs that were asked for and refused, and since when
}

func newJobQuota(w *World) {
	q := &jobQuota{world: w, refused: map[Key]time.Time{}}
	w.API.quota, w.jobQuota = q, q
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
}

// allow lets the namespace have no more Jobs than so many, for so long.
func (q *jobQuota) allow(most int, d time.Duration) {
	q.most = &most
	q.world.fault("quota", "%d Jobs", most)
	q.world.Clock.AfterFunc(d, func() {
		if q.most == &most {
			q.most = nil
		}
	})
}

// admit is why a Job may not be created, or nil. An API without a quota has a nil one.
func (q *jobQuota) admit(k Key) error {
	if q == nil || q.most == nil || q.used < *q.most {
		return nil
	}
	if _, known := q.refused[k]; !known {
		q.refused[k] = q.world.Clock.Now()
	}
	return apierrors.NewForbidden(resourceOf(k), k.Name, fmt.Errorf("exceeded quota: team, requested: count/jobs.batch=1, used: count/jobs.batch=%d, limited: count/jobs.batch=%d", q.used, *q.most))
}

// refusedFor is for how long the quota has refused a Job that is not there.
func (q *jobQuota) refusedFor(k Key) time.Duration {
	since, isRefused := q.refused[k]
	if !isRefused {
		return 0
	}
	return q.world.Clock.Now().Sub(since)
}
