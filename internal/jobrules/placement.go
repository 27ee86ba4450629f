package jobrules

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func tolerations(all []corev1.Toleration, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, t := range all {
		at := path.Index(i)
		if t.Key != "" {
			refused = append(refused, metavalidation.ValidateLabelName(t.Key, at.Child("key"))...)
		} else if t.Operator != corev1.TolerationOpExists {
			refused = append(refused, field.Invalid(at.Child("operator"), t.Operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
		}
		if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
			refused = append(refused, field.Invalid(at.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
		}
		switch t.Operator {
		case corev1.TolerationOpEqual, "":
			refused = append(refused, invalid(t.Value, at.Child("value"), validation.IsValidLabelValue)...)
		case corev1.TolerationOpExists:
			if t.Value != "" {
				refused = append(refused, field.Invalid(at.Child("value"), t.Value, "value must be empty when `operator` is 'Exists'"))
			}
		default: // Lt and Gt are for clusters that have them switched on
			refused = append(refused, oneOf(t.Operator, at.Child("operator"), corev1.TolerationOpEqual, corev1.TolerationOpExists, corev1.TolerationOpLt, corev1.TolerationOpGt)...)
		}
		refused = append(refused, oneOfOrDefault(t.Effect, at.Child("effect"), corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
	}
	return refused
}

func affinity(a *corev1.Affinity, path *field.Path) field.ErrorList {
	if a == nil {
		return nil
	}
	const must, may = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
	var refused field.ErrorList
	if nodes := a.NodeAffinity; nodes != nil {
		at := path.Child("nodeAffinity")
		refused = append(refused, nodeTerms(nodes.RequiredDuringSchedulingIgnoredDuringExecution, at.Child(must, "nodeSelectorTerms"))...)
		for i, p := range nodes.PreferredDuringSchedulingIgnoredDuringExecution {
			refused = append(refused, weight(p.Weight, at.Child(may).Index(i))...)
			refused = append(refused, nodeTerm(p.Preference, true, at.Child(may).Index(i).Child("preference"))...)
		}
	}
	pods := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, at *field.Path) {
		for i, term := range required {
			refused = append(refused, podTerm(term, at.Child(must).Index(i))...)
		}
		for i, p := range preferred {
			refused = append(refused, weight(p.Weight, at.Child(may).Index(i))...)
			refused = append(refused, podTerm(p.PodAffinityTerm, at.Child(may).Index(i).Child("podAffinityTerm"))...)
		}
	}
	if p := a.PodAffinity; p != nil {
		pods(p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAffinity"))
	}
	if p := a.PodAntiAffinity; p != nil {
		pods(p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAntiAffinity"))
	}
	return refused
}

func weight(w int32, path *field.Path) field.ErrorList {
	if w < 1 || w > 100 {
		return field.ErrorList{field.Invalid(path.Child("weight"), w, "must be in the range 1-100")}
	}
	return nil
}

func podTerm(term corev1.PodAffinityTerm, path *field.Path) field.ErrorList {
	refused := append(selector(term.LabelSelector, path.Child("labelSelector")), selector(term.NamespaceSelector, path.Child("namespaceSelector"))...)
	for i, name := range term.Namespaces {
		refused = append(refused, invalid(name, path.Child("namespaces").Index(i), validation.IsDNS1123Label)...)
	}
	refused = append(refused, labelKeys(term.MatchLabelKeys, term.LabelSelector, path.Child("matchLabelKeys"))...)
	refused = append(refused, labelKeys(term.MismatchLabelKeys, term.LabelSelector, path.Child("mismatchLabelKeys"))...)
	for i, key := range term.MatchLabelKeys {
		if slices.Contains(term.MismatchLabelKeys, key) {
			refused = append(refused, field.Invalid(path.Child("matchLabelKeys").Index(i), key, "exists in both matchLabelKeys and mismatchLabelKeys"))
		}
	}
	if term.TopologyKey == "" {
		return append(refused, field.Required(path.Child("topologyKey"), "can not be empty"))
	}
	return append(refused, metavalidation.ValidateLabelName(term.TopologyKey, path.Child("topologyKey"))...)
}

// labelKeys are labels of the pod itself that narrow a selector.
func labelKeys(keys []string, of *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if len(keys) > 0 && of == nil {
		return field.ErrorList{field.Forbidden(path, "must not be specified when labelSelector is not set")}
	}
	var refused field.ErrorList
	for i, key := range keys {
		refused = append(refused, metavalidation.ValidateLabelName(key, path.Index(i))...)
	}
	return refused
}

func selector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metavalidation.ValidateLabelSelector(s, metavalidation.LabelSelectorValidationOptions{}, path)
}

func nodeTerms(s *corev1.NodeSelector, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(path, "must have at least one node selector term")}
	}
	var refused field.ErrorList
	for i, term := range s.NodeSelectorTerms {
		refused = append(refused, nodeTerm(term, false, path.Index(i))...)
	}
	return refused
}

func nodeTerm(term corev1.NodeSelectorTerm, anyValue bool, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, r := range term.MatchExpressions {
		at := path.Child("matchExpressions").Index(i)
		refused = append(refused, metavalidation.ValidateLabelName(r.Key, at.Child("key"))...)
		refused = append(refused, nodeRequirement(r, at)...)
		for j, value := range r.Values {
			if !anyValue {
				refused = append(refused, invalid(value, at.Child("values").Index(j), validation.IsValidLabelValue)...)
			}
		}
	}
	for i, r := range term.MatchFields {
		at := path.Child("matchFields").Index(i)
		if r.Key != metav1.ObjectNameField {
			refused = append(refused, field.Invalid(at.Child("key"), r.Key, "not a valid field selector key"))
		}
		if isIn := r.Operator == corev1.NodeSelectorOpIn || r.Operator == corev1.NodeSelectorOpNotIn; isIn && len(r.Values) != 1 {
			refused = append(refused, field.Required(at.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
		} else if !isIn {
			refused = append(refused, field.Invalid(at.Child("operator"), r.Operator, "not a valid selector operator"))
		}
	}
	return refused
}

func nodeRequirement(r corev1.NodeSelectorRequirement, path *field.Path) field.ErrorList {
	values := path.Child("values")
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) == 0 {
			return field.ErrorList{field.Required(values, "must be specified when `operator` is 'In' or 'NotIn'")}
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			return field.ErrorList{field.Forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")}
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if len(r.Values) != 1 {
			return field.ErrorList{field.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'")}
		}
	default:
		return field.ErrorList{field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator")}
	}
	return nil
}

func spread(all []corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, c := range all {
		at := path.Index(i)
		if c.MaxSkew <= 0 {
			refused = append(refused, field.Invalid(at.Child("maxSkew"), c.MaxSkew, "must be greater than zero"))
		}
		if c.TopologyKey == "" {
			refused = append(refused, field.Required(at.Child("topologyKey"), "can not be empty"))
		}
		refused = append(refused, oneOf(c.WhenUnsatisfiable, at.Child("whenUnsatisfiable"), corev1.DoNotSchedule, corev1.ScheduleAnyway)...)
		refused = append(refused, selector(c.LabelSelector, at.Child("labelSelector"))...)
		refused = append(refused, labelKeys(c.MatchLabelKeys, c.LabelSelector, at.Child("matchLabelKeys"))...)
		refused = append(refused, oneOfPointer(c.NodeAffinityPolicy, at.Child("nodeAffinityPolicy"), corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		refused = append(refused, oneOfPointer(c.NodeTaintsPolicy, at.Child("nodeTaintsPolicy"), corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)...)
		if c.MinDomains != nil && *c.MinDomains <= 0 {
			refused = append(refused, field.Invalid(at.Child("minDomains"), *c.MinDomains, "must be greater than zero"))
		}
		if c.MinDomains != nil && c.WhenUnsatisfiable != corev1.DoNotSchedule {
			refused = append(refused, field.Invalid(at.Child("minDomains"), *c.MinDomains, fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s", corev1.DoNotSchedule, c.WhenUnsatisfiable)))
		}
		if slices.ContainsFunc(all[:i], func(other corev1.TopologySpreadConstraint) bool {
			return other.TopologyKey == c.TopologyKey && other.WhenUnsatisfiable == c.WhenUnsatisfiable
		}) {
			refused = append(refused, field.Duplicate(at.Child("topologyKey"), c.TopologyKey))
		}
	}
	return refused
}
