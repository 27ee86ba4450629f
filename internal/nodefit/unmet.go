package nodefit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// again is how a template is changed.
const again = ", delete this SpotInstanceJob and apply it again"

// unmet says which requirement no Node meets, and what would make it fit.
func (p Pool) unmet(pod *corev1.PodSpec, nodes []node) *Misfit {
	if r := p.hopeless(selectorOf(pod), nodes); r != nil {
		return p.blame(*r, 0)
	}
	terms, isRequired := termsOf(pod)
	if !isRequired {
		return p.conflict(pod)
	}
	var first *requirement
	for _, term := range terms {
		r := p.hopeless(term, nodes)
		if r == nil {
			return p.conflict(pod)
		}
		if first == nil {
			first = r
		}
	}
	if first == nil {
		return &Misfit{"affinity.nodeAffinity", "has no term that asks for anything, which no Node matches", "remove it" + again}
	}
	return p.blame(*first, len(terms)-1)
}

// hopeless is the first requirement that none of the Nodes meets.
func (p Pool) hopeless(all []requirement, nodes []node) *requirement {
	for _, r := range all {
		if !slices.ContainsFunc(nodes, func(n node) bool { return p.meets(r, n) }) {
			return &r
		}
	}
	return nil
}

// conflict is what is said when each requirement is met by some Node, and all of them by none.
func (p Pool) conflict(pod *corev1.PodSpec) *Misfit {
	var asked []string
	for _, r := range selectorOf(pod) {
		asked = append(asked, r.String())
	}
	terms, _ := termsOf(pod)
	for _, term := range terms {
		var parts []string
		for _, r := range term {
			parts = append(parts, r.String())
		}
		asked = append(asked, strings.Join(parts, " and "))
	}
	return &Misfit{
		"nodeSelector",
		fmt.Sprintf("with the required node affinity it asks for what no Node of SpotInstanceVM %s has at once (%s), in none of its zones (%s)", p.name, strings.Join(asked, "; "), strings.Join(p.zones, ", ")),
		"make them agree" + again,
	}
}

// blame says of one requirement what the pool's Nodes have in its place. Others are the further terms that are not met either.
func (p Pool) blame(r requirement, others int) *Misfit {
	problem := fmt.Sprintf("no Node of SpotInstanceVM %s will have %s", p.name, r)
	if r.ofName {
		problem = fmt.Sprintf("no Node of SpotInstanceVM %s will be called so (%s)", p.name, r)
	}
	if has := p.has(r.Key); has != "" {
		problem += " (" + has + ")"
	}
	switch {
	case others == 1:
		problem += ", and the other term is not met either"
	case others > 1:
		problem += fmt.Sprintf(", and the other %d terms are not met either", others)
	}
	remedy := "remove it" + again
	if mend := p.mend(r); mend != "" {
		remedy = mend + ", or " + remedy
	}
	return &Misfit{r.field, problem, remedy}
}

// of is the label that a key is another name of, or the key.
func of(key string) string {
	if alias, isAlias := aliases[key]; isAlias {
		return alias
	}
	return key
}

// has is what the Nodes have of a label.
func (p Pool) has(key string) string {
	switch of(key) {
	case corev1.LabelTopologyZone, corev1.LabelTopologyRegion:
		return "its VMs are in " + strings.Join(p.zones, ", ")
	case corev1.LabelInstanceTypeStable:
		return "its spec.gcp.machineType is " + p.machineType
	case corev1.LabelArchStable:
		return p.machineType + " is " + p.arch
	case corev1.LabelOSStable:
		return "its VMs run Linux"
	case corev1.LabelHostname, "metadata.name":
		return "VMs come and go, and each has a new name"
	}
	if value, set := p.labels[key]; set {
		return "they have " + key + "=" + value
	}
	return ""
}

// mend is what to change in the pool, if that helps.
func (p Pool) mend(r requirement) string {
	value, isOne := wantedValue(r)
	switch of(r.Key) {
	case corev1.LabelTopologyZone:
		if isOne {
			return fmt.Sprintf("add %s to its spec.gcp.zones", value)
		}
		return "add such a zone to its spec.gcp.zones"
	case corev1.LabelTopologyRegion:
		return "add a zone of such a region to its spec.gcp.zones"
	case corev1.LabelInstanceTypeStable, corev1.LabelArchStable:
		return "name a SpotInstanceVM with such a spec.gcp.machineType"
	case corev1.LabelOSStable, corev1.LabelHostname, "metadata.name":
		return ""
	}
	switch {
	case !canLabel(r.Key):
		return ""
	case isOne:
		return fmt.Sprintf("add the line %s: %s to its spec.nodeLabels", r.Key, strconv.Quote(value))
	}
	return fmt.Sprintf("remove %s from its spec.nodeLabels", r.Key)
}

// wantedValue is a value of the label that meets a requirement, if only a value does.
func wantedValue(r requirement) (value string, isOne bool) {
	switch r.Operator {
	case corev1.NodeSelectorOpIn:
		if len(r.Values) > 0 {
			return r.Values[0], true
		}
	case corev1.NodeSelectorOpExists:
		return "true", true
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		bound, err := strconv.ParseInt(strings.Join(r.Values, ""), 10, 64)
		if err == nil && r.Operator == corev1.NodeSelectorOpGt {
			return strconv.FormatInt(bound+1, 10), true
		}
		return strconv.FormatInt(bound-1, 10), err == nil
	}
	return "", false
}
