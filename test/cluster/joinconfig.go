package cluster

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// joinConfiguration is what the lab reads of kubeadm's JoinConfiguration (kubeadm.k8s.io/v1beta4).
type joinConfiguration struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Discovery  struct {
		BootstrapToken struct {
			Token             string   `json:"token"`
			APIServerEndpoint string   `json:"apiServerEndpoint"`
			CACertHashes      []string `json:"caCertHashes"`
		} `json:"bootstrapToken"`
	} `json:"discovery"`
	NodeRegistration struct {
		Name             string         `json:"name"`
		Taints           []corev1.Taint `json:"taints"`
		KubeletExtraArgs []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"kubeletExtraArgs"`
	} `json:"nodeRegistration"`
}

// heredoc marks the JoinConfiguration in a startup script.
const heredoc = "JOIN_CONFIGURATION"

// joinConfigurationOf reads the JoinConfiguration that a startup script hands to kubeadm: the lines after one that ends
// in <<'JOIN_CONFIGURATION', up to the line JOIN_CONFIGURATION. Of several documents the first counts.
func joinConfigurationOf(script string) (joinConfiguration, error) {
	_, rest, found := strings.Cut(script, "<<'"+heredoc+"'\n")
	if !found {
		return joinConfiguration{}, errors.New("the startup script writes no JoinConfiguration")
	}
	text, _, found := strings.Cut("\n"+rest, "\n"+heredoc+"\n")
	if !found {
		return joinConfiguration{}, errors.New("the startup script's JoinConfiguration has no end")
	}
	text, _, _ = strings.Cut(text, "\n---\n")
	var config joinConfiguration
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return joinConfiguration{}, fmt.Errorf("kubeadm: error unmarshaling JSON: %w", err)
	}
	if config.Kind != "JoinConfiguration" || config.APIVersion != "kubeadm.k8s.io/v1beta4" {
		return joinConfiguration{}, fmt.Errorf("kubeadm: no kind %q is registered for version %q", config.Kind, config.APIVersion)
	}
	if config.NodeRegistration.Name == "" {
		return joinConfiguration{}, errors.New("nodeRegistration.name is empty: kubeadm would take the host name")
	}
	return config, nil
}

// kubeletArgument is the value of the last kubelet argument of this name.
func (j joinConfiguration) kubeletArgument(name string) string {
	value := ""
	for _, argument := range j.NodeRegistration.KubeletExtraArgs {
		if argument.Name == name {
			value = argument.Value
		}
	}
	return value
}

// nodeLabels are the labels that the kubelet registers with. Like a kubelet, it refuses labels that are Kubernetes' own.
func (j joinConfiguration) nodeLabels() (map[string]string, error) {
	labels := map[string]string{}
	argument := j.kubeletArgument("node-labels")
	if argument == "" {
		return labels, nil
	}
	for pair := range strings.SplitSeq(argument, ",") {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("kubelet: --node-labels: %q is no key=value", pair)
		}
		if !kubeletMayLabel(key) {
			return nil, fmt.Errorf("kubelet: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [%s]", key)
		}
		labels[key] = value
	}
	return labels, nil
}

// kubeletMayLabel reports whether a kubelet starts with this label in --node-labels (pkg/kubelet/apis/well_known_labels.go
// of Kubernetes 1.36).
func kubeletMayLabel(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found || !inDomain(domain, "kubernetes.io") && !inDomain(domain, "k8s.io") {
		return true
	}
	if inDomain(domain, "kubelet.kubernetes.io") || inDomain(domain, "node.kubernetes.io") {
		return true
	}
	switch key {
	case corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable, corev1.LabelTopologyZone, corev1.LabelTopologyRegion,
		corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion, corev1.LabelInstanceType,
		"beta.kubernetes.io/os", "beta.kubernetes.io/arch":
		return true
	}
	return false
}

func inDomain(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }

// taints are those of nodeRegistration and of the kubelet argument register-with-taints (key=value:effect,...).
func (j joinConfiguration) taints() ([]corev1.Taint, error) {
	taints := j.NodeRegistration.Taints
	argument := j.kubeletArgument("register-with-taints")
	if argument == "" {
		return taints, nil
	}
	for item := range strings.SplitSeq(argument, ",") {
		keyValue, effect, found := strings.Cut(item, ":")
		if !found {
			return nil, fmt.Errorf("kubelet: --register-with-taints: %q has no effect", item)
		}
		key, value, _ := strings.Cut(keyValue, "=")
		taints = append(taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return taints, nil
}
