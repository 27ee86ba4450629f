package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Faults of calls of GCE, as the command gce names them.
const (
	faultLose          = "lose"               // takes effect; the connection is closed before the answer
	faultUnavailable   = "refuse-unavailable" // 503 without effect
	faultRateLimit     = "rate-limit"         // 403 rateLimitExceeded
	faultHang          = "hang"               // no effect, and no answer until the caller's deadline
	faultDelay         = "delay"              // hangs, and takes effect 5 to 30 s later
	faultDuplicate     = "duplicate"          // is sent twice
	faultPartial       = "partial"            // a list that says that a zone is missing
	faultLate          = "late"               // a list that lacks the VMs whose insert is under way
	faultFailOperation = "fail-operation"     // an insert that is taken and fails late
	faultStockoutNow   = "stockout-now"       // an insert that is refused for want of capacity
	faultRefuse        = "refuse"             // an insert that another zone may take: in the answer, or late
	faultNotReady      = "not-ready"          // a delete that is refused since GCE is at work on the VM
	faultDenied        = "denied"             // 403
)

// cloudFault waits for calls of one method.
type cloudFault struct {
	kind   string
	method gcefake.Method
	zone   string    // empty: any
	left   int       // calls; 0: no limit
	until  time.Time // zero: no limit
	as     string    // of fail-operation and refuse; empty: chance says
}

// cloudMethods are the methods by the names that stories use, and the faults that they can have besides the common ones.
func cloudMethods() map[string]gcefake.Method {
	return map[string]gcefake.Method{
		"insert": gcefake.Insert, "delete": gcefake.Delete, "list": gcefake.ListInstances,
		"operations": gcefake.ListOperations, "list-all": gcefake.ListAllInstances, "get": gcefake.GetInstance,
	}
}

// faultsOf are the faults that calls of a method can have.
func faultsOf(method gcefake.Method) []string {
	faults := []string{faultLose, faultUnavailable, faultRateLimit, faultHang, faultDenied}
	switch method {
	case gcefake.GetInstance:
		return faults
	case gcefake.ListOperations:
		return append(faults, faultPartial)
	case gcefake.ListInstances, gcefake.ListAllInstances:
		return append(faults, faultPartial, faultLate)
	}
	faults = append(faults, faultDelay, faultDuplicate)
	if method == gcefake.Insert {
		return append(faults, faultFailOperation, faultStockoutNow, faultRefuse)
	}
	return append(faults, faultNotReady)
}

// faultCommand is `gce METHOD FAULT [n=K] [for=D] [zone=Z] [as=stockout|quota|internal|preempted]`: the next K calls, or
// all calls for so long, go wrong. Without n and for it is one call. `as` is how the operation of fail-operation ends, and
// one of gcefake.Refusals for refuse.
func (c *Cloud) faultCommand(command story.Command) (string, error) {
	if len(command.Args) != 2 {
		return "", fmt.Errorf("line %d: gce %v: write a method and a fault", command.Line, command.Args)
	}
	f := &cloudFault{kind: command.Args[1], zone: zoneOf(command.Options["zone"]), as: command.Options["as"], left: 1}
	methods := cloudMethods()
	var known bool
	if f.method, known = methods[command.Args[0]]; !known {
		return "", fmt.Errorf("line %d: gce %s: name one of %s", command.Line, command.Args[0], strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
	}
	if kinds := faultsOf(f.method); !slices.Contains(kinds, f.kind) {
		return "", fmt.Errorf("line %d: gce %s %s: name one of %s", command.Line, command.Args[0], f.kind, strings.Join(kinds, ", "))
	}
	if ways := waysOf(f.kind); f.as != "" && !slices.Contains(ways, f.as) {
		return "", fmt.Errorf("line %d: gce as=%s: name one of %s", command.Line, f.as, strings.Join(ways, ", "))
	}
	if err := c.limit(f, command); err != nil {
		return "", err
	}
	c.faults = append(c.faults, f)
	return "", nil
}

// limit reads how often and how long.
func (c *Cloud) limit(f *cloudFault, command story.Command) error {
	if text, given := command.Options["for"]; given {
		d, err := durationOf(command, "for", 0)
		if err != nil || d <= 0 {
			return fmt.Errorf("line %d: gce for=%q is no duration: write for example for=2m", command.Line, text)
		}
		f.left, f.until = 0, c.world.Clock.Now().Add(d)
	}
	if text, given := command.Options["n"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("line %d: gce n=%q: write a whole number from 1", command.Line, text)
		}
		f.left = n
	}
	return nil
}

// faultOf is the fault that this call has, the one that was set first; nil if it goes well.
func (c *Cloud) faultOf(call gcefake.Call) *cloudFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.world.Clock.Now()
	c.faults = slices.DeleteFunc(c.faults, func(f *cloudFault) bool { return !f.until.IsZero() && !now.Before(f.until) })
	i := slices.IndexFunc(c.faults, func(f *cloudFault) bool {
		return f.method == call.Method && (f.zone == "" || f.zone == call.Zone || call.Zone == "")
	})
	if i < 0 {
		return nil
	}
	f := c.faults[i]
	if f.left > 0 {
		if f.left--; f.left == 0 {
			c.faults = slices.Delete(c.faults, i, i+1)
		}
	}
	return f
}

// isHindered tells whether all lists or deletes go wrong for some time.
func (c *Cloud) isHindered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.world.Clock.Now()
	return slices.ContainsFunc(c.faults, func(f *cloudFault) bool { return f.method != gcefake.Insert && now.Before(f.until) })
}

// answers tells whether a call with this fault, or with none, is answered before its deadline.
func (f *cloudFault) answers() bool { return f == nil || f.kind != faultHang && f.kind != faultDelay }

