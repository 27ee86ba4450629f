package gce

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	compute "cloud.google.com/go/compute/apiv1"
	"cloud.google.com/go/compute/apiv1/computepb"
)

const machineTypeFields = "name,guestCpus,memoryMb,architecture,bundledLocalSsds/partitionCount"

// MachineType is as Cloud says.
func (c *Client) MachineType(ctx context.Context, zone, name string) (MachineType, error) {
	call := fmt.Sprintf("get machine type %s in %s", name, zone)
	if err := errors.Join(ValidateZone(zone), MachineTypeForm(name)); err != nil {
		return MachineType{}, Refused(call, err)
	}
	client, err := compute.NewMachineTypesRESTClient(ctx, c.clientOptions(c.readHTTP(ctx, url.Values{"fields": {machineTypeFields}}))...)
	if err != nil {
		return MachineType{}, Unanswered(call, err)
	}
	found, err := client.Get(ctx, &computepb.GetMachineTypeRequest{Project: c.project, Zone: zone, MachineType: name}, retryRead())
	if err != nil {
		return MachineType{}, failure(ctx, call, err)
	}
	return MachineType{
		Name: found.GetName(), CPUs: int64(found.GetGuestCpus()), MemoryMiB: int64(found.GetMemoryMb()),
		Architecture: found.GetArchitecture(), LocalSSDs: int64(found.GetBundledLocalSsds().GetPartitionCount()),
	}, nil
}
