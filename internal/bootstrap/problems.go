package bootstrap

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

var providerIDForm = regexp.MustCompile(`^gce://[a-z0-9.:-]+/[a-z0-9-]+/[a-z0-9-]+$`)

// criuOptionForm is an option without a value, as in criu(8) without its dashes.
var criuOptionForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

// criSocketForm has nothing that a shell would read as more than a word.
var criSocketForm = regexp.MustCompile(`^(unix://)?((/[A-Za-z0-9._-]+)+)$`)

// CRISocketProblem is why kubeadm or Linux would refuse the socket of a container runtime; empty if it would not.
func CRISocketProblem(socket string) string {
	const longest = 107 // of a Unix socket's path, on Linux
	form := criSocketForm.FindStringSubmatch(socket)
	if socket == "" || form != nil && len(form[2]) <= longest {
		return ""
	}
	return fmt.Sprintf("%.120q is no Unix socket with an absolute path of at most %d letters, digits, dots, dashes and underscores: write one such as unix:///var/run/crio/crio.sock, or remove it", socket, longest)
}

// Problems are the values that a kubelet or kubeadm would refuse on the VM, where nobody sees the message.
func (v VM) Problems() []Problem {
	var problems []Problem
	if reasons := validation.IsDNS1123Subdomain(v.Name); len(reasons) > 0 {
		problems = append(problems, Problem{Field: "name", Message: reasons[0]})
	}
	if !providerIDForm.MatchString(v.ProviderID) {
		problems = append(problems, Problem{Field: "providerID", Message: fmt.Sprintf("%q is not gce://project/zone/name", v.ProviderID)})
	}
	for _, option := range v.CRIU {
		if !criuOptionForm.MatchString(option) {
			problems = append(problems, Problem{Field: "criu", Message: fmt.Sprintf("%.40q is no option of CRIU", option)})
		}
	}
	if message := CRISocketProblem(v.CRISocket); message != "" {
		problems = append(problems, Problem{Field: "criSocket", Message: message})
	}
	problems = append(problems, LabelProblems(v.Labels)...)
	problems = append(problems, TaintProblems(v.Taints)...)
	return append(problems, v.Join.Problems()...)
}

// LabelProblems are the labels that no kubelet may register its Node with, by key.
func LabelProblems(labels map[string]string) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if message := labelProblem(key, labels[key]); message != "" {
			problems = append(problems, Problem{Field: fmt.Sprintf("nodeLabels[%.80s]", key), Message: message})
		}
	}
	return problems
}

func labelProblem(key, value string) string {
	if reasons := validation.IsQualifiedName(key); len(reasons) > 0 {
		return "is no label key: " + reasons[0]
	}
	if reasons := validation.IsValidLabelValue(value); len(reasons) > 0 {
		return "has no label value: " + reasons[0]
	}
	if isReserved(key) {
		return "is refused by the API server for a kubelet: use a prefix of your own, or node.kubernetes.io/"
	}
	return ""
}

// kubeletLabels are the labels in kubernetes.io that a kubelet may set besides those of its own two prefixes
// (k8s.io/kubelet, well_known_labels).
var kubeletLabels = []string{
	corev1.LabelHostname, corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelInstanceTypeStable,
	corev1.LabelOSStable, corev1.LabelArchStable,
}

func isReserved(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	if !found || !(isWithin(prefix, "kubernetes.io") || isWithin(prefix, "k8s.io")) {
		return false
	}
	return !isWithin(prefix, "kubelet.kubernetes.io") && !isWithin(prefix, "node.kubernetes.io") && !slices.Contains(kubeletLabels, key)
}

func isWithin(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// TaintProblems are the taints that no Node can have.
func TaintProblems(taints []corev1.Taint) []Problem {
	effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	var problems []Problem
	for i, taint := range taints {
		field := fmt.Sprintf("taints[%d]", i)
		if reasons := validation.IsQualifiedName(taint.Key); len(reasons) > 0 {
			problems = append(problems, Problem{Field: field + ".key", Message: reasons[0]})
		}
		if reasons := validation.IsValidLabelValue(taint.Value); len(reasons) > 0 {
			problems = append(problems, Problem{Field: field + ".value", Message: reasons[0]})
		}
		if !slices.Contains(effects, taint.Effect) {
			problems = append(problems, Problem{Field: field + ".effect", Message: fmt.Sprintf("%.40q is no effect: use NoSchedule, PreferNoSchedule or NoExecute", taint.Effect)})
		}
	}
	return problems
}