// takesEffect tells whether GCE does, now or later, what a call asks for that fails with this fault.
func (f *cloudFault) takesEffect() bool {
	return f != nil && (f.kind == faultLose || f.kind == faultDelay)
}

// misbehave makes a call with its fault. No fault is nil.
func misbehave[T any](ctx context.Context, c *Cloud, f *cloudFault, call gcefake.Call, send func(context.Context) (T, error)) (T, error) {
	if f == nil {
		return send(ctx)
	}
	result, err := suffer(ctx, c, f, call, send)
	if f.kind != faultFailOperation || err == nil {
		c.world.fault("gce-"+f.kind, "%s %s/%s", call.Method, call.Zone, call.Name)
	}
	return result, err
}

func suffer[T any](ctx context.Context, c *Cloud, f *cloudFault, call gcefake.Call, send func(context.Context) (T, error)) (T, error) {
	switch f.kind {
	case faultHang:
		return send(expired(ctx))
	case faultDelay:
		late := 5*time.Second + time.Duration(c.world.Random.Int64N(int64(25*time.Second)))
		c.world.Clock.AfterFunc(late, func() { _, _ = send(context.WithoutCancel(ctx)) })
		return send(expired(ctx))
	case faultDuplicate:
		_, _ = send(ctx)
		return send(ctx)
	case faultLate:
		result, err := send(ctx)
		return withoutNew(c, result), err
	}
	cancel := c.world.GCE.Once(call, c.behaviour(call, f))
	defer cancel()
	return send(ctx)
}

// withoutNew is a list of VMs without those whose insert is under way: GCE promises to list a VM once its insert is done.
func withoutNew[T any](c *Cloud, list T) T {
	underWay := c.world.GCE.OperationsInFlight()
	instances, _ := any(list).([]gce.Instance)
	shown, isList := any(slices.DeleteFunc(instances, func(i gce.Instance) bool {
		return slices.ContainsFunc(underWay, func(op gce.Operation) bool {
			return op.Type == "insert" && op.Target == i.Name && op.Zone == i.Zone
		})
	})).(T)
	if !isList {
		return list
	}
	return shown
}

// expired is a ctx whose deadline has passed, so that a call fails as one does that was not answered in time.
func expired(ctx context.Context) context.Context {
	ctx, cancel := context.WithDeadline(ctx, time.Time{})
	cancel()
	return ctx
}

// behaviour is what gcefake does for a fault.
func (c *Cloud) behaviour(call gcefake.Call, f *cloudFault) gcefake.Behaviour {
	switch f.kind {
	case faultLose:
		return gcefake.LostAnswer()
	case faultRateLimit:
		return gcefake.RateLimited(time.Duration(c.world.Random.IntN(30)) * time.Second)
	case faultPartial:
		return gcefake.Partial()
	case faultFailOperation:
		return gcefake.FailsInOperation(c.lateFailure(f.as))
	case faultStockoutNow:
		return gcefake.StockoutAtOnce()
	case faultRefuse:
		return gcefake.Refuses(c.refusal(call, f.as))
	case faultNotReady:
		return gcefake.RefusesDelete()
	case faultDenied:
		return gcefake.Denied("compute.instances." + permissionOf(f.method))
	default:
		return gcefake.Down()
	}
}

func permissionOf(method gcefake.Method) string {
	switch method {
	case gcefake.Insert:
		return "create"
	case gcefake.Delete:
		return "delete"
	default:
		return "list"
	}
}

// waysOf are the ways in which a fault can come.
func waysOf(fault string) []string {
	if fault != faultRefuse {
		return lateFailures()
	}
	var ways []string
	for _, refusal := range gcefake.Refusals() {
		ways = append(ways, string(refusal))
	}
	return ways
}

// refusal is how an insert is refused. Empty: chance chooses. The laws hear of it.
func (c *Cloud) refusal(insert gcefake.Call, as string) gcefake.Refusal {
	if as == "" {
		ways := waysOf(faultRefuse)
		as = ways[c.world.Random.IntN(len(ways))]
	}
	refusal := gcefake.Refusal(as)
	c.world.Laws.refused(insert.Name, insert.Zone, refusal.Kind(), refusal.Scope() == gce.ScopeRegion)
	return refusal
}

// lateFailures are the ways in which the operation of an insert can fail.
func lateFailures() []string { return []string{"stockout", "quota", "internal", "preempted"} }

// lateFailure is one of them as package gce reads it. Empty: chance chooses.
func (c *Cloud) lateFailure(as string) gce.Error {
	if as == "" {
		as = lateFailures()[c.world.Random.IntN(len(lateFailures()))]
	}
	switch as {
	case "quota":
		return gce.Error{
			Kind: gce.Quota, Code: "QUOTA_EXCEEDED", HTTPStatus: 403, QuotaMetric: "PREEMPTIBLE_NVIDIA_T4_GPUS", QuotaLimit: "8",
			Message: "Quota 'PREEMPTIBLE_NVIDIA_T4_GPUS' exceeded.  Limit: 8.0 in region us-central1.",
		}
	case "internal":
		return gce.Error{
			Kind: gce.Unavailable, Code: "INTERNAL_ERROR", HTTPStatus: 500,
			Message: "Internal error. Please try again or contact Google Support.",
		}
	case "preempted":
		return gce.Error{
			Kind: gce.Preempted, Code: "UNSUPPORTED_OPERATION", HTTPStatus: 400,
			Message: "Instance failed to start due to preemption.",
		}
	default:
		return gce.Error{
			Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", HTTPStatus: 503,
			Message: "The zone does not have enough resources available to fulfill the request.",
		}
	}
}
