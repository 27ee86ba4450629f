package nodefit

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Pool is what is known of the Nodes of a SpotInstanceVM.
type Pool struct {
	name        string
	labels      map[string]string // that every Node has, whatever its zone
	zones       []string          // of the spec
	vms         []node            // that exist
	others      []string          // keys of labels that Nodes have been seen with, set by others
	lends       bool              // Nodes of the user's own serve the pool, and nothing is known of those
	machineType string
	arch        string // empty: not known
	machine     corev1.ResourceList
	measured    bool // machine is what a Node left for pods, not what Compute Engine says of the machine type
}

// node is a Node that exists, or that a VM of this zone would become.
type node struct{ name, zone string }

// newNode is the name of a Node that does not exist yet: one that nobody can ask for.
const newNode = "(new)"

// PoolOf is what a SpotInstanceVM tells of its Nodes.
func PoolOf(pool *v1alpha1.SpotInstanceVM) Pool {
	p := Pool{
		name: pool.Name, labels: map[string]string{}, zones: zonesOf(pool.Spec.GCP), machineType: pool.Spec.GCP.MachineType,
		others: pool.Status.OtherNodeLabels, lends: pool.Status.LentNodes > 0,
	}
	maps.Copy(p.labels, pool.Spec.NodeLabels)
	p.labels[v1alpha1.LabelPool] = v1alpha1.PoolID(pool.Namespace, pool.Name)
	p.labels[v1alpha1.LabelPoolUID] = string(pool.UID)
	p.labels[corev1.LabelInstanceTypeStable] = p.machineType
	p.labels[corev1.LabelOSStable] = "linux"
	for _, vm := range pool.Status.ProvisionedInstances {
		if isAlive(vm.State) {
			p.vms = append(p.vms, node{vm.Name, vm.Zone})
		}
	}
	p.machine = sizeByName(p.machineType)
	if known := pool.Status.Machine; known != nil && known.MachineType == p.machineType {
		p.arch = known.Architecture
		if len(known.Allocatable) > 0 {
			p.machine, p.measured = known.Allocatable, known.Source == v1alpha1.MachineSourceNode
		}
	}
	return p
}

// zonesOf are the zones of a spec, each once.
func zonesOf(gcp v1alpha1.GCPConfig) []string {
	zones := []string{gcp.Zone}
	for _, zone := range gcp.Zones {
		if !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	return zones
}

func isAlive(state v1alpha1.InstanceState) bool {
	switch state {
	case v1alpha1.InstanceGone, v1alpha1.InstanceStopping, v1alpha1.InstanceDeleting:
		return false
	}
	return true
}

// aliases are labels that hold the same as another one, where something in the cluster sets them.
var aliases = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
	"topology.gke.io/zone":              corev1.LabelTopologyZone, // the CSI driver of persistent disks
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
}

// values are the values that a label of a Node may have; nil stands for a Node without it. They are not known of labels that others set.
func (p Pool) values(key string, n node) (values []*string, known bool) {
	if of, isAlias := aliases[key]; isAlias && p.labels[key] == "" {
		values, known = p.values(of, n)
		return append(values, nil), known
	}
	switch key {
	case corev1.LabelHostname:
		return []*string{&n.name}, true
	case corev1.LabelTopologyZone:
		return []*string{&n.zone}, true
	case corev1.LabelTopologyRegion:
		region := n.zone[:max(0, strings.LastIndex(n.zone, "-"))]
		return []*string{&region}, true
	case corev1.LabelArchStable:
		return []*string{&p.arch}, p.arch != ""
	}
	if value, set := p.labels[key]; set {
		return []*string{&value}, true
	}
	return []*string{nil}, IsAbsent(key) && !slices.Contains(p.others, key)
}

// agents are the domains of labels that agents put on Nodes for what they find there, such as nvidia.com/gpu.product.
var agents = []string{"kubernetes.io", "k8s.io", "nvidia.com", "amd.com", "intel.com"}

// IsAbsent tells whether no Node has a label of this key unless the spec names it, or somebody labels Nodes by hand. GKE's labels are such:
// a VM that joins by kubeadm is no Node of GKE.
func IsAbsent(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	_, isAlias := aliases[key]
	return !isAlias && key != v1alpha1.LabelNotice && !slices.ContainsFunc(agents, func(agent string) bool {
		return domain == agent || strings.HasSuffix(domain, "."+agent)
	})
}

// canLabel tells whether a line of spec.nodeLabels can give Nodes this label.
func canLabel(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	isKubernetes := domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || domain == "k8s.io" || strings.HasSuffix(domain, ".k8s.io")
	return !isKubernetes && key != v1alpha1.LabelPool && key != v1alpha1.LabelPoolUID && key != v1alpha1.LabelNotice
}
