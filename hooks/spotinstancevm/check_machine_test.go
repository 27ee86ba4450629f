package spotinstancevm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const fine = "the spec can be run"

// TestMachineRules: nothing is asked of GCE that it would refuse of this machine type, and SpecValid says what to write
// instead. What is not known is asked.
func TestMachineRules(t *testing.T) {
	gpu := func(kind string, count int32) *v1alpha1.GPUConfig {
		return &v1alpha1.GPUConfig{Type: kind, Count: count}
	}
	const attaches = " to n1 machine types: use nvidia-tesla-t4, nvidia-tesla-p4, nvidia-tesla-v100 or nvidia-tesla-p100, or a machine type that comes with other GPUs, such as g2-standard-8"
	const noGPUs = " has no GPUs and takes none: use an n1 or a GPU machine type such as g2-standard-8 as spec.gcp.machineType, or remove spec.gpu"
	unknown := func(machine string) string {
		return "; whether machine type " + machine + " comes with the GPUs of spec.gpu is not known, and none are attached: VMs that show none are replaced after spec.joinTimeout"
	}
	const unset = "the spec can be run; spec.gpu is unset and machine type "
	const waited = ": set spec.gpu, so that VMs are waited for until they show their GPUs and pods are compared with them"
	const spot, standard, fallback = v1alpha1.ProvisioningSpot, v1alpha1.ProvisioningStandard, v1alpha1.ProvisioningSpotWithStandardFallback
	for name, c := range map[string]struct {
		machine string
		gpu     *v1alpha1.GPUConfig
		disk    string
		model   v1alpha1.ProvisioningModel
		want    string
	}{
		// GPUs
		"n1, one T4":                {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4", 1), want: fine},
		"n1, four T4":               {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4", 4), want: fine},
		"n1, three T4":              {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4", 3), want: "spec.gpu.count: GCE does not attach 3 nvidia-tesla-t4 to one VM: use 1, 2 or 4"},
		"n1, eight T4":              {machine: "n1-standard-96", gpu: gpu("nvidia-tesla-t4", 8), want: "spec.gpu.count: GCE does not attach 8 nvidia-tesla-t4 to one VM: use 1, 2 or 4"},
		"n1, eight P4":              {machine: "n1-standard-96", gpu: gpu("nvidia-tesla-p4", 8), want: "spec.gpu.count: GCE does not attach 8 nvidia-tesla-p4 to one VM: use 1, 2 or 4"},
		"n1, eight P100":            {machine: "n1-standard-96", gpu: gpu("nvidia-tesla-p100", 8), want: "spec.gpu.count: GCE does not attach 8 nvidia-tesla-p100 to one VM: use 1, 2 or 4"},
		"n1, eight V100":            {machine: "n1-standard-96", gpu: gpu("nvidia-tesla-v100", 8), want: fine},
		"n1, three V100":            {machine: "n1-standard-96", gpu: gpu("nvidia-tesla-v100", 3), want: "spec.gpu.count: GCE does not attach 3 nvidia-tesla-v100 to one VM: use 1, 2, 4 or 8"},
		"n1, a T4 workstation":      {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4-vws", 1), want: fine},
		"n1, a GPU of another":      {machine: "n1-standard-4", gpu: gpu("nvidia-l4", 1), want: "spec.gpu.type: GCE attaches no nvidia-l4" + attaches},
		"n1, a GPU in short":        {machine: "n1-standard-4", gpu: gpu("t4", 1), want: "spec.gpu.type: GCE attaches no t4" + attaches},
		"n1, custom, one T4":        {machine: "n1-custom-8-32768", gpu: gpu("nvidia-tesla-t4", 1), want: fine},
		"n1, custom, built-in only": {machine: "n1-custom-8-32768", gpu: gpu("nvidia-a100-80gb", 1), want: "spec.gpu.type: GCE attaches no nvidia-a100-80gb" + attaches},
		"custom, one T4":            {machine: "custom-8-53248", gpu: gpu("nvidia-tesla-t4", 1), want: fine},
		"custom, more memory":       {machine: "custom-8-106496-ext", gpu: gpu("nvidia-tesla-v100", 1), want: fine},
		"custom, three T4":          {machine: "custom-8-53248", gpu: gpu("nvidia-tesla-t4", 3), want: "spec.gpu.count: GCE does not attach 3 nvidia-tesla-t4 to one VM: use 1, 2 or 4"},
		"custom, a GPU of another":  {machine: "custom-8-53248", gpu: gpu("nvidia-l4", 1), want: "spec.gpu.type: GCE attaches no nvidia-l4" + attaches},
		"custom without GPUs":       {machine: "custom-8-53248", want: "the spec can be run; VMs have no GPUs, since spec.gpu is unset and machine type custom-8-53248 comes without: set spec.gpu if pods are to use some"},
		"custom, hyperdisk":         {machine: "custom-8-53248", gpu: gpu("nvidia-tesla-t4", 1), disk: "hyperdisk-balanced", want: "spec.gcp.diskType: n1 machine types take no hyperdisk-balanced: use pd-balanced, pd-ssd or pd-standard, or leave it unset"},
		"n2, custom, with a GPU":    {machine: "n2-custom-8-32768", gpu: gpu("nvidia-tesla-t4", 1), want: "spec.gpu: machine type n2-custom-8-32768" + noGPUs},
		"unknown without GPUs":      {machine: "q1-standard-8", want: fine},
		"n1 without GPUs":           {machine: "n1-standard-4", want: "the spec can be run; VMs have no GPUs, since spec.gpu is unset and machine type n1-standard-4 comes without: set spec.gpu if pods are to use some"},
		"g2, its L4":                {machine: "g2-standard-8", gpu: gpu("nvidia-l4", 1), want: fine},
		"g2, its L4, workstation":   {machine: "g2-standard-8", gpu: gpu("nvidia-l4-vws", 1), want: fine},
		"g2, a T4":                  {machine: "g2-standard-8", gpu: gpu("nvidia-tesla-t4", 1), want: "spec.gpu.type: machine type g2-standard-8 comes with nvidia-l4, not nvidia-tesla-t4: make spec.gpu.type and spec.gcp.machineType agree"},
		"g2, a longer name":         {machine: "g2-standard-8", gpu: gpu("nvidia-l40s", 1), want: "spec.gpu.type: machine type g2-standard-8 comes with nvidia-l4, not nvidia-l40s: make spec.gpu.type and spec.gcp.machineType agree"},
		"g2, too many":              {machine: "g2-standard-24", gpu: gpu("nvidia-l4", 4), want: "spec.gpu.count: machine type g2-standard-24 comes with 2 GPUs, not 4: make spec.gpu.count and spec.gcp.machineType agree"},
		"a2 says nothing":           {machine: "a2-highgpu-1g", want: unset + "a2-highgpu-1g comes with nvidia-tesla-a100" + waited},
		"e2 with a GPU":             {machine: "e2-standard-4", gpu: gpu("nvidia-tesla-t4", 1), want: "spec.gpu: machine type e2-standard-4" + noGPUs},
		"g1 with a GPU":             {machine: "g1-small", gpu: gpu("nvidia-tesla-t4", 1), want: "spec.gpu: machine type g1-small" + noGPUs},
		"c4 with a GPU":             {machine: "c4-standard-8", gpu: gpu("nvidia-tesla-t4", 1), want: "spec.gpu: machine type c4-standard-8" + noGPUs},
		"e2 without GPUs":           {machine: "e2-standard-4", want: fine},
		"a series of the future":    {machine: "g9-standard-8", gpu: gpu("nvidia-x9", 3), disk: "pd-standard", model: standard, want: fine + unknown("g9-standard-8")},
		"a letter of the future":    {machine: "q1-standard-8", gpu: gpu("nvidia-x9", 3), want: fine + unknown("q1-standard-8")},
		"a size of the future":      {machine: "g2-standard-6", gpu: gpu("nvidia-l4", 3), want: fine},

		// Disks; unset is right everywhere.
		"n1, pd-standard":           {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4", 1), disk: "pd-standard", want: fine},
		"n1, hyperdisk":             {machine: "n1-standard-4", gpu: gpu("nvidia-tesla-t4", 1), disk: "hyperdisk-balanced", want: "spec.gcp.diskType: n1 machine types take no hyperdisk-balanced: use pd-balanced, pd-ssd or pd-standard, or leave it unset"},
		"a2, pd-standard":           {machine: "a2-highgpu-1g", gpu: gpu("nvidia-tesla-a100", 1), disk: "pd-standard", want: fine},
		"g2, pd-standard":           {machine: "g2-standard-8", gpu: gpu("nvidia-l4", 1), disk: "pd-standard", want: "spec.gcp.diskType: g2 machine types take no pd-standard: use pd-balanced or pd-ssd, or leave it unset"},
		"g2, hyperdisk":             {machine: "g2-standard-8", gpu: gpu("nvidia-l4", 1), disk: "hyperdisk-balanced", want: "spec.gcp.diskType: g2 machine types take no hyperdisk-balanced: use pd-balanced or pd-ssd, or leave it unset"},
		"g2, pd-ssd":                {machine: "g2-standard-8", gpu: gpu("nvidia-l4", 1), disk: "pd-ssd", want: fine},
		"a3, pd-standard":           {machine: "a3-highgpu-8g", gpu: gpu("nvidia-h100-80gb", 8), disk: "pd-standard", want: "spec.gcp.diskType: a3 machine types take no pd-standard: use pd-balanced, pd-ssd or hyperdisk-balanced, or leave it unset"},
		"a3, hyperdisk":             {machine: "a3-megagpu-8g", gpu: gpu("nvidia-h100-mega-80gb", 8), disk: "hyperdisk-balanced", want: fine},
		"a3 Ultra, pd-ssd":          {machine: "a3-ultragpu-8g", gpu: gpu("nvidia-h200-141gb", 8), disk: "pd-ssd", want: "spec.gcp.diskType: a3-ultragpu machine types take no pd-ssd: use hyperdisk-balanced, or leave it unset"},
		"a4, pd-extreme":            {machine: "a4-highgpu-8g", gpu: gpu("nvidia-b200", 8), disk: "pd-extreme", want: "spec.gcp.diskType: a4 machine types take no pd-extreme: use hyperdisk-balanced, or leave it unset"},
		"a4, unset":                 {machine: "a4-highgpu-8g", gpu: gpu("nvidia-b200", 8), want: fine},
		"g4, pd-balanced":           {machine: "g4-standard-48", gpu: gpu("nvidia-rtx-pro-6000", 1), disk: "pd-balanced", want: "spec.gcp.diskType: g4 machine types take no pd-balanced: use hyperdisk-balanced, or leave it unset"},
		"a disk type of the future": {machine: "g4-standard-48", gpu: gpu("nvidia-rtx-pro-6000", 1), disk: "hyperdisk-eager", want: fine},

		// Provisioning models
		"a3-highgpu-1g, spot":     {machine: "a3-highgpu-1g", gpu: gpu("nvidia-h100-80gb", 1), model: spot, want: fine},
		"a3-highgpu-1g, standard": {machine: "a3-highgpu-1g", gpu: gpu("nvidia-h100-80gb", 1), model: standard, want: "spec.provisioningModel: GCE has no on-demand VMs of machine type a3-highgpu-1g: use Spot, or a3-highgpu-8g as spec.gcp.machineType"},
		"a3-highgpu-4g, fallback": {machine: "a3-highgpu-4g", gpu: gpu("nvidia-h100-80gb", 4), model: fallback, want: "spec.provisioningModel: GCE has no on-demand VMs of machine type a3-highgpu-4g to fall back to: use Spot, or a3-highgpu-8g as spec.gcp.machineType"},
		"a3-highgpu-8g, standard": {machine: "a3-highgpu-8g", gpu: gpu("nvidia-h100-80gb", 8), model: standard, want: fine},
		"a4x, spot":               {machine: "a4x-highgpu-4g", gpu: gpu("nvidia-gb200", 4), model: spot, want: "spec.provisioningModel: GCE has no spot VMs of machine type a4x-highgpu-4g: use Standard, or another spec.gcp.machineType"},
		"a4x, fallback":           {machine: "a4x-maxgpu-4g", gpu: gpu("nvidia-gb300", 4), model: fallback, want: "spec.provisioningModel: GCE has no spot VMs of machine type a4x-maxgpu-4g: use Standard, or another spec.gcp.machineType"},
		"a4x, standard":           {machine: "a4x-highgpu-4g", gpu: gpu("nvidia-gb200", 4), model: standard, want: fine},
		"two at once":             {machine: "a3-highgpu-2g", gpu: gpu("nvidia-h100-80gb", 2), disk: "pd-standard", model: standard, want: "spec.provisioningModel: GCE has no on-demand VMs of machine type a3-highgpu-2g: use Spot, or a3-highgpu-8g as spec.gcp.machineType; spec.gcp.diskType: a3 machine types take no pd-standard: use pd-balanced, pd-ssd or hyperdisk-balanced, or leave it unset"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
				p.Spec.GCP.MachineType, p.Spec.GPU, p.Spec.GCP.DiskType, p.Spec.ProvisioningModel = c.machine, c.gpu, c.disk, c.model
			})
			w.run(3 * time.Second)
			found := w.condition(v1alpha1.ConditionSpecValid)
			require.Equal(t, c.want, found.Message)
			isFine := strings.HasPrefix(c.want, fine)
			require.Equal(t, isFine, found.Status == metav1.ConditionTrue)
			require.Equal(t, isFine, w.inserts() > 0, "VMs are asked for")
			if !isFine {
				require.Equal(t, v1alpha1.ReasonInvalid, found.Reason)
				require.Equal(t, v1alpha1.PoolInvalid, w.pool.Status.Phase)
			}
		})
	}
}

// TestGPUResources: a VM is Ready when its Node shows what the device plugin of this pool calls its GPUs.
func TestGPUResources(t *testing.T) {
	const missing = ": install the GPU driver on the VM image and NVIDIA's device plugin in the cluster, or, if that calls the GPUs otherwise, set spec.gpu.resourceName"
	for name, c := range map[string]struct {
		resource string
		shows    string // name=number
		ready    bool
		says     string // how VMsJoining goes on after the name of the Node
	}{
		"the default":                {"", "nvidia.com/gpu=2", true, ""},
		"the default, written out":   {"nvidia.com/gpu", "nvidia.com/gpu=1", false, "shows 1 of 2 nvidia.com/gpu" + missing},
		"too few":                    {"", "nvidia.com/gpu=1", false, "shows 1 of 2 nvidia.com/gpu" + missing},
		"renamed, and nobody says":   {"", "nvidia.com/gpu.shared=20", false, "shows 0 of 2 nvidia.com/gpu" + missing},
		"shared":                     {"nvidia.com/gpu.shared", "nvidia.com/gpu.shared=20", true, ""},
		"divided":                    {"nvidia.com/mig-1g.10gb", "nvidia.com/mig-1g.10gb=1", true, ""},
		"shared, and not there yet":  {"nvidia.com/gpu.shared", "nvidia.com/gpu=2", false, "shows 0 of 1 nvidia.com/gpu.shared" + missing},
		"shared, and none is usable": {"nvidia.com/gpu.shared", "nvidia.com/gpu.shared=0", false, "shows 0 of 1 nvidia.com/gpu.shared" + missing},
		"no resource tells":          {"None", "cpu=8", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
				p.Spec.GPU.Count, p.Spec.GPU.ResourceName = 2, c.resource
				p.Spec.JoinTimeout = &metav1.Duration{Duration: time.Minute}
			})
			resourceName, number, _ := strings.Cut(c.shows, "=")
			w.kube.shows = corev1.ResourceList{corev1.ResourceName(resourceName): resource.MustParse(number)}
			w.run(time.Minute + 20*time.Second)
			require.Equal(t, c.ready, w.pool.Status.ReadyReplicas == 1)
			if c.ready {
				return
			}
			w.run(70 * time.Second) // the next one has joined
			require.Contains(t, w.condition(v1alpha1.ConditionVMsJoining).Message, c.says)
		})
	}
}

