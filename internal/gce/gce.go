// Package gce is the Google Compute Engine API as the pool hook uses it: a few calls on spot VMs, failures
// with a meaning, and operations as data.
//
// It is a thin layer over the official REST client. It does not wait for operations, does not choose zones,
// does not retry mutations, and remembers nothing between calls.
//
// The client library has traps that this package keeps from its callers: its lists ignore their context and are
// not retried, its error reasons are empty for GCE's bodies, it puts any string into a path, a closed client
// panics, and credentials of other types than the one asked for can make it call any URL.
package gce

import (
	"context"
	"time"
)

// Cloud is one Google Cloud project seen with one set of credentials.
//
// Every call ends when ctx ends, whatever the server does. Every error is an *Error. A list is complete or an
// error: a partial answer of GCE (unreachable zone, warning, missing page) is an error of kind Unavailable,
// so that an instance that is not in a list is really absent.
type Cloud interface {
	// Instances lists the instances of one zone that carry all the given labels.
	// An unknown zone is an error of kind Invalid.
	Instances(ctx context.Context, zone string, labels map[string]string) ([]Instance, error)

	// Instance reads one instance, whatever its labels. An absent one, or an unknown zone, is an error of kind NotFound.
	Instance(ctx context.Context, zone, name string) (Instance, error)

	// AllInstances lists the instances of every zone of the project that carry all the given labels.
	AllInstances(ctx context.Context, labels map[string]string) ([]Instance, error)

	// Operations lists the operations on instances of one zone that were inserted at or after since, by users as
	// by GCE itself, done or not, newest first.
	Operations(ctx context.Context, zone string, since time.Time) ([]Operation, error)

	// Insert asks for a VM and returns at once. The same requestID again returns the first call's operation.
	// Success means only that GCE took the request: its outcome is known from the operation alone.
	// A name already taken in this zone is an error of kind AlreadyExists. requestID is a UUID.
	Insert(ctx context.Context, spec InstanceSpec, requestID string) (Operation, error)

	// Delete asks for a VM to be deleted and returns at once. An absent VM is an error of kind NotFound.
	Delete(ctx context.Context, zone, name, requestID string) (Operation, error)

	// MachineType reads the size of a machine type. One that the zone does not have, or an unknown zone, is an error of kind NotFound.
	MachineType(ctx context.Context, zone, name string) (MachineType, error)
}

// MachineType is a machine type as GCE reports it.
type MachineType struct {
	Name         string
	CPUs         int64  // that a VM sees
	MemoryMiB    int64  // of which the kernel takes some
	Architecture string // X86_64, ARM64, or empty
	LocalSSDs    int64  // disks that every VM of this type has besides its boot disk
}

// Instance is a VM as GCE reports it.
type Instance struct {
	Name              string
	Zone              string
	ID                string // numeric; differs between two VMs of the same name
	Status            string // PROVISIONING, STAGING, RUNNING, STOPPING, TERMINATED, ... ; unknown ones pass through
	Labels            map[string]string
	MachineType       string // bare name
	ProvisioningModel string // SPOT, STANDARD
	InternalIP        string
	ExternalIP        string
	CreationTime      time.Time
	PreemptionNotice  time.Duration // 0 when none was asked for
	MaxRunDuration    time.Duration // 0 when unlimited
}

// Operation is a zone operation as GCE reports it.
type Operation struct {
	Name       string
	Zone       string
	Type       string // insert, delete, stop, compute.instances.preempted, ...
	Target     string // bare name of the instance
	TargetID   string // numeric id of the instance; may be empty in an insert's first answer
	RequestID  string // clientOperationId
	User       string // "system" for GCE's own
	Done       bool
	Error      *Error // of a Done operation that failed: it had no effect, whatever the Kind
	InsertTime time.Time
	EndTime    time.Time // zero until Done
}

// InstanceSpec is the VM that Insert asks for.
type InstanceSpec struct {
	Name              string
	Zone              string
	Labels            map[string]string // on the instance and on its boot disk
	Metadata          map[string]string // startup-script and others
	MachineType       string            // bare name
	Image             string            // projects/P/global/images/I or .../family/F, or its googleapis.com URL
	DiskSizeGB        int64
	DiskType          string // bare name
	Accelerator       string // accelerator to attach (N1 only); empty: none, or part of the machine type
	AcceleratorCount  int32
	NetworkTags       []string
	ServiceAccount    string // email; empty: none
	Network           string // name or path; empty: default
	Subnetwork        string // name or path; empty: chosen by GCE
	ExternalIP        bool
	ProvisioningModel string        // SPOT or STANDARD
	PreemptionNotice  time.Duration // 0 or 120 s; SPOT only
	MaxRunDuration    time.Duration // 30 s to 120 days; always with termination action DELETE
}
