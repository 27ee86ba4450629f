package gce

import (
	"strings"
	"time"

	"cloud.google.com/go/compute/apiv1/computepb"
)

// instanceBody is the body of an insert. Everything that GCE would choose by itself and that costs money or
// work when chosen wrongly is set explicitly: the provisioning model, what ends the VM, and that its disk goes
// with it.
func instanceBody(project string, s InstanceSpec) *computepb.Instance {
	zone := "projects/" + project + "/zones/" + s.Zone
	body := &computepb.Instance{
		Name:              &s.Name,
		MachineType:       new("zones/" + s.Zone + "/machineTypes/" + s.MachineType),
		Labels:            s.Labels,
		Metadata:          metadataBody(s.Metadata),
		Scheduling:        schedulingBody(s),
		Disks:             []*computepb.AttachedDisk{bootDisk(s)},
		NetworkInterfaces: []*computepb.NetworkInterface{networkBody(project, s)},
	}
	if s.Accelerator != "" {
		body.GuestAccelerators = []*computepb.AcceleratorConfig{{
			AcceleratorType:  new("https://www.googleapis.com/compute/v1/" + zone + "/acceleratorTypes/" + s.Accelerator),
			AcceleratorCount: &s.AcceleratorCount,
		}}
	}
	if len(s.NetworkTags) > 0 {
		body.Tags = &computepb.Tags{Items: s.NetworkTags}
	}
	if s.ServiceAccount != "" {
		body.ServiceAccounts = []*computepb.ServiceAccount{{Email: &s.ServiceAccount, Scopes: []string{scopeCloudPlatform}}}
	}
	return body
}

// schedulingBody ends every VM with DELETE. GCE takes a termination action with SPOT or with a run limit only;
// every spec has a run limit, which also bounds what a lost VM can cost. VMs with GPUs cannot be migrated.
func schedulingBody(s InstanceSpec) *computepb.Scheduling {
	b := &computepb.Scheduling{
		ProvisioningModel:         &s.ProvisioningModel,
		InstanceTerminationAction: new("DELETE"),
		OnHostMaintenance:         new("TERMINATE"),
		AutomaticRestart:          new(false),
		MaxRunDuration:            seconds(s.MaxRunDuration),
	}
	if s.ProvisioningModel == ModelSpot && s.PreemptionNotice > 0 {
		b.PreemptionNoticeDuration = seconds(s.PreemptionNotice)
	}
	return b
}

// bootDisk carries the labels too: a VM's labels do not reach its disk.
func bootDisk(s InstanceSpec) *computepb.AttachedDisk {
	return &computepb.AttachedDisk{
		Boot:       new(true),
		AutoDelete: new(true),
		InitializeParams: &computepb.AttachedDiskInitializeParams{
			SourceImage: &s.Image,
			DiskSizeGb:  &s.DiskSizeGB,
			DiskType:    new("zones/" + s.Zone + "/diskTypes/" + s.DiskType),
			Labels:      s.Labels,
		},
	}
}

// networkBody leaves the network to the subnetwork if only that is named, and to GCE's "default" if neither is.
func networkBody(project string, s InstanceSpec) *computepb.NetworkInterface {
	b := &computepb.NetworkInterface{}
	if s.Network != "" || s.Subnetwork == "" {
		b.Network = new(expand(s.Network, "default", "projects/"+project+"/global/networks/"))
	}
	if s.Subnetwork != "" {
		b.Subnetwork = new(expand(s.Subnetwork, "", "projects/"+project+"/regions/"+regionOf(s.Zone)+"/subnetworks/"))
	}
	if s.ExternalIP {
		b.AccessConfigs = []*computepb.AccessConfig{{Name: new("External NAT"), Type: new("ONE_TO_ONE_NAT")}}
	}
	return b
}

func metadataBody(metadata map[string]string) *computepb.Metadata {
	b := &computepb.Metadata{}
	for _, k := range sortedKeys(metadata) {
		b.Items = append(b.Items, &computepb.Items{Key: new(k), Value: new(metadata[k])})
	}
	return b
}

// expand makes a path of a bare name; a path stays as it is.
func expand(nameOrPath, fallback, prefix string) string {
	if nameOrPath == "" {
		nameOrPath = fallback
	}
	if strings.Contains(nameOrPath, "/") {
		return nameOrPath
	}
	return prefix + nameOrPath
}

func seconds(d time.Duration) *computepb.Duration {
	return &computepb.Duration{Seconds: new(int64(d / time.Second))}
}

// regionOf is the region of a zone: us-central1 of us-central1-a.
func regionOf(zone string) string {
	return zone[:max(strings.LastIndex(zone, "-"), 0)]
}