func TestGPUResourceNames(t *testing.T) {
	for name, fine := range map[string]bool{
		"": true, "None": true, "nvidia.com/gpu": true, "nvidia.com/mig-1g.10gb": true, "nvidia.com/mig-1g.5gb.shared": true, "amd.com/gpu": true,
		"none": false, "gpu": false, "cpu": false, "nvidia.com/": false, "/gpu": false, "nvidia.com/gpu/shared": false, "NVIDIA.com/gpu": false,
		"kubernetes.io/gpu": false, "x.kubernetes.io/gpu": false, "requests.nvidia.com/gpu": false, "nvidia.com/" + strings.Repeat("x", 64): false,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.Spec.GPU.ResourceName = name })
			w.run(3 * time.Second)
			found := w.condition(v1alpha1.ConditionSpecValid)
			require.Equal(t, fine, found.Status == metav1.ConditionTrue)
			require.Equal(t, fine, w.inserts() > 0)
			if !fine {
				require.Contains(t, found.Message, "spec.gpu.resourceName: ")
				require.Contains(t, found.Message, "such as nvidia.com/gpu.shared, or None")
			}
		})
	}
}

// TestGPUsAreAttachedToN1Only: also to what GCE calls custom, without its series.
func TestGPUsAreAttachedToN1Only(t *testing.T) {
	for machineType, attached := range map[string]int32{"n1-standard-4": 1, "custom-8-53248": 1, "n1-custom-8-53248": 1, "q1-standard-8": 0} {
		t.Run(machineType, func(t *testing.T) {
			w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.MachineType = machineType })
			w.run(3 * time.Second)
			vms := w.gce.Instances()
			require.Len(t, vms, 1)
			require.Equal(t, machineType, vms[0].Spec.MachineType)
			require.Equal(t, attached, vms[0].Spec.AcceleratorCount)
		})
	}
}

// TestScriptOfAnotherInterpreterIsRun: Linux starts it, if the image has the interpreter, which nobody knows here.
func TestScriptOfAnotherInterpreterIsRun(t *testing.T) {
	w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.Spec.StartupScript = "#!/usr/bin/env python3\nprint(1)\n" })
	w.run(3 * time.Second)
	found := w.condition(v1alpha1.ConditionSpecValid)
	require.Equal(t, metav1.ConditionTrue, found.Status)
	require.Equal(t, fine+"; spec.startupScript is run by python3: spec.vmImage must have it, or no VM joins", found.Message)
	require.Positive(t, w.inserts())
}
