package spotinstancevm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// How long a project is left alone after GCE has said that it is asked too often: twice as long each time that it says so
// again right afterwards. GCE's quotas of calls refill every minute.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// throttle is what GCE has said of too many calls, by project. All pools of a project share its quotas, whatever their
// credentials.
type throttle struct {
	now    func() time.Time
	mu     sync.Mutex
	pauses map[string]pause
}

type pause struct {
	until time.Time
	last  time.Duration
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, pauses: map[string]pause{}}
}

// over is the same cloud, but no call is made while its project is left alone.
func (t *throttle) over(cloud gce.Cloud, project string) gce.Cloud {
	return throttled{cloud: cloud, project: project, throttle: t}
}

// refuse is the error of a call that is not made now; nil: it may be.
func (t *throttle) refuse(project, call string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := t.pauses[project].until.Sub(t.now())
	if rest <= 0 {
		return nil
	}
	return &gce.Error{
		Kind: gce.RateLimited, Call: call, Code: "rateLimitExceeded", RetryAfter: rest,
		Message: "not sent: GCE has said that project " + project + " makes too many calls",
	}
}

// heard notes how a call went. Calls that were under way together are one offence.
func (t *throttle) heard(project string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pauses[project]
	switch {
	case gce.KindOf(err) != gce.RateLimited:
		if !t.now().Before(p.until) {
			delete(t.pauses, project)
		}
	case !t.now().Before(p.until):
		p.last = min(max(firstPause, 2*p.last), lastPause)
		p.until = t.now().Add(max(p.last, retryAfter(err)))
		t.pauses[project] = p
	}
}

// throttled is a gce.Cloud that keeps still when it must.
type throttled struct {
	cloud    gce.Cloud
	project  string
	throttle *throttle
}

// Instances lists as gce.Cloud does.
func (c throttled) Instances(ctx context.Context, zone string, labels map[string]string) ([]gce.Instance, error) {
	return calling(c, "list instances of "+zone, func() ([]gce.Instance, error) { return c.cloud.Instances(ctx, zone, labels) })
}

// Instance reads as gce.Cloud does.
func (c throttled) Instance(ctx context.Context, zone, name string) (gce.Instance, error) {
	return calling(c, "get "+name+" in "+zone, func() (gce.Instance, error) { return c.cloud.Instance(ctx, zone, name) })
}

// AllInstances lists as gce.Cloud does.
func (c throttled) AllInstances(ctx context.Context, labels map[string]string) ([]gce.Instance, error) {
	return calling(c, "list instances of all zones", func() ([]gce.Instance, error) { return c.cloud.AllInstances(ctx, labels) })
}

// Operations lists as gce.Cloud does.
func (c throttled) Operations(ctx context.Context, zone string, since time.Time) ([]gce.Operation, error) {
	return calling(c, "list operations of "+zone, func() ([]gce.Operation, error) { return c.cloud.Operations(ctx, zone, since) })
}

// Insert inserts as gce.Cloud does.
func (c throttled) Insert(ctx context.Context, spec gce.InstanceSpec, requestID string) (gce.Operation, error) {
	return calling(c, "insert "+spec.Name+" in "+spec.Zone, func() (gce.Operation, error) { return c.cloud.Insert(ctx, spec, requestID) })
}

// Delete deletes as gce.Cloud does.
func (c throttled) Delete(ctx context.Context, zone, name, requestID string) (gce.Operation, error) {
	return calling(c, "delete "+name+" in "+zone, func() (gce.Operation, error) { return c.cloud.Delete(ctx, zone, name, requestID) })
}

// MachineType reads as gce.Cloud does.
func (c throttled) MachineType(ctx context.Context, zone, name string) (gce.MachineType, error) {
	return calling(c, "get machine type "+name+" in "+zone, func() (gce.MachineType, error) { return c.cloud.MachineType(ctx, zone, name) })
}

func calling[Answer any](c throttled, call string, do func() (Answer, error)) (Answer, error) {
	if err := c.throttle.refuse(c.project, call); err != nil {
		var none Answer
		return none, err
	}
	answer, err := do()
	c.throttle.heard(c.project, err)
	return answer, err
}

func retryAfter(err error) time.Duration {
	if limited, ok := errors.AsType[*gce.Error](err); ok {
		return limited.RetryAfter
	}
	return 0
}
