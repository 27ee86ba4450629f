package jobrules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// resources checks what a container asks for. Extended resources, such as GPUs, are never shared: their limit is their request.
func resources(asked corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	return requirements(asked, isContainerResource, path)
}

// requirements are those of a container or of a pod, whose resources have other names.
func requirements(asked corev1.ResourceRequirements, isName func(string) []string, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	hasCompute, hasHugePages := false, false
	for kind, list := range map[string]corev1.ResourceList{"limits": asked.Limits, "requests": asked.Requests} {
		for name, quantity := range list {
			refused = append(refused, resourceOf(name, quantity, isName, path.Child(kind).Key(string(name)))...)
			hasCompute = hasCompute || name == corev1.ResourceCPU || name == corev1.ResourceMemory
			hasHugePages = hasHugePages || isHugePages(name)
		}
	}
	for name, request := range asked.Requests {
		limit, hasLimit := asked.Limits[name]
		switch shares := isNative(name) && !isHugePages(name); {
		case !hasLimit && !shares:
			refused = append(refused, field.Required(path.Child("limits").Key(string(name)), "Limit must be set for non overcommitable resources"))
		case hasLimit && !shares && request.Cmp(limit) != 0:
			refused = append(refused, field.Invalid(path.Child("requests").Key(string(name)), request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case hasLimit && request.Cmp(limit) > 0:
			refused = append(refused, field.Invalid(path.Child("requests").Key(string(name)), request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	if hasHugePages && !hasCompute {
		refused = append(refused, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return refused
}

func resourceOf(name corev1.ResourceName, quantity resource.Quantity, isName func(string) []string, path *field.Path) field.ErrorList {
	refused := invalid(string(name), path, isName)
	if quantity.Cmp(resource.Quantity{}) < 0 {
		refused = append(refused, field.Invalid(path, quantity.String(), apivalidation.IsNegativeErrorMsg))
	}
	if !isNative(name) && quantity.MilliValue()%1000 != 0 {
		refused = append(refused, field.Invalid(path, quantity.String(), "must be an integer"))
	}
	if isHugePages(name) && !isWholePages(name, quantity) {
		refused = append(refused, field.Invalid(path, quantity.String(), fmt.Sprintf("%s is not positive integer multiple of %s", quantity.String(), name)))
	}
	return refused
}

// isWholePages tells whether a quantity of huge pages is a multiple of their size, which is in their name.
func isWholePages(name corev1.ResourceName, quantity resource.Quantity) bool {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	return err == nil && size.Sign() > 0 && size.MilliValue()%1000 == 0 && quantity.Value()%size.Value() == 0
}

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// isNative resources are Kubernetes' own; others are extended.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

func isContainerResource(name string) []string {
	if wrong := validation.IsQualifiedName(name); len(wrong) > 0 {
		return wrong
	}
	switch resourceName := corev1.ResourceName(name); {
	case !strings.Contains(name, "/"):
		if resourceName != corev1.ResourceCPU && resourceName != corev1.ResourceMemory && resourceName != corev1.ResourceEphemeralStorage && !isHugePages(resourceName) {
			return []string{"must be a standard resource for containers"}
		}
	case !isNative(resourceName):
		if strings.HasPrefix(name, corev1.DefaultResourceRequestsPrefix) || len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+name)) > 0 {
			return []string{"doesn't follow extended resource name standard"}
		}
	}
	return nil
}

// claimsOf checks that the pod has the devices that a container names.
func claimsOf(asked []corev1.ResourceClaim, pod []corev1.PodResourceClaim, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, claim := range asked {
		at := path.Index(i)
		refused = append(refused, invalidIfSet(claim.Request, at.Child("request"), validation.IsDNS1123Label)...)
		isUsed := slices.ContainsFunc(asked[:i], func(other corev1.ResourceClaim) bool {
			return other.Name == claim.Name && (other.Request == claim.Request || other.Request == "" || claim.Request == "")
		})
		if isUsed {
			refused = append(refused, field.Duplicate(at, claim.Name))
		}
		has := false
		for _, c := range pod {
			has = has || c.Name == claim.Name
		}
		switch {
		case claim.Name == "":
			refused = append(refused, field.Required(at, ""))
		case !has:
			refused = append(refused, field.NotFound(at, claim.Name))
		}
	}
	return refused
}
