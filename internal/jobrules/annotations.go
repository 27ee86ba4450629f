package jobrules

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const appArmorAnnotation = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix

// podAnnotations checks those that Kubernetes reads.
func podAnnotations(annotations map[string]string, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	if cost, has := annotations[corev1.PodDeletionCost]; has && !isDeletionCost(cost) {
		refused = append(refused, field.Invalid(path.Key(corev1.PodDeletionCost), cost, "must be a 32bit integer"))
	}
	for key, value := range annotations {
		switch name, is := strings.CutPrefix(key, appArmorAnnotation); {
		case !is:
		case !hasContainer(pod.Containers, name) && !hasContainer(pod.InitContainers, name):
			refused = append(refused, field.Invalid(path.Key(key), name, "container not found"))
		case !isAppArmorAnnotation(value):
			refused = append(refused, field.Invalid(path.Key(key), value, fmt.Sprintf("invalid AppArmor profile name: %q", value)))
		}
	}
	return refused
}

// isDeletionCost is stricter than ParseInt: no plus and no leading zero.
func isDeletionCost(cost string) bool {
	_, err := strconv.ParseInt(cost, 10, 32)
	return err == nil && !strings.HasPrefix(cost, "+") && (cost == "0" || !strings.HasPrefix(cost, "0"))
}

func isAppArmorAnnotation(profile string) bool {
	return profile == "" || profile == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault || profile == corev1.DeprecatedAppArmorBetaProfileNameUnconfined ||
		strings.HasPrefix(profile, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
}

// sameAppArmor checks that an annotation and the field that took its place say the same of each container.
func sameAppArmor(annotations map[string]string, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	eachContainer(pod, path, func(c corev1.Container, at *field.Path) {
		var profile *corev1.AppArmorProfile
		if pod.SecurityContext != nil {
			profile = pod.SecurityContext.AppArmorProfile
		}
		if c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil {
			profile = c.SecurityContext.AppArmorProfile
		}
		said, has := annotations[appArmorAnnotation+c.Name]
		if profile == nil || !has {
			return
		}
		of := map[corev1.AppArmorProfileType]string{
			corev1.AppArmorProfileTypeUnconfined: corev1.DeprecatedAppArmorBetaProfileNameUnconfined, corev1.AppArmorProfileTypeRuntimeDefault: corev1.DeprecatedAppArmorBetaProfileRuntimeDefault,
		}
		at = at.Child("securityContext", "appArmorProfile")
		local, isLocal := strings.CutPrefix(said, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
		switch {
		case profile.Type != corev1.AppArmorProfileTypeLocalhost && of[profile.Type] != said, profile.Type == corev1.AppArmorProfileTypeLocalhost && !isLocal:
			refused = append(refused, field.Forbidden(at.Child("type"), "apparmor type in annotation and field must match"))
		case isLocal && (profile.LocalhostProfile == nil || *profile.LocalhostProfile != local):
			refused = append(refused, field.Forbidden(at.Child("localhostProfile"), "apparmor profile in annotation and field must match"))
		}
	})
	return refused
}
