package jobrules

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// probes checks how a container is probed, and what is run when it starts and stops.
func probes(c corev1.Container, pod corev1.PodSpec, path *field.Path) field.ErrorList {
	refused := slices.Concat(
		probe(c.LivenessProbe, path.Child("livenessProbe")),
		probe(c.ReadinessProbe, path.Child("readinessProbe")),
		probe(c.StartupProbe, path.Child("startupProbe")),
		mustBeOne(c.LivenessProbe, path.Child("livenessProbe")),
		mustBeOne(c.StartupProbe, path.Child("startupProbe")),
	)
	if p := c.ReadinessProbe; p != nil && p.TerminationGracePeriodSeconds != nil {
		refused = append(refused, field.Invalid(path.Child("readinessProbe", "terminationGracePeriodSeconds"), *p.TerminationGracePeriodSeconds, "must not be set for readinessProbes"))
	}
	if c.Lifecycle == nil {
		return refused
	}
	if h := c.Lifecycle.PostStart; h != nil {
		at := path.Child("lifecycle", "postStart")
		refused = append(refused, handler(action{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}, at)...)
		refused = append(refused, sleep(h.Sleep, pod.TerminationGracePeriodSeconds, at.Child("sleep"))...)
	}
	if h := c.Lifecycle.PreStop; h != nil {
		at := path.Child("lifecycle", "preStop")
		refused = append(refused, handler(action{h.Exec, h.HTTPGet, h.TCPSocket, nil, h.Sleep}, at)...)
		refused = append(refused, sleep(h.Sleep, pod.TerminationGracePeriodSeconds, at.Child("sleep"))...)
	}
	return refused
}

// sleep is at most as long as a pod may take to end: 30 s unless it says otherwise.
func sleep(s *corev1.SleepAction, grace *int64, path *field.Path) field.ErrorList {
	longest := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if grace != nil {
		longest = *grace
	}
	if s == nil || s.Seconds >= 0 && s.Seconds <= longest {
		return nil
	}
	return field.ErrorList{field.Invalid(path, s.Seconds, fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", longest))}
}

func mustBeOne(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p == nil || p.SuccessThreshold == 0 || p.SuccessThreshold == 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1")}
}

func probe(p *corev1.Probe, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	refused := slices.Concat(
		handler(action{p.Exec, p.HTTPGet, p.TCPSocket, p.GRPC, nil}, path),
		notNegative(&p.InitialDelaySeconds, path.Child("initialDelaySeconds")),
		notNegative(&p.TimeoutSeconds, path.Child("timeoutSeconds")),
		notNegative(&p.PeriodSeconds, path.Child("periodSeconds")),
		notNegative(&p.SuccessThreshold, path.Child("successThreshold")),
		notNegative(&p.FailureThreshold, path.Child("failureThreshold")),
	)
	if grace := p.TerminationGracePeriodSeconds; grace != nil && *grace <= 0 {
		refused = append(refused, field.Invalid(path.Child("terminationGracePeriodSeconds"), *grace, "must be greater than 0"))
	}
	return refused
}

// action is what a probe or a lifecycle hook does: exactly one of these.
type action struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func handler(a action, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	n := 0
	if a.exec != nil {
		n++
		if len(a.exec.Command) == 0 {
			refused = append(refused, field.Required(path.Child("exec", "command"), ""))
		}
	}
	if a.http != nil {
		n++
		refused = append(refused, port(a.http.Port, path.Child("httpGet", "port"))...)
		refused = append(refused, oneOfOrDefault(a.http.Scheme, path.Child("httpGet", "scheme"), corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
		for i, header := range a.http.HTTPHeaders {
			refused = append(refused, invalid(header.Name, path.Child("httpGet", "httpHeaders").Index(i).Child("name"), validation.IsHTTPHeaderName)...)
		}
	}
	if a.tcp != nil {
		n++
		refused = append(refused, port(a.tcp.Port, path.Child("tcpSocket", "port"))...)
	}
	if a.grpc != nil {
		n++
		refused = append(refused, invalid(a.grpc.Port, path.Child("grpc", "port"), isPortNumber)...)
	}
	if a.sleep != nil {
		n++
	}
	switch {
	case n == 0:
		refused = append(refused, field.Required(path, "must specify a handler type"))
	case n > 1:
		refused = append(refused, field.Forbidden(path, "may not specify more than 1 handler type"))
	}
	return refused
}

func port(p intstr.IntOrString, path *field.Path) field.ErrorList {
	if p.Type == intstr.String {
		return invalid(p.StrVal, path, validation.IsValidPortName)
	}
	return invalid(p.IntVal, path, isPortNumber)
}
