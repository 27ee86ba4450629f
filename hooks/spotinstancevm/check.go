package spotinstancevm

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// specProblems are what is wrong with a spec whatever GCE says, by field.
func specProblems(id identity, pool *v1alpha1.SpotInstanceVM, s settings) []problem {
	var problems []problem
	add := func(field, format string, args ...any) {
		problems = append(problems, specProblem(v1alpha1.ReasonInvalid, field, fmt.Sprintf(format, args...)))
	}
	if err := gce.ValidateProject(id.project); err != nil {
		add("spec.gcp.project", "%s", err)
	}
	for i, zone := range s.zones {
		if err := gce.ValidateZone(zone); err != nil {
			add(zoneField(i), "%s", err)
		}
	}
	if pool.Spec.MaxReplicas != nil && s.minimum > s.maximum {
		add("spec.minReplicas", "%d exceeds spec.maxReplicas %d: lower it or raise maxReplicas", s.minimum, s.maximum)
	}
	if wished := durationOr(pool.Spec.JoinTimeout, defaultJoinTimeout); wished > maxJoinTimeout {
		add("spec.joinTimeout", "%s is more than 2h, and a VM that does not join costs money for so long: set it to 2h or less, such as 15m", wished)
	}
	if err := probe(id, s).Validate(); err != nil && len(problems) == 0 {
		add(fieldOf(err.Error()), "%s", err)
	}
	if trouble := bootstrap.UserScriptProblem(s.startupScript); trouble != "" {
		add("spec.startupScript", "%s", trouble)
	}
	if trouble := bootstrap.CRISocketProblem(s.criSocket); trouble != "" {
		add("spec.kubeadmJoinConfig.criSocket", "%s", trouble)
	}
	for _, p := range append(bootstrap.LabelProblems(s.nodeLabels), bootstrap.TaintProblems(s.taints)...) {
		add("spec."+p.Field, "%s", p.Message)
	}
	for _, key := range ownNodeLabels {
		if _, taken := s.nodeLabels[key]; taken {
			add("spec.nodeLabels["+key+"]", "is set by the operator: remove it")
		}
	}
	return append(problems, machineProblems(pool.Spec, s)...)
}

// ownNodeLabels are set on every Node of a pool.
var ownNodeLabels = []string{v1alpha1.LabelPool, v1alpha1.LabelPoolUID, corev1.LabelTopologyRegion, corev1.LabelTopologyZone, corev1.LabelInstanceTypeStable}

func specProblem(reason, field, message string) problem {
	return problem{condition: v1alpha1.ConditionSpecValid, reason: reason, message: field + ": " + message}
}

func zoneField(i int) string {
	if i == 0 {
		return "spec.gcp.zone"
	}
	return fmt.Sprintf("spec.gcp.zones (%s zone of the pool)", ordinalWord(i+1))
}

func ordinalWord(n int) string {
	switch n {
	case 2:
		return "2nd"
	case 3:
		return "3rd"
	default:
		return fmt.Sprintf("%dth", n)
	}
}

// wordsOfFields tell fields apart in messages, the more telling words first.
var wordsOfFields = []struct{ word, field string }{
	{"gcp.resourcelocations", "spec.gcp.zones"},
	{"compute.vmexternalipaccess", "spec.gcp.externalIP"},
	{"features are not compatible", "spec.gcp.machineType, spec.gcp.diskType"},
	{"machinetype", "spec.gcp.machineType"},
	{"machine type", "spec.gcp.machineType"},
	{"disktype", "spec.gcp.diskType"},
	{"disk type", "spec.gcp.diskType"},
	{"disksize", "spec.gcp.diskSizeGB"},
	{"disk size", "spec.gcp.diskSizeGB"},
	{"image", "spec.vmImage"},
	{"accelerator", "spec.gpu"},
	{"subnet", "spec.gcp.subnetwork"},
	{"tag", "spec.gcp.networkTags"},
	{"network", "spec.gcp.network"},
	{"serviceaccount", "spec.gcp.serviceAccount"},
	{"service account", "spec.gcp.serviceAccount"},
	{"preemption", "spec.preemptionNotice"},
	{"run duration", "spec.maxRunDuration"},
	{"maxrunduration", "spec.maxRunDuration"},
	{"metadata", "spec.startupScript"},
	{"zone", "spec.gcp.zone"},
}

// fieldOf is the field of the spec that a message of GCE, or of package gce, is about.
func fieldOf(message string) string {
	message = strings.ToLower(message)
	for _, known := range wordsOfFields {
		if strings.Contains(message, known.word) {
			return known.field
		}
	}
	return "spec.gcp"
}

// probe is the VM that this spec asks for, with a name that does not matter.
func probe(id identity, s settings) gce.InstanceSpec {
	return instanceSpec(id, s, vmRequest{name: id.vmName(0), zone: s.zones[0], model: s.model})
}

// remedies are what to do when GCE forbids a call, by what its message or code has in it. PROJECT is the pool's.
var remedies = []struct{ word, remedy string }{
	{"service_account_access_denied", "grant the operator's service account roles/iam.serviceAccountUser on the one that spec.gcp.serviceAccount names, or that is the project's default"},
	{"accessnotconfigured", "enable the API: gcloud services enable compute.googleapis.com --project PROJECT"},
	{"service_disabled", "enable the API: gcloud services enable compute.googleapis.com --project PROJECT"},
	{"billing", "link project PROJECT to a billing account that is open"},
}

// remedyOf is what to do when GCE forbids a call with these words.
func remedyOf(said, project, otherwise string) string {
	for _, known := range remedies {
		if strings.Contains(strings.ToLower(said), known.word) {
			return strings.ReplaceAll(known.remedy, "PROJECT", project)
		}
	}
	return otherwise
}
