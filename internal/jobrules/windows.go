package jobrules

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// windows checks options that a pod may have as long as it does not say that it is one of Linux.
func windows(options *corev1.WindowsSecurityContextOptions, path *field.Path) field.ErrorList {
	if options == nil {
		return nil
	}
	const most = 64 // KiB
	refused := invalidPointer(options.GMSACredentialSpecName, path.Child("gmsaCredentialSpecName"), validation.IsDNS1123Subdomain)
	if spec := options.GMSACredentialSpec; spec != nil {
		switch at := path.Child("gmsaCredentialSpec"); {
		case *spec == "":
			refused = append(refused, field.Invalid(at, *spec, "gmsaCredentialSpec cannot be an empty string"))
		case len(*spec) > most*1024:
			refused = append(refused, field.Invalid(at, field.OmitValueType{}, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", most)))
		}
	}
	return append(refused, invalidPointer(options.RunAsUserName, path.Child("runAsUserName"), isUserOfWindows)...)
}

var (
	control       = regexp.MustCompile(`[[:cntrl:]]`)
	netBIOSDomain = regexp.MustCompile(`^[^\\/:\*\?"<>|\.][^\\/:\*\?"<>|]{0,14}$`)
	dnsDomain     = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
)

// isUserOfWindows is the rule for USER and DOMAIN\USER.
func isUserOfWindows(name string) []string {
	const longestDomain, longestUser = 255, 104
	domain, user, hasDomain := strings.Cut(name, `\`)
	if !hasDomain {
		domain, user = "", name
	}
	switch {
	case name == "":
		return []string{"runAsUserName cannot be an empty string"}
	case control.MatchString(name):
		return []string{"runAsUserName cannot contain control characters"}
	case strings.Contains(user, `\`):
		return []string{"runAsUserName cannot contain more than one backslash"}
	}
	var wrong []string
	if len(domain) > longestDomain {
		wrong = append(wrong, fmt.Sprintf("runAsUserName's Domain length must be under %d characters", longestDomain+1))
	}
	if hasDomain && !netBIOSDomain.MatchString(domain) && !dnsDomain.MatchString(domain) {
		wrong = append(wrong, "runAsUserName's Domain doesn't match the NetBios nor the DNS format")
	}
	switch {
	case user == "":
		wrong = append(wrong, "runAsUserName's User cannot be empty")
	case len(user) > longestUser:
		wrong = append(wrong, fmt.Sprintf("runAsUserName's User length must not be longer than %d characters", longestUser))
	case strings.Trim(user, ". ") == "":
		wrong = append(wrong, "runAsUserName's User cannot contain only periods or spaces")
	case strings.ContainsAny(user, `"/\:;|=,+*?<>@[]`):
		wrong = append(wrong, "runAsUserName's User cannot contain the following characters: "+`"/\:;|=,+*?<>@[]`)
	}
	return wrong
}

// hostProcesses are processes of Windows that run on the host. If one container is such a process, all are, on the host's network.
func hostProcesses(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	var ofPod *bool
	if pod.SecurityContext != nil && pod.SecurityContext.WindowsOptions != nil {
		ofPod = pod.SecurityContext.WindowsOptions.HostProcess
	}
	all, are := 0, 0
	eachContainer(pod, path, func(c corev1.Container, at *field.Path) {
		all++
		is := ofPod
		if c.SecurityContext != nil && c.SecurityContext.WindowsOptions != nil && c.SecurityContext.WindowsOptions.HostProcess != nil {
			is = c.SecurityContext.WindowsOptions.HostProcess
			if ofPod != nil && *is != *ofPod {
				refused = append(refused, field.Invalid(at.Child("securityContext", "windowsOptions", "hostProcess"), *is,
					fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *ofPod)))
			}
		}
		if is != nil && *is {
			are++
		}
	})
	if are > 0 && are < all {
		refused = append(refused, field.Invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
	}
	if are > 0 && !pod.HostNetwork {
		refused = append(refused, field.Invalid(path.Child("hostNetwork"), false, "hostNetwork must be true if pod contains any hostProcess containers"))
	}
	return refused
}
