package nodefit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// requirement is one thing that a pod asks of its Node's labels, or of its name.
type requirement struct {
	corev1.NodeSelectorRequirement
	field  string // of the pod's spec
	ofName bool   // a matchFields requirement: its key is metadata.name
}

// Misfit is why no VM of a pool can run a pod: the field of the pod's spec, what is wrong, and what to do.
type Misfit struct{ Field, Problem, Remedy string }

// String is a Misfit as one message.
func (m *Misfit) String() string {
	field := "its spec"
	if m.Field != "" {
		field = "spec." + m.Field
	}
	return field + ": " + m.Problem + ": " + m.Remedy
}

// Zones are the zones of the pool's spec where a new VM may run the pod, as far as its Node's labels go.
func (p Pool) Zones(pod *corev1.PodSpec) []string {
	var zones []string
	for _, zone := range p.zones {
		if p.suits(pod, node{newNode, zone}) {
			zones = append(zones, zone)
		}
	}
	return zones
}

// Check is why no VM of the pool, new or there already, can run the pod; nil: one may.
func (p Pool) Check(pod *corev1.PodSpec) *Misfit {
	if p.lends {
		return nil
	}
	nodes := p.nodes()
	if !slices.ContainsFunc(nodes, func(n node) bool { return p.suits(pod, n) }) {
		return p.unmet(pod, nodes)
	}
	return p.tooSmall(pod)
}

// IsTooSmall tells whether no VM of the pool is large enough for the pod.
func (p Pool) IsTooSmall(pod *corev1.PodSpec) bool { return p.tooSmall(pod) != nil }

// nodes are one for each zone, and those that are there.
func (p Pool) nodes() []node {
	nodes := make([]node, 0, len(p.zones)+len(p.vms))
	for _, zone := range p.zones {
		nodes = append(nodes, node{newNode, zone})
	}
	return append(nodes, p.vms...)
}

// suits tells whether a Node may match the pod's node selector and its required node affinity.
func (p Pool) suits(pod *corev1.PodSpec, n node) bool {
	if !p.meetsAll(selectorOf(pod), n) {
		return false
	}
	terms, isRequired := termsOf(pod)
	return !isRequired || slices.ContainsFunc(terms, func(term []requirement) bool { return p.meetsAll(term, n) })
}

func (p Pool) meetsAll(all []requirement, n node) bool {
	return !slices.ContainsFunc(all, func(r requirement) bool { return !p.meets(r, n) })
}

// meets tells whether a Node may meet a requirement. One that cannot be parsed is for the API server to refuse.
func (p Pool) meets(r requirement, n node) bool {
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{r.NodeSelectorRequirement}}
	if r.ofName {
		term = corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{r.NodeSelectorRequirement}}
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}})
	values, known := p.values(r.Key, n)
	if err != nil || !known && !r.ofName {
		return true
	}
	return slices.ContainsFunc(values, func(value *string) bool {
		like := corev1.Node{}
		like.Name = n.name
		if value != nil {
			like.Labels = map[string]string{r.Key: *value}
		}
		return selector.Match(&like)
	})
}

// selectorOf is a pod's nodeSelector, in the order of its keys.
func selectorOf(pod *corev1.PodSpec) []requirement {
	var all []requirement
	for _, key := range slices.Sorted(maps.Keys(pod.NodeSelector)) {
		all = append(all, requirement{
			corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{pod.NodeSelector[key]}},
			"nodeSelector[" + key + "]", false,
		})
	}
	return all
}

// termsOf are the alternatives of a pod's required node affinity. An empty one matches no Node, as in Kubernetes.
func termsOf(pod *corev1.PodSpec) (terms [][]requirement, isRequired bool) {
	if pod.Affinity == nil || pod.Affinity.NodeAffinity == nil {
		return nil, false
	}
	required := pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return nil, false
	}
	const path = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
	for i, term := range required.NodeSelectorTerms {
		var all []requirement
		for j, r := range term.MatchExpressions {
			all = append(all, requirement{r, fmt.Sprintf("%s[%d].matchExpressions[%d]", path, i, j), false})
		}
		for j, r := range term.MatchFields {
			all = append(all, requirement{r, fmt.Sprintf("%s[%d].matchFields[%d]", path, i, j), true})
		}
		if len(all) > 0 {
			terms = append(terms, all)
		}
	}
	return terms, true
}

// String is a requirement in kubectl's words, such as disk=ssd.
func (r requirement) String() string {
	switch {
	case r.Operator == corev1.NodeSelectorOpIn && len(r.Values) == 1:
		return r.Key + "=" + r.Values[0]
	case r.Operator == corev1.NodeSelectorOpExists:
		return r.Key
	case r.Operator == corev1.NodeSelectorOpDoesNotExist:
		return "!" + r.Key
	case r.Operator == corev1.NodeSelectorOpGt && len(r.Values) == 1:
		return r.Key + ">" + r.Values[0]
	case r.Operator == corev1.NodeSelectorOpLt && len(r.Values) == 1:
		return r.Key + "<" + r.Values[0]
	}
	return r.Key + " " + strings.ToLower(string(r.Operator)) + " (" + strings.Join(r.Values, ", ") + ")"
}
