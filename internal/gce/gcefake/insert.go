package gcefake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// order is an insert as it reaches the state machine from either side.
type order struct {
	project   string
	spec      gce.InstanceSpec
	action    string // termination action
	requestID string
}

// insert takes an order, or returns the operation that the same request id began before.
func (f *Fake) insert(o order, script Behaviour) (*operation, *gce.Error) {
	if op := f.requests[requestKey(o.project, o.requestID)]; op != nil {
		return op, nil
	}
	if err := f.unknownZone(o.spec.Zone); err != nil {
		return nil, err
	}
	if f.find(o.project, o.spec.Zone, o.spec.Name) != nil {
		return nil, taken(o)
	}
	if err := f.overQuota(o.spec); err != nil {
		return nil, err
	}
	full := o.spec.ProvisioningModel == gce.ModelSpot && f.isFull(o.spec.Zone)
	v := f.create(o.project, o.spec, o.action)
	v.insert = f.begin("insert", v, o.requestID)
	switch {
	case script.inOperation != nil:
		f.failInsert(v, script.inOperation)
	case full:
		f.failInsert(v, f.stockout(o.project, o.spec))
	default:
		f.provision(v)
	}
	return v.insert, nil
}

// failInsert lets the VM be seen as PROVISIONING for a while, then takes it away and says why in the operation.
func (f *Fake) failInsert(v *vm, failure *gce.Error) {
	f.after(f.timings.Stockout, v, func() {
		e := *failure
		e.Call = operationCall(v.insert)
		f.finish(v.insert, &e)
		f.remove(v)
	})
}

// delete begins to delete a VM, in whatever state it is.
func (f *Fake) delete(project, zone, name, requestID string) (*operation, *gce.Error) {
	if op := f.requests[requestKey(project, requestID)]; op != nil && requestID != "" {
		return op, nil
	}
	v := f.find(project, zone, name)
	if v == nil {
		return nil, absent(project, zone, name)
	}
	op := f.begin("delete", v, requestID)
	if v.deleted {
		return op, nil
	}
	v.deleted = true
	f.finish(v.insert, nil)
	if v.Status != stopping {
		v.Status = stopping
		f.emit(Stopping, v)
	}
	f.after(f.timings.Delete, v, func() { f.remove(v) })
	return op, nil
}

func (f *Fake) isFull(zone string) bool {
	capacity, limited := f.capacity[zone]
	return limited && f.used(zone) >= capacity
}

func (f *Fake) used(zone string) int {
	n := 0
	for _, v := range f.vms {
		if v.Zone == zone && v.ProvisioningModel == gce.ModelSpot && v.Status != terminated {
			n++
		}
	}
	return n
}

// stockout names the other zones of the region that have capacity, as GCE does.
func (f *Fake) stockout(project string, spec gce.InstanceSpec) *gce.Error {
	var free []string
	for _, zone := range f.zones {
		if zone != spec.Zone && regionOf(zone) == regionOf(spec.Zone) && !f.isFull(zone) {
			free = append(free, zone)
		}
	}
	slices.Sort(free)
	return &gce.Error{
		Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", HTTPStatus: 503, ZonesAvailable: free,
		Message: fmt.Sprintf("The zone 'projects/%s/zones/%s' does not have enough resources available to fulfill the request. '(resource type:compute)'.", project, spec.Zone),
	}
}

func (f *Fake) unknownZone(zone string) *gce.Error {
	if slices.Contains(f.zones, zone) {
		return nil
	}
	return &gce.Error{
		Kind: gce.Invalid, Code: "invalid", HTTPStatus: 400,
		Message: fmt.Sprintf("Invalid value for field 'zone': '%s'. Unknown zone.", zone),
	}
}

func taken(o order) *gce.Error {
	return &gce.Error{
		Kind: gce.AlreadyExists, Code: "alreadyExists", HTTPStatus: 409,
		Message: fmt.Sprintf("The resource '%s' already exists", instancePath(o.project, o.spec.Zone, o.spec.Name)),
	}
}

func absent(project, zone, name string) *gce.Error {
	return &gce.Error{
		Kind: gce.NotFound, Code: "notFound", HTTPStatus: 404,
		Message: fmt.Sprintf("The resource '%s' was not found", instancePath(project, zone, name)),
	}
}

func instancePath(project, zone, name string) string {
	return fmt.Sprintf("projects/%s/zones/%s/instances/%s", project, zone, name)
}

func operationCall(op *operation) string {
	return fmt.Sprintf("%s %s in %s", op.Type, op.Target, op.Zone)
}

func regionOf(zone string) string { return zone[:max(strings.LastIndex(zone, "-"), 0)] }
