package gcefake

import (
	"context"
	"errors"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// cloud is the Fake in process, as one project.
type cloud struct {
	fake    *Fake
	project string
}

// Cloud is one project of this Fake, without HTTP in between. Projects exist when they are named.
func (f *Fake) Cloud(project string) gce.Cloud { return cloud{f, project} }

// Instances is as gce.Cloud says.
func (c cloud) Instances(ctx context.Context, zone string, labels map[string]string) ([]gce.Instance, error) {
	call := "list instances in " + zone
	if err := errors.Join(gce.ValidateZone(zone), gce.ValidateLabels(labels)); err != nil {
		return nil, gce.Refused(call, err)
	}
	var found []gce.Instance
	err := c.fake.serve(ctx, Call{Method: ListInstances, Zone: zone}, func(b Behaviour) *gce.Error {
		if b.partial {
			return unreachable(zone)
		}
		found = c.matching(zone, labels)
		return c.fake.unknownZone(zone)
	})
	return answer(found, call, err)
}

// Instance is as gce.Cloud says.
func (c cloud) Instance(ctx context.Context, zone, name string) (gce.Instance, error) {
	call := "get " + name + " in " + zone
	if err := errors.Join(gce.ValidateZone(zone), gce.ValidateName(name)); err != nil {
		return gce.Instance{}, gce.Refused(call, err)
	}
	var found gce.Instance
	err := c.fake.serve(ctx, Call{GetInstance, zone, name}, func(Behaviour) *gce.Error {
		v := c.fake.find(c.project, zone, name)
		if v == nil {
			return absent(c.project, zone, name)
		}
		found = v.view().Instance
		return nil
	})
	return answer(found, call, err)
}

// AllInstances is as gce.Cloud says.
func (c cloud) AllInstances(ctx context.Context, labels map[string]string) ([]gce.Instance, error) {
	call := "list instances of project " + c.project
	if err := gce.ValidateLabels(labels); err != nil {
		return nil, gce.Refused(call, err)
	}
	var found []gce.Instance
	err := c.fake.serve(ctx, Call{Method: ListAllInstances}, func(b Behaviour) *gce.Error {
		if b.partial {
			return unreachable("a zone")
		}
		for _, zone := range c.fake.zones {
			found = append(found, c.matching(zone, labels)...)
		}
		return nil
	})
	return answer(found, call, err)
}

// Operations is as gce.Cloud says.
func (c cloud) Operations(ctx context.Context, zone string, since time.Time) ([]gce.Operation, error) {
	call := "list operations in " + zone
	if err := gce.ValidateZone(zone); err != nil {
		return nil, gce.Refused(call, err)
	}
	var found []gce.Operation
	err := c.fake.serve(ctx, Call{Method: ListOperations, Zone: zone}, func(b Behaviour) *gce.Error {
		if b.partial {
			return unreachable(zone)
		}
		for _, op := range c.fake.zoneOperations(c.project, zone, since) {
			found = append(found, op.view())
		}
		return c.fake.unknownZone(zone)
	})
	return answer(found, call, err)
}

// Insert is as gce.Cloud says.
func (c cloud) Insert(ctx context.Context, spec gce.InstanceSpec, requestID string) (gce.Operation, error) {
	call := "insert " + spec.Name + " in " + spec.Zone
	if err := errors.Join(spec.Validate(), gce.ValidateRequestID(requestID)); err != nil {
		return gce.Operation{}, gce.Refused(call, err)
	}
	var begun gce.Operation
	err := c.fake.serve(ctx, Call{Insert, spec.Zone, spec.Name}, func(b Behaviour) *gce.Error {
		op, err := c.fake.insert(order{c.project, spec, actionDelete, requestID}, b)
		if op != nil {
			begun = op.view()
		}
		return err
	})
	return answer(begun, call, err)
}

// Delete is as gce.Cloud says.
func (c cloud) Delete(ctx context.Context, zone, name, requestID string) (gce.Operation, error) {
	call := "delete " + name + " in " + zone
	if err := errors.Join(gce.ValidateZone(zone), gce.ValidateName(name), gce.ValidateRequestID(requestID)); err != nil {
		return gce.Operation{}, gce.Refused(call, err)
	}
	var begun gce.Operation
	err := c.fake.serve(ctx, Call{Delete, zone, name}, func(Behaviour) *gce.Error {
		op, err := c.fake.delete(c.project, zone, name, requestID)
		if op != nil {
			begun = op.view()
		}
		return err
	})
	return answer(begun, call, err)
}

func (c cloud) matching(zone string, labels map[string]string) []gce.Instance {
	var found []gce.Instance
	for _, v := range c.fake.zoneInstances(c.project, zone) {
		if hasLabels(v, labels) {
			found = append(found, v.Instance)
		}
	}
	return found
}

func unreachable(what string) *gce.Error {
	return &gce.Error{Kind: gce.Unavailable, Code: "UNREACHABLE", HTTPStatus: 200, Message: "the list is not complete: " + what + " did not answer"}
}

// answer gives the caller the result, or the error with the caller's own name for the call and nothing else.
func answer[T any](result T, call string, err *gce.Error) (T, error) {
	if err == nil {
		return result, nil
	}
	var none T
	err.Call = call
	return none, err
}
