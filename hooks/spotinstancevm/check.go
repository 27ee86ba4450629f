package spotinstancevm

import (
	"fmt"

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

// probe is the VM that this spec asks for, with a name that does not matter.
func probe(id identity, s settings) gce.InstanceSpec {
	return instanceSpec(id, s, vmRequest{name: id.vmName(0), zone: s.zones[0], model: s.model})
}
