package jobrules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containers checks the containers of a pod, and its init containers. No two of them may have one name.
func containers(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	if len(pod.Containers) == 0 {
		return field.ErrorList{field.Required(path.Child("containers"), "")}
	}
	var refused field.ErrorList
	names, ports := unique[string]{}, unique[string]{}
	for i, c := range pod.Containers {
		at := path.Child("containers").Index(i)
		refused = append(refused, names.add(c.Name, at.Child("name"))...)
		refused = append(refused, container(c, pod, at)...)
		refused = append(refused, probes(c, pod, at)...)
		refused = append(refused, hostPorts(c, pod.HostNetwork, ports, at.Child("ports"))...)
	}
	for i, c := range pod.InitContainers {
		at := path.Child("initContainers").Index(i)
		refused = append(refused, names.add(c.Name, at.Child("name"))...)
		refused = append(refused, container(c, pod, at)...)
		refused = append(refused, initContainer(c, pod, at)...)
	}
	return refused
}

func container(c corev1.Container, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	return slices.Concat(
		required(c.Name, path.Child("name"), validation.IsDNS1123Label),
		required(c.Image, path.Child("image"), isTrimmed),
		oneOfOrDefault(c.ImagePullPolicy, path.Child("imagePullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever),
		oneOfOrDefault(c.TerminationMessagePolicy, path.Child("terminationMessagePolicy"), corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError),
		ports(c.Ports, path.Child("ports")),
		env(c.Env, path.Child("env")),
		filesOfEnv(c, pod.Volumes, path.Child("env")),
		envFrom(c.EnvFrom, path.Child("envFrom")),
		mounts(c, pod.Volumes, path),
		resources(c.Resources, path.Child("resources")),
		claimsOf(c.Resources.Claims, pod.ResourceClaims, path.Child("resources", "claims")),
		security(c, pod, path.Child("securityContext")),
		resizePolicy(c.ResizePolicy, pod.RestartPolicy, path.Child("resizePolicy")),
	)
}

// isTrimmed is a rule for pods: a Job with such an image is stored, and never gets a pod.
func isTrimmed(image string) []string {
	if strings.TrimSpace(image) != image {
		return []string{"must not have leading or trailing whitespace"}
	}
	return nil
}

// initContainer checks what only those that run on beside the others may have. Its ports are its own, since the others do not run.
func initContainer(c corev1.Container, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := append(restartPolicy(c, path), hostPorts(c, false, unique[string]{}, path.Child("ports"))...)
	if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
		return append(refused, probes(c, pod, path)...)
	}
	for i, policy := range c.ResizePolicy {
		if policy.RestartPolicy == corev1.RestartContainer {
			refused = append(refused, field.Invalid(path.Child("resizePolicy").Index(i).Child("restartPolicy"), policy.RestartPolicy, "must not be set to 'RestartContainer' for non-sidecar initContainers"))
		}
	}
	for name, isSet := range map[string]bool{
		"lifecycle": c.Lifecycle != nil, "livenessProbe": c.LivenessProbe != nil,
		"readinessProbe": c.ReadinessProbe != nil, "startupProbe": c.StartupProbe != nil,
	} {
		if isSet {
			refused = append(refused, field.Forbidden(path.Child(name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	return refused
}

func ports(all []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	names := unique[string]{}
	for i, port := range all {
		at := path.Index(i)
		if port.Name != "" {
			refused = append(refused, invalid(port.Name, at.Child("name"), validation.IsValidPortName)...)
			refused = append(refused, names.add(port.Name, at.Child("name"))...)
		}
		if port.ContainerPort == 0 {
			refused = append(refused, field.Required(at.Child("containerPort"), ""))
		} else {
			refused = append(refused, invalid(port.ContainerPort, at.Child("containerPort"), isPortNumber)...)
		}
		if port.HostPort != 0 {
			refused = append(refused, invalid(port.HostPort, at.Child("hostPort"), isPortNumber)...)
		}
		refused = append(refused, oneOfOrDefault(port.Protocol, at.Child("protocol"), corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)...)
	}
	return refused
}

// hostPorts are taken once per pod. With hostNetwork every port of a container is one of the host.
func hostPorts(c corev1.Container, hostNetwork bool, taken unique[string], path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, port := range c.Ports {
		at := path.Index(i).Child("hostPort")
		if hostNetwork && port.HostPort == 0 {
			port.HostPort = port.ContainerPort
		}
		if hostNetwork && port.HostPort != port.ContainerPort {
			refused = append(refused, field.Invalid(at, port.HostPort, "must match `containerPort` when `hostNetwork` is true"))
		}
		if port.HostPort == 0 {
			continue
		}
		protocol := port.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		refused = append(refused, taken.add(fmt.Sprintf("%s/%s/%d", protocol, port.HostIP, port.HostPort), at)...)
	}
	return refused
}
