package gcefake

import (
	"maps"
	"slices"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Refusal is a way in which GCE says no to an insert that another zone may take.
type Refusal string

// Refusals in the answer, and then those that the insert's operation ends with. The bodies have the form of those that users
// of GCE have published.
const (
	NoMachineType       Refusal = "no-machine-type"
	MachineTypeNotFound Refusal = "machine-type-not-found"
	AcceleratorNotFound Refusal = "accelerator-not-found"
	DiskTypeNotFound    Refusal = "disk-type-not-found"
	SubnetworkNotFound  Refusal = "subnetwork-not-found"
	LocationForbidden   Refusal = "location-forbidden"
	NotReady            Refusal = "not-ready"
	LocationUnavailable Refusal = "location-unavailable"
	BackendError        Refusal = "backend-error"
	InternalError       Refusal = "internal-error"

	AcceleratorGone      Refusal = "accelerator-gone"
	InsufficientCapacity Refusal = "insufficient-capacity"
	FailedInternally     Refusal = "failed-internally"
	FailedNotReady       Refusal = "failed-not-ready"
	FailedInUse          Refusal = "failed-in-use"
	FailedRateExceeded   Refusal = "failed-rate-exceeded"
)

// body is a Refusal's error. {zone} and {region} stand for those of the insert.
type body struct {
	kind    gce.Kind
	code    string
	status  int
	late    bool // the operation ends with it
	message string
}

var bodies = map[Refusal]body{
	NoMachineType: {
		kind: gce.Invalid, code: "invalid", status: 400,
		message: "Invalid value for field 'resource.machineType': 'zones/{zone}/machineTypes/n1-standard-4'. Machine type with name 'n1-standard-4' does not exist in zone '{zone}'.",
	},
	MachineTypeNotFound: {kind: gce.NotFound, code: "notFound", status: 404, message: "The resource 'projects/example/zones/{zone}/machineTypes/n1-standard-4' was not found"},
	AcceleratorNotFound: {kind: gce.NotFound, code: "notFound", status: 404, message: "The resource 'projects/example/zones/{zone}/acceleratorTypes/nvidia-tesla-t4' was not found"},
	DiskTypeNotFound:    {kind: gce.NotFound, code: "notFound", status: 404, message: "The resource 'projects/example/zones/{zone}/diskTypes/pd-balanced' was not found"},
	SubnetworkNotFound:  {kind: gce.NotFound, code: "notFound", status: 404, message: "The resource 'projects/example/regions/{region}/subnetworks/train' was not found"},
	LocationForbidden: {
		kind: gce.Invalid, code: "conditionNotMet", status: 412,
		message: "Location ZONE:{zone} violates constraint constraints/gcp.resourceLocations on the resource projects/example/zones/{zone}/instances/trainer.",
	},
	NotReady:            {kind: gce.Unavailable, code: "resourceNotReady", status: 400, message: "The resource 'projects/example/regions/{region}/subnetworks/train' is not ready"},
	LocationUnavailable: {kind: gce.Unavailable, code: "SERVICE_UNAVAILABLE_FOR_LOCATION", status: 500, message: "The service is currently unavailable for location {zone}."},
	BackendError:        {kind: gce.Unavailable, code: "backendError", status: 503, message: "Backend Error"},
	InternalError:       {kind: gce.Unavailable, code: "internalError", status: 500, message: "Internal Error"},

	AcceleratorGone: {kind: gce.NotFound, code: "RESOURCE_NOT_FOUND", status: 404, late: true, message: "The resource 'projects/example/zones/{zone}/acceleratorTypes/nvidia-tesla-t4' was not found"},
	InsufficientCapacity: {
		kind: gce.Stockout, code: "UNSUPPORTED_OPERATION", status: 400, late: true,
		message: "Zone does not currently have sufficient capacity for the requested resources.",
	},
	FailedInternally:   {kind: gce.Unavailable, code: "INTERNAL_ERROR", status: 500, late: true, message: "Internal error. Please try again or contact Google Support. (Code: '0')"},
	FailedNotReady:     {kind: gce.Unavailable, code: "RESOURCE_NOT_READY", status: 400, late: true, message: "The resource 'projects/example/zones/{zone}/disks/trainer' is not ready"},
	FailedInUse:        {kind: gce.Unavailable, code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", status: 400, late: true, message: "The disk resource 'projects/example/zones/{zone}/disks/trainer' is already being used by another instance"},
	FailedRateExceeded: {kind: gce.RateLimited, code: "RESOURCE_OPERATION_RATE_EXCEEDED", status: 429, late: true, message: "Operation rate exceeded for resource 'projects/example/zones/{zone}/disks/trainer'. Too frequent operations from the source resource."},
}

// Refusals are all of them, in order.
func Refusals() []Refusal { return slices.Sorted(maps.Keys(bodies)) }

// Kind is what the refusal means for the caller, or what the operation's failure does.
func (r Refusal) Kind() gce.Kind { return bodies[r].kind }

// IsLate tells whether the insert is taken, and its operation ends with the refusal.
func (r Refusal) IsLate() bool { return bodies[r].late }

// Refuses lets inserts be refused so, whatever their zone: name it in the pattern of When or Once.
func Refuses(r Refusal) Behaviour {
	b := bodies[r]
	e := gce.Error{Kind: b.kind, Code: b.code, HTTPStatus: b.status, Message: b.message}
	if b.late {
		return FailsInOperation(e)
	}
	return Refused(e)
}

// in is the behaviour with the names of a call's zone, region and VM in the words of its errors.
func (b Behaviour) in(c Call) Behaviour {
	words := strings.NewReplacer("{zone}", c.Zone, "{region}", regionOf(c.Zone), "{instance}", c.Name)
	for _, e := range []**gce.Error{&b.err, &b.inOperation} {
		if *e != nil {
			named := **e
			named.Message = words.Replace(named.Message)
			*e = &named
		}
	}
	return b
}
