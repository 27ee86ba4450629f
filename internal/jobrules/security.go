package jobrules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func podSecurity(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := append(operatingSystem(pod, path), hostUsers(pod, path)...)
	if share := pod.ShareProcessNamespace; share != nil && *share && pod.HostPID {
		refused = append(refused, field.Invalid(path.Child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	context := pod.SecurityContext
	if context == nil {
		return refused
	}
	path = path.Child("securityContext")
	refused = append(refused, slices.Concat(
		invalidPointer(context.FSGroup, path.Child("fsGroup"), validation.IsValidGroupID),
		invalidPointer(context.RunAsUser, path.Child("runAsUser"), validation.IsValidUserID),
		invalidPointer(context.RunAsGroup, path.Child("runAsGroup"), validation.IsValidGroupID),
		oneOfPointer(context.FSGroupChangePolicy, path.Child("fsGroupChangePolicy"), corev1.FSGroupChangeOnRootMismatch, corev1.FSGroupChangeAlways),
		oneOfPointer(context.SupplementalGroupsPolicy, path.Child("supplementalGroupsPolicy"), corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict),
		oneOfPointer(context.SELinuxChangePolicy, path.Child("seLinuxChangePolicy"), corev1.SELinuxChangePolicyRecursive, corev1.SELinuxChangePolicyMountOption),
		sysctls(pod, path.Child("sysctls")),
		seccomp(context.SeccompProfile, path.Child("seccompProfile")),
		appArmor(context.AppArmorProfile, path.Child("appArmorProfile")),
		windows(context.WindowsOptions, path.Child("windowsOptions")),
	)...)
	for i, group := range context.SupplementalGroups {
		refused = append(refused, invalid(group, path.Child("supplementalGroups").Index(i), validation.IsValidGroupID)...)
	}
	return refused
}

func security(c corev1.Container, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	context := c.SecurityContext
	if context == nil {
		return nil
	}
	refused := slices.Concat(
		invalidPointer(context.RunAsUser, path.Child("runAsUser"), validation.IsValidUserID),
		invalidPointer(context.RunAsGroup, path.Child("runAsGroup"), validation.IsValidGroupID),
		oneOfPointer(context.ProcMount, path.Child("procMount"), corev1.DefaultProcMount, corev1.UnmaskedProcMount),
		seccomp(context.SeccompProfile, path.Child("seccompProfile")),
		appArmor(context.AppArmorProfile, path.Child("appArmorProfile")),
		windows(context.WindowsOptions, path.Child("windowsOptions")),
	)
	if context.ProcMount != nil && *context.ProcMount == corev1.UnmaskedProcMount && (pod.HostUsers == nil || *pod.HostUsers) {
		refused = append(refused, field.Invalid(path.Child("procMount"), *context.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
	}
	if context.AllowPrivilegeEscalation == nil || *context.AllowPrivilegeEscalation {
		return refused
	}
	if context.Privileged != nil && *context.Privileged {
		refused = append(refused, field.Invalid(path, field.OmitValueType{}, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	if context.Capabilities != nil && slices.Contains(context.Capabilities.Add, "CAP_SYS_ADMIN") {
		refused = append(refused, field.Invalid(path, field.OmitValueType{}, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
	}
	return refused
}

func seccomp(profile *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if profile == nil {
		return nil
	}
	refused := oneOf(profile.Type, path.Child("type"), corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)
	return append(refused, localProfile(profile.LocalhostProfile, profile.Type == corev1.SeccompProfileTypeLocalhost, "seccomp", path.Child("localhostProfile"), isDescending)...)
}

func appArmor(profile *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if profile == nil {
		return nil
	}
	refused := oneOf(profile.Type, path.Child("type"), corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)
	if refused != nil { // Kubernetes looks no further
		return refused
	}
	return localProfile(profile.LocalhostProfile, profile.Type == corev1.AppArmorProfileTypeLocalhost, "AppArmor", path.Child("localhostProfile"), isAppArmorName)
}

// localProfile is the name of a profile of the Node's own.
func localProfile(name *string, isLocal bool, kind string, path *field.Path, rule func(string) []string) field.ErrorList {
	switch {
	case isLocal && name == nil:
		return field.ErrorList{field.Required(path, "must be set when "+kind+" type is Localhost")}
	case isLocal:
		return invalid(*name, path, rule)
	case name != nil:
		return field.ErrorList{field.Invalid(path, *name, "can only be set when "+kind+" type is Localhost")}
	}
	return nil
}

// isAppArmorName has the limit of a path of Linux.
func isAppArmorName(name string) []string {
	const longest = 4095
	switch {
	case strings.TrimSpace(name) != name:
		return []string{"must not be padded with whitespace"}
	case name == "":
		return []string{"must be set when AppArmor type is Localhost"}
	case len(name) > longest:
		return []string{validation.MaxLenError(longest)}
	}
	return nil
}

// sysctlName has dots or slashes between its parts.
var sysctlName = regexp.MustCompile(`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`)

func sysctls(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	const longest = 253
	var refused field.ErrorList
	names := unique[string]{}
	for i, s := range pod.SecurityContext.Sysctls {
		at := path.Index(i).Child("name")
		if s.Name != "" && (len(s.Name) > longest || !sysctlName.MatchString(s.Name)) {
			refused = append(refused, field.Invalid(at, s.Name, fmt.Sprintf("must have at most %d characters and match regex %s", longest, sysctlName)))
			continue
		}
		refused = append(refused, required(s.Name, at)...)
		refused = append(refused, names.add(s.Name, at)...)
		switch name := strings.ReplaceAll(s.Name, "/", "."); {
		case pod.HostNetwork && strings.HasPrefix(name, "net."):
			refused = append(refused, field.Invalid(at, s.Name, "may not be specified when 'hostNetwork' is true"))
		case pod.HostIPC && isOfIPC(name):
			refused = append(refused, field.Invalid(at, s.Name, "may not be specified when 'hostIPC' is true"))
		}
	}
	return refused
}

// isOfIPC tells whether each IPC namespace has a sysctl of its own.
func isOfIPC(name string) bool {
	return name == "kernel.sem" || slices.ContainsFunc([]string{"kernel.shm", "kernel.msg", "fs.mqueue."}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// hostUsers false gives the pod users of its own, which not everything can have.
func hostUsers(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	if pod.HostUsers == nil || *pod.HostUsers {
		return nil
	}
	const why = "when `hostUsers` is false"
	var refused field.ErrorList
	if pod.HostPID {
		refused = append(refused, field.Forbidden(path.Child("HostPID"), why))
	}
	if pod.HostIPC {
		refused = append(refused, field.Forbidden(path.Child("HostIPC"), why))
	}
	eachContainer(pod, path, func(c corev1.Container, at *field.Path) {
		if len(c.VolumeDevices) > 0 {
			refused = append(refused, field.Forbidden(at.Child("volumeDevices"), why))
		}
	})
	return refused
}

// operatingSystem does not know what a pod of Windows may not have: the hook refuses such a pod as a whole.
func operatingSystem(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	if pod.OS == nil {
		return nil
	}
	if pod.OS.Name == "" {
		return field.ErrorList{field.Required(path.Child("os", "name"), "")}
	}
	refused := oneOf(pod.OS.Name, path.Child("os"), corev1.Linux, corev1.Windows)
	if pod.OS.Name != corev1.Linux {
		return refused
	}
	const why = "windows options cannot be set for a linux pod"
	if pod.SecurityContext != nil && pod.SecurityContext.WindowsOptions != nil {
		refused = append(refused, field.Forbidden(path.Child("securityContext", "windowsOptions"), why))
	}
	eachContainer(pod, path, func(c corev1.Container, at *field.Path) {
		if c.SecurityContext != nil && c.SecurityContext.WindowsOptions != nil {
			refused = append(refused, field.Forbidden(at.Child("securityContext", "windowsOptions"), why))
		}
	})
	return refused
}

func eachContainer(pod corev1.PodSpec, path *field.Path, visit func(corev1.Container, *field.Path)) {
	for i, c := range pod.InitContainers {
		visit(c, path.Child("initContainers").Index(i))
	}
	for i, c := range pod.Containers {
		visit(c, path.Child("containers").Index(i))
	}
}
