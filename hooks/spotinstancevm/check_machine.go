package spotinstancevm

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// machineProblems are what GCE would refuse of this machine type, by field. What is not known of it is left to GCE.
func machineProblems(spec v1alpha1.SpotInstanceVMSpec, s settings) []problem {
	var problems []problem
	add := func(field, format string, args ...any) {
		problems = append(problems, specProblem(v1alpha1.ReasonInvalid, field, fmt.Sprintf(format, args...)))
	}
	switch isOnDemand := gce.HasOnDemand(s.fullType); {
	case s.model == gce.ModelSpot && !gce.HasSpot(s.fullType):
		add("spec.provisioningModel", "GCE has no spot VMs of machine type %s: use Standard, or another spec.gcp.machineType", s.machineType)
	case s.model == gce.ModelStandard && !isOnDemand:
		add("spec.provisioningModel", "GCE has no on-demand VMs of machine type %s: use Spot, or a3-highgpu-8g as spec.gcp.machineType", s.machineType)
	case s.fallback && !isOnDemand:
		add("spec.provisioningModel", "GCE has no on-demand VMs of machine type %s to fall back to: use Spot, or a3-highgpu-8g as spec.gcp.machineType", s.machineType)
	}
	if err := gce.ValidateBootDisk(s.fullType, s.diskType); err != nil {
		add("spec.gcp.diskType", "%s", err)
	}
	if spec.GPU == nil {
		return problems
	}
	if name := string(s.gpuResource); name != "" && !isExtendedResource(name) {
		add("spec.gpu.resourceName", "%.80q is no extended resource of Kubernetes: write what the device plugin calls the GPUs, such as nvidia.com/gpu.shared, or None, if VMs are not to wait for any", name)
	}
	if gce.AttachesGPUs(s.fullType) {
		return append(problems, attachedProblems(*spec.GPU)...)
	}
	return append(problems, builtInProblems(*spec.GPU, s)...)
}

// isExtendedResource is what Kubernetes takes for one (IsExtendedResourceName of k8s.io/kubernetes/pkg/apis/core/helper, which
// cannot be imported).
func isExtendedResource(name string) bool {
	domain, _, found := strings.Cut(name, "/")
	isNative := !found || strings.Contains(name, "kubernetes.io/")
	return !isNative && !strings.HasPrefix(domain, "requests.") && len(validation.IsQualifiedName("requests."+name)) == 0
}

func attachedProblems(gpu v1alpha1.GPUConfig) []problem {
	if err := gce.ValidateAttached(gpu.Type); err != nil {
		return []problem{specProblem(v1alpha1.ReasonInvalid, "spec.gpu.type", err.Error())}
	}
	if err := gce.ValidateAttachedCount(gpu.Type, int64(gpu.Count)); err != nil {
		return []problem{specProblem(v1alpha1.ReasonInvalid, "spec.gpu.count", err.Error())}
	}
	return nil
}

func builtInProblems(gpu v1alpha1.GPUConfig, s settings) []problem {
	var problems []problem
	add := func(field, format string, args ...any) {
		problems = append(problems, specProblem(v1alpha1.ReasonInvalid, field, fmt.Sprintf(format, args...)))
	}
	if gce.TakesNoGPUs(s.fullType) {
		add("spec.gpu", "machine type %s has no GPUs and takes none: use an n1 or a GPU machine type such as g2-standard-8 as spec.gcp.machineType, or remove spec.gpu", s.machineType)
	}
	if builtIn := gce.BuiltInAccelerator(s.fullType); builtIn != "" && !gce.IsBuiltIn(s.fullType, gpu.Type) {
		add("spec.gpu.type", "machine type %s comes with %s, not %s: make spec.gpu.type and spec.gcp.machineType agree", s.machineType, builtIn, gpu.Type)
	}
	if count, known := gce.BuiltInGPUs(s.fullType); known && int64(count) != s.gpus {
		add("spec.gpu.count", "machine type %s comes with %d GPUs, not %d: make spec.gpu.count and spec.gcp.machineType agree", s.machineType, count, s.gpus)
	}
	return problems
}

// isUnknownSeries tells whether it is not known which GPUs the machine type has or takes. Only to n1 does GCE attach any.
func isUnknownSeries(s settings) bool {
	return !gce.AttachesGPUs(s.fullType) && !gce.TakesNoGPUs(s.fullType) && gce.BuiltInAccelerator(s.fullType) == ""
}

// runnable is what SpecValid says when nothing is wrong with the spec: also what it leaves open and may be an oversight.
func runnable(s settings) string {
	said := []string{"the spec can be run"}
	builtIn := gce.BuiltInAccelerator(s.fullType)
	switch {
	case s.gpuResource != "" && isUnknownSeries(s):
		said = append(said, "whether machine type "+s.machineType+" comes with the GPUs of spec.gpu is not known, and none are attached: VMs that show none are replaced after spec.joinTimeout")
	case s.gpus > 0:
	case gce.AttachesGPUs(s.fullType):
		said = append(said, "VMs have no GPUs, since spec.gpu is unset and machine type "+s.machineType+" comes without: set spec.gpu if pods are to use some")
	case builtIn != "":
		said = append(said, "spec.gpu is unset and machine type "+s.machineType+" comes with "+builtIn+": set spec.gpu, so that VMs are waited for until they show their GPUs and pods are compared with them")
	}
	if program := bootstrap.Interpreter(s.startupScript); program != "" {
		said = append(said, fmt.Sprintf("spec.startupScript is run by %.60s: spec.vmImage must have it, or no VM joins", program))
	}
	return strings.Join(said, "; ")
}
