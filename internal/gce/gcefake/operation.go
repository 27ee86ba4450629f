package gcefake

import (
	"fmt"
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// The system operations that this fake writes, in GCE's words.
const (
	opPreempted      = "compute.instances.preempted"
	opDeferredDelete = "compute.instances.deferredDelete"
	opDeferredStop   = "compute.instances.deferredStop"
)

const (
	userCaller = "caller@example.iam.gserviceaccount.com"
	userSystem = "system"
)

type operation struct {
	gce.Operation
	id            uint64
	project       string
	statusMessage string
}

// view is a copy that shares nothing with the state.
func (o *operation) view() gce.Operation {
	c := o.Operation
	if c.Error != nil {
		e := *c.Error
		e.ZonesAvailable = slices.Clone(e.ZonesAvailable)
		c.Error = &e
	}
	return c
}

// begin records an operation of a caller on v.
func (f *Fake) begin(kind string, v *vm, requestID string) *operation {
	id := f.nextID()
	op := &operation{id: id, project: v.Project, Operation: gce.Operation{
		Name: fmt.Sprintf("operation-%d-%s", id, kind), Zone: v.Zone, Type: kind, Target: v.Name, TargetID: v.ID,
		RequestID: requestID, User: userCaller, InsertTime: f.now(),
	}}
	f.operations = append(f.operations, op)
	if requestID != "" {
		f.requests[requestKey(v.Project, requestID)] = op
	}
	return op
}

// system records an operation of GCE itself on v, which is done at once.
func (f *Fake) system(kind, message string, v *vm) {
	op := f.begin(kind, v, "")
	op.Name = fmt.Sprintf("systemevent-%d-%d", op.InsertTime.UnixMilli(), op.id)
	op.User = userSystem
	op.statusMessage = message
	f.finish(op, nil)
}

func (f *Fake) finish(op *operation, failure *gce.Error) {
	if op == nil || op.Done {
		return
	}
	op.Done, op.EndTime, op.Error = true, f.now(), failure
}

func requestKey(project, requestID string) string { return project + "/" + requestID }
