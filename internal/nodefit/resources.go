package nodefit

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resources "k8s.io/component-helpers/resource"
)

// compared are the resources that each Node has and whose size is known: of devices nobody knows before their plugin has run.
var compared = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}

// tooSmall says which requests of a pod are more than a VM has; nil: none is, as far as is known.
func (p Pool) tooSmall(pod *corev1.PodSpec) *Misfit {
	var asked, had []string
	bigger := "give the SpotInstanceVM a larger spec.gcp.machineType"
	requests := Requests(pod)
	for _, name := range compared {
		request, has := requests[name], p.machine[name]
		if _, known := p.machine[name]; !known || request.Cmp(has) <= 0 {
			continue
		}
		asked = append(asked, request.String()+" "+string(name))
		had = append(had, has.String())
		if name == corev1.ResourceEphemeralStorage {
			bigger = "give the SpotInstanceVM a larger spec.gcp.diskSizeGB"
		}
	}
	if len(asked) == 0 {
		return nil
	}
	what := "have"
	if p.measured {
		what = "leave pods"
	}
	return &Misfit{
		"", fmt.Sprintf("asks for %s, and VMs of SpotInstanceVM %s (%s) %s %s", strings.Join(asked, " and "), p.name, p.machineType, what, strings.Join(had, " and ")),
		"lower the requests" + again + ", or " + bigger,
	}
}

// Requests is what the scheduler looks for: init containers, sidecars, overhead and resources of the pod as a whole included. A limit
// without a request is one, as the API server sets it.
func Requests(spec *corev1.PodSpec) corev1.ResourceList {
	pod := &corev1.Pod{Spec: *spec.DeepCopy()}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			containers[i].Resources.Requests = withLimits(containers[i].Resources.Requests, containers[i].Resources.Limits)
		}
	}
	if whole := pod.Spec.Resources; whole != nil {
		ofContainers := resources.AggregateContainerRequests(pod, resources.PodResourcesOptions{})
		for name, limit := range whole.Limits {
			if _, asked := ofContainers[name]; !asked {
				whole.Requests = withLimits(whole.Requests, corev1.ResourceList{name: limit})
			}
		}
	}
	return resources.PodRequests(pod, resources.PodResourcesOptions{})
}

func withLimits(requests, limits corev1.ResourceList) corev1.ResourceList {
	for name, limit := range limits {
		if _, set := requests[name]; set {
			continue
		}
		if requests == nil {
			requests = corev1.ResourceList{}
		}
		requests[name] = limit
	}
	return requests
}

// customForm is the name of a custom machine type: vCPUs, and memory in MiB, as in n2-custom-8-16384-ext.
var customForm = regexp.MustCompile(`^(?:[a-z0-9]+-)?custom-([0-9]+)-([0-9]+)(?:-ext)?$`)

// sizeByName is the size of a machine type whose name tells it; nil for any other.
func sizeByName(machineType string) corev1.ResourceList {
	form := customForm.FindStringSubmatch(machineType)
	if form == nil {
		return nil
	}
	cpus, err := strconv.ParseInt(form[1], 10, 32)
	mebibytes, errOfMemory := strconv.ParseInt(form[2], 10, 32)
	if err != nil || errOfMemory != nil {
		return nil
	}
	return Size(cpus, mebibytes)
}

// Size is so many vCPUs and MiB of memory.
func Size(cpus, mebibytes int64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(cpus, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(mebibytes<<20, resource.BinarySI),
	}
}
