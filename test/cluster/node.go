package cluster

import (
	"fmt"
	"regexp"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// resourceGPU is what NVIDIA's device plugin calls a GPU.
const resourceGPU corev1.ResourceName = "nvidia.com/gpu"

// nodeOf is the Node that the kubelet of a VM registers: what the kubelet knows by itself, and what its join
// configuration says. Labels of the cloud (zone, region, instance type) are not the kubelet's to know: a cluster made by
// kubeadm has them only if the startup script sets them.
func nodeOf(vm gcefake.VM, join joinConfiguration) (*corev1.Node, error) {
	labels, err := join.nodeLabels()
	if err != nil {
		return nil, err
	}
	taints, err := join.taints()
	if err != nil {
		return nil, err
	}
	name := join.NodeRegistration.Name
	labels[corev1.LabelHostname] = name
	labels[corev1.LabelOSStable] = "linux"
	labels[corev1.LabelArchStable] = "amd64"
	labels[LabelManaged] = "true"
	resources := resourcesOf(vm.Spec)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: join.kubeletArgument("provider-id"), Taints: taints},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: vm.InternalIP},
				{Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubernetesVersion, OperatingSystem: "linux", Architecture: "amd64"},
		},
	}, nil
}

// resourcesOf is roughly what a VM of this machine type has, GPUs included.
func resourcesOf(spec gce.InstanceSpec) corev1.ResourceList {
	cpus, memory := size(spec.MachineType)
	resources := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(cpus), resource.DecimalSI),
		corev1.ResourceMemory:           resource.MustParse(fmt.Sprintf("%dGi", memory)),
		corev1.ResourceEphemeralStorage: resource.MustParse(fmt.Sprintf("%dGi", max(spec.DiskSizeGB, 10))),
		corev1.ResourcePods:             *resource.NewQuantity(110, resource.DecimalSI),
	}
	if gpus := gpusOf(spec); gpus > 0 {
		resources[resourceGPU] = *resource.NewQuantity(gpus, resource.DecimalSI)
	}
	return resources
}

func gpusOf(spec gce.InstanceSpec) int64 {
	if spec.Accelerator != "" {
		return int64(spec.AcceleratorCount)
	}
	count, _ := gce.BuiltInGPUs(spec.MachineType)
	return int64(count)
}

var (
	endsInCPUs = regexp.MustCompile(`-([0-9]+)$`)     // n1-standard-8
	endsInGPUs = regexp.MustCompile(`gpu-([0-9]+)g$`) // a2-highgpu-2g
)

// size is the CPUs and GiB of memory of a machine type, from the number its name ends in; 12 CPUs and 85 GiB go with
// each GPU of the accelerator-optimised types, as in A2.
func size(machineType string) (cpus, memory int) {
	if m := endsInGPUs.FindStringSubmatch(machineType); m != nil {
		gpus, _ := strconv.Atoi(m[1])
		return 12 * gpus, 85 * gpus
	}
	if m := endsInCPUs.FindStringSubmatch(machineType); m != nil {
		cpus, _ := strconv.Atoi(m[1])
		return cpus, 4 * cpus
	}
	return 4, 16
}
