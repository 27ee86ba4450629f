package jobrules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// network checks the pod's names, and where it asks for those of others.
func network(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	return slices.Concat(
		oneOfOrDefault(pod.DNSPolicy, path.Child("dnsPolicy"), corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone),
		nameservers(pod, path.Child("dnsConfig")),
		aliases(pod.HostAliases, path.Child("hostAliases")),
		invalidIfSet(pod.Hostname, path.Child("hostname"), validation.IsDNS1123Label),
		invalidIfSet(pod.Subdomain, path.Child("subdomain"), validation.IsDNS1123Label),
		hostnameOverride(pod, path.Child("hostnameOverride")),
	)
}

func hostnameOverride(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	const longest = 64
	if pod.HostnameOverride == nil {
		return nil
	}
	refused := invalid(*pod.HostnameOverride, path, validation.IsDNS1123Subdomain)
	if len(*pod.HostnameOverride) > longest {
		refused = append(refused, field.TooLong(path, "", longest))
	}
	if pod.SetHostnameAsFQDN != nil && *pod.SetHostnameAsFQDN {
		refused = append(refused, field.Forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
	}
	if pod.HostNetwork {
		refused = append(refused, field.Forbidden(path, "may not be specified when hostNetwork is true"))
	}
	return refused
}

// nameservers checks what ends in /etc/resolv.conf. The limits are those of libc.
func nameservers(pod corev1.PodSpec, path *field.Path) field.ErrorList {
	const mostServers, mostSearches, longestSearch = 3, 32, 2048
	config := pod.DNSConfig
	if pod.DNSPolicy == corev1.DNSNone && (config == nil || len(config.Nameservers) == 0) {
		return field.ErrorList{field.Required(path.Child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None")}
	}
	if config == nil {
		return nil
	}
	var refused field.ErrorList
	if len(config.Nameservers) > mostServers {
		refused = append(refused, field.Invalid(path.Child("nameservers"), config.Nameservers, fmt.Sprintf("must not have more than %d nameservers", mostServers)))
	}
	for i, server := range config.Nameservers {
		refused = append(refused, address(server, path.Child("nameservers").Index(i))...)
	}
	if len(config.Searches) > mostSearches {
		refused = append(refused, field.Invalid(path.Child("searches"), config.Searches, fmt.Sprintf("must not have more than %d search paths", mostSearches)))
	}
	if len(strings.Join(config.Searches, " ")) > longestSearch {
		refused = append(refused, field.Invalid(path.Child("searches"), config.Searches, fmt.Sprintf("must not have more than %d characters (including spaces) in the search list", longestSearch)))
	}
	for i, search := range config.Searches {
		if search != "." {
			refused = append(refused, invalid(strings.TrimSuffix(search, "."), path.Child("searches").Index(i), validation.IsDNS1123SubdomainWithUnderscore)...)
		}
	}
	for i, option := range config.Options {
		if option.Name == "" {
			refused = append(refused, field.Required(path.Child("options").Index(i), "must not be empty"))
		}
	}
	return refused
}

func aliases(all []corev1.HostAlias, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, alias := range all {
		at := path.Index(i)
		refused = append(refused, address(alias.IP, at.Child("ip"))...)
		for j, name := range alias.Hostnames {
			refused = append(refused, invalid(name, at.Child("hostnames").Index(j), validation.IsDNS1123Subdomain)...)
		}
	}
	return refused
}

// address is lenient, as API servers before 1.36 are: 010.0.0.1 passes.
func address(ip string, path *field.Path) field.ErrorList {
	return validation.IsValidIPForLegacyField(path, ip, false, nil)
}
