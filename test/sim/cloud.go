package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Cloud is GCE as the hooks see it: the world's gcefake, with faults, behind connections that end when the hook server
// dies. It is a spotinstancevm.Connector that takes any credentials.
//
// No call ever blocks or lets time pass. How long the calls of one hook call would have taken is told by End.
type Cloud struct {
	world *World

	mu     sync.Mutex // calls of one hook call can come from several goroutines
	faults []*cloudFault
	visit  visit
	events []corev1.Event // that hooks recorded
}

// visit is one hook call as far as it reached GCE and the API server.
type visit struct {
	effects int           // mutations that were taken
	fatal   bool          // the server dies after the last of them
	last    int           // so many effects, if fatal
	reading time.Duration // of the slowest list: lists go side by side
	writing time.Duration // of the slowest mutation
}

// errDead is why a call of a dead server goes nowhere.
var errDead = errors.New("connection reset by peer")

// What calls take if nothing is wrong with them, at most, and what the hooks wait for one that is not answered.
const (
	listTakes       = 300 * time.Millisecond
	mutationTakes   = time.Second
	listTimeout     = 3 * time.Second
	mutationTimeout = 4 * time.Second
)

func newCloud(w *World) *Cloud {
	c := &Cloud{world: w}
	w.command("gce", c.faultCommand)
	w.command("api", w.apiCommand)
	return c
}

// Begin is before each hook call.
func (c *Cloud) Begin() {
	c.visit.effects, c.visit.reading, c.visit.writing = 0, 0, 0
}

// End is after each hook call: how many mutations GCE and the API server took of it, and how long it took.
func (c *Cloud) End() (effects int, took time.Duration) {
	v := c.visit
	c.visit = visit{}
	return v.effects, v.reading + v.writing
}

// CrashAfter kills the server of this hook call, or of the next if none is going on, after so many effects: whatever it
// calls then does not get through.
func (c *Cloud) CrashAfter(effects int) { c.visit.fatal, c.visit.last = true, effects }

// isDead tells whether the server whose call is going on has died.
func (c *Cloud) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.visit.fatal && c.visit.effects >= c.visit.last
}

// affected notes one effect of this hook call.
func (c *Cloud) affected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.visit.effects++
}

// took notes how long one call took.
func (c *Cloud) took(method gcefake.Method, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slowest, usual, timeout := &c.visit.reading, listTakes, listTimeout
	if isMutation(method) {
		slowest, usual, timeout = &c.visit.writing, mutationTakes, mutationTimeout
	}
	d := timeout
	if answered {
		d = time.Duration(c.world.Random.Int64N(int64(usual)))
	}
	*slowest = max(*slowest, d)
}

func isMutation(method gcefake.Method) bool {
	return method == gcefake.Insert || method == gcefake.Delete
}

// Connect is as spotinstancevm.Connector says.
func (c *Cloud) Connect(_ context.Context, project string, _ []byte) (gce.Cloud, error) {
	return connection{c, c.world.GCE.Cloud(project)}, nil
}

// connection is one project.
type connection struct {
	*Cloud
	gce gce.Cloud
}

// Instances is as gce.Cloud says.
func (c connection) Instances(ctx context.Context, zone string, labels map[string]string) ([]gce.Instance, error) {
	call := gcefake.Call{Method: gcefake.ListInstances, Zone: zone}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) ([]gce.Instance, error) {
		return c.gce.Instances(ctx, zone, labels)
	})
}

// Instance is as gce.Cloud says.
func (c connection) Instance(ctx context.Context, zone, name string) (gce.Instance, error) {
	call := gcefake.Call{Method: gcefake.GetInstance, Zone: zone, Name: name}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) (gce.Instance, error) {
		return c.gce.Instance(ctx, zone, name)
	})
}

// AllInstances is as gce.Cloud says.
func (c connection) AllInstances(ctx context.Context, labels map[string]string) ([]gce.Instance, error) {
	call := gcefake.Call{Method: gcefake.ListAllInstances}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) ([]gce.Instance, error) {
		return c.gce.AllInstances(ctx, labels)
	})
}

// Operations is as gce.Cloud says.
func (c connection) Operations(ctx context.Context, zone string, since time.Time) ([]gce.Operation, error) {
	call := gcefake.Call{Method: gcefake.ListOperations, Zone: zone}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) ([]gce.Operation, error) {
		return c.gce.Operations(ctx, zone, since)
	})
}

// Insert is as gce.Cloud says.
func (c connection) Insert(ctx context.Context, spec gce.InstanceSpec, requestID string) (gce.Operation, error) {
	call := gcefake.Call{Method: gcefake.Insert, Zone: spec.Zone, Name: spec.Name}
	op, err := perform(ctx, c.Cloud, call, func(ctx context.Context) (gce.Operation, error) {
		return c.gce.Insert(ctx, spec, requestID)
	})
	if err != nil {
		c.world.Laws.demand.lost = c.world.Clock.Now()
	}
	return op, err
}

// Delete is as gce.Cloud says.
func (c connection) Delete(ctx context.Context, zone, name, requestID string) (gce.Operation, error) {
	call := gcefake.Call{Method: gcefake.Delete, Zone: zone, Name: name}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) (gce.Operation, error) {
		return c.gce.Delete(ctx, zone, name, requestID)
	})
}

// MachineType is as gce.Cloud says.
func (c connection) MachineType(ctx context.Context, zone, name string) (gce.MachineType, error) {
	call := gcefake.Call{Method: gcefake.GetMachineType, Zone: zone, Name: name}
	return perform(ctx, c.Cloud, call, func(ctx context.Context) (gce.MachineType, error) {
		return c.gce.MachineType(ctx, zone, name)
	})
}

// perform makes one call, well or as the fault says that waits for it.
func perform[T any](ctx context.Context, c *Cloud, call gcefake.Call, send func(context.Context) (T, error)) (T, error) {
	if c.isDead() {
		var none T
		return none, gce.Unanswered(string(call.Method)+" "+call.Name, errDead)
	}
	fault := c.faultOf(call)
	result, err := misbehave(ctx, c, fault, call, send)
	c.took(call.Method, fault.answers())
	if isMutation(call.Method) && (err == nil || fault.takesEffect()) {
		c.affected()
	}
	return result, err
}
