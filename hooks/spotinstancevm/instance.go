package spotinstancevm

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// vmRequest is what one VM has that the others of its pool have not.
type vmRequest struct {
	name          string
	zone          string
	model         string // gce.ModelSpot or gce.ModelStandard
	specHash      string
	startupScript string
}

// instanceSpec is the VM that the pool asks for. It is deleted, never stopped, when it is preempted or its run ends.
func instanceSpec(id identity, s settings, vm vmRequest) gce.InstanceSpec {
	labels := id.ownerLabels()
	labels[labelSpec] = vm.specHash
	labels[labelGPUs] = strconv.FormatInt(s.gpus, 10)
	spec := gce.InstanceSpec{
		Name:              vm.name,
		Zone:              vm.zone,
		Labels:            labels,
		Metadata:          map[string]string{"startup-script": vm.startupScript},
		MachineType:       s.machineType,
		Image:             s.image,
		DiskSizeGB:        s.diskSizeGB,
		DiskType:          s.diskType,
		NetworkTags:       s.networkTags,
		ServiceAccount:    s.serviceAccount,
		Network:           s.network,
		Subnetwork:        s.subnetwork,
		ExternalIP:        s.externalIP,
		ProvisioningModel: vm.model,
		MaxRunDuration:    s.maxRunDuration,
	}
	if vm.model == gce.ModelSpot {
		spec.PreemptionNotice = s.notice
	}
	if s.accelerator != "" {
		spec.Accelerator, spec.AcceleratorCount = s.accelerator, int32(s.gpus)
	}
	return spec
}

// bootstrapOf is what a VM is told to become a Node of the pool.
func bootstrapOf(id identity, s settings, vm vmRequest, join bootstrap.Join) bootstrap.VM {
	labels := maps.Clone(s.nodeLabels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelPool] = id.poolID()
	labels[v1alpha1.LabelPoolUID] = id.uid
	labels[corev1.LabelTopologyRegion] = regionOf(vm.zone)
	labels[corev1.LabelTopologyZone] = vm.zone
	labels[corev1.LabelInstanceTypeStable] = s.machineType
	if vm.model == gce.ModelSpot && s.notice > 0 {
		labels[v1alpha1.LabelNotice] = strconv.Itoa(int(s.notice.Seconds()))
	}
	return bootstrap.VM{
		Name:       vm.name,
		ProviderID: id.providerID(vm.zone, vm.name),
		Labels:     labels,
		Taints:     s.taints,
		UserScript: s.startupScript,
		CRIU:       s.criu,
		CRISocket:  s.criSocket,
		Join:       join,
	}
}
