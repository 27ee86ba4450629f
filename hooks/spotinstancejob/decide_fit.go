package spotinstancejob

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// fieldOfPod is where the user wrote what the pod asks for.
const fieldOfPod = "spec.jobTemplate.spec.template.spec"

// misfit is a template whose pod no VM of the pool can run, and what to do; nil as long as that is not known. Such a pod would wait for
// ever, on a VM bought for it.
func (s *survey) misfit() *specError { return s.unfit }

func (s *survey) findMisfit() *specError {
	if tooFew := s.tooFewGPUs(); tooFew != nil || s.invalid != nil || s.pool == nil {
		return tooFew
	}
	found := s.pool.fit.Check(&s.template.spec.Template.Spec)
	if found == nil {
		return nil
	}
	field := fieldOfPod
	if found.Field != "" {
		field += "." + found.Field
	}
	return &specError{field, found.Problem, found.Remedy}
}

// tooFewGPUs is a template whose pod no VM of the pool has enough GPUs for.
func (s *survey) tooFewGPUs() *specError {
	asked, had, known := s.gpus()
	if !known || asked <= had {
		return nil
	}
	return &specError{
		fieldOfPod,
		fmt.Sprintf("asks for %d %s, and VMs of SpotInstanceVM %s have %d", asked, s.pool.gpuResource, s.job.Spec.SpotInstanceVMRef.Name, had),
		fmt.Sprintf("lower it"+again+", or give the SpotInstanceVM spec.gpu.count %d and a machine type to match", asked),
	}
}

// gpusIdle warns of GPUs that are paid for and used by no pod: one replica runs on a VM.
func (s *survey) gpusIdle() *condition {
	asked, had, known := s.gpus()
	if !known || asked >= had || len(s.template.spec.Template.Spec.ResourceClaims) > 0 { // a claim may be for GPUs
		return nil
	}
	const inLimits = "in resources.limits" + again
	const unless = "all of them idle, unless its containers find them in another way"
	if s.pool.gpuResource != v1alpha1.GPUResourceNVIDIA {
		return &condition{
			v1alpha1.ConditionGPUsIdle, v1alpha1.ReasonFewerGPUsRequested,
			fmt.Sprintf("%s: asks for no %s, which is what VMs of SpotInstanceVM %s show their GPUs as (its spec.gpu.resourceName): %s: to use them ask for it %s",
				fieldOfPod, s.pool.gpuResource, s.job.Spec.SpotInstanceVMRef.Name, unless, inLimits), true,
		}
	}
	number, idle := fmt.Sprint(asked), fmt.Sprintf("%d of them idle on each VM, since it runs one replica", had-asked)
	if asked == 0 {
		number, idle = "no", unless
	}
	return &condition{
		v1alpha1.ConditionGPUsIdle, v1alpha1.ReasonFewerGPUsRequested,
		fmt.Sprintf("%s: asks for %s %s, and VMs of SpotInstanceVM %s have %d: %s: to use them ask for %d %s",
			fieldOfPod, number, s.pool.gpuResource, s.job.Spec.SpotInstanceVMRef.Name, had, idle, had, inLimits), true,
	}
}

// gpus are those that a pod asks for and those that each VM of the pool has. They are not known without a pool, or when the
// pool does not tell: its machine type may come with some. As another resource than NVIDIA's default, VMs show any number of
// shared or divided GPUs: only to ask for none is sure to be too few.
func (s *survey) gpus() (asked, had int64, known bool) {
	if s.invalid != nil || s.pool == nil || s.pool.gpuResource == "" {
		return 0, 0, false
	}
	asked = gpusOf(s.template.spec.Template.Spec, s.pool.gpuResource)
	return asked, s.pool.gpus, asked == 0 || s.pool.gpuResource == v1alpha1.GPUResourceNVIDIA
}

// gpusOf is what the scheduler looks for, as in
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers: init containers
// run one after the other, beside the sidecars started before them, and the others at the same time, beside all sidecars.
func gpusOf(pod corev1.PodSpec, resource corev1.ResourceName) int64 {
	var sidecars, most int64
	for _, c := range pod.InitContainers {
		n := gpusOfContainer(c, resource)
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars += n
			n = 0
		}
		most = max(most, sidecars+n)
	}
	together := sidecars
	for _, c := range pod.Containers {
		together += gpusOfContainer(c, resource)
	}
	return max(most, together)
}

// gpusOfContainer takes the limit: the API server takes no request for GPUs that differs from it.
func gpusOfContainer(c corev1.Container, resource corev1.ResourceName) int64 {
	limit := c.Resources.Limits[resource]
	return limit.Value()
}
