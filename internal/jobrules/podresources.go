package jobrules

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podResources checks what a pod asks for as a whole: no less than its containers together.
func podResources(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	asked := pod.Resources
	if asked == nil {
		return nil
	}
	refused := requirements(*asked, isPodResource, path)
	if asked.Claims != nil {
		refused = append(refused, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	for name, request := range asked.Requests {
		if together := requestsOf(pod, name); together.Cmp(request) > 0 {
			refused = append(refused, field.Invalid(path.Child("requests").Key(string(name)), request.String(), fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", together.String())))
		}
	}
	for i, c := range pod.Containers {
		for name, limit := range c.Resources.Limits {
			if most, has := asked.Limits[name]; has && limit.Cmp(most) > 0 {
				refused = append(refused, field.Invalid(path.Child("containers").Index(i).Key(string(name)).Child("limits"), limit.String(), fmt.Sprintf("must be less than or equal to pod limits of %s", most.String())))
			}
		}
	}
	return refused
}

func isPodResource(name string) []string {
	if wrong := validation.IsQualifiedName(name); len(wrong) > 0 {
		return wrong
	}
	if of := corev1.ResourceName(name); of != corev1.ResourceCPU && of != corev1.ResourceMemory && !isHugePages(of) {
		return []string{"must be cpu, memory or hugepages-<size> at pod-level"}
	}
	return nil
}

// requestsOf is what the containers ask for together. Init containers run one after the other, beside the sidecars started before
// them; the others run at the same time, beside all sidecars.
func requestsOf(pod corev1.PodSpec, name corev1.ResourceName) resource.Quantity {
	var sidecars, most resource.Quantity
	for _, c := range pod.InitContainers {
		now := sidecars.DeepCopy()
		now.Add(c.Resources.Requests[name])
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars = now
		}
		if now.Cmp(most) > 0 {
			most = now.DeepCopy()
		}
	}
	for _, c := range pod.Containers {
		sidecars.Add(c.Resources.Requests[name])
	}
	if sidecars.Cmp(most) > 0 {
		return sidecars
	}
	return most
}
