package sim

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// registration is what a startup script's JoinConfiguration (kubeadm.k8s.io/v1beta4) says of the Node.
type registration struct {
	Name             string         `json:"name"`
	Taints           []corev1.Taint `json:"taints"`
	KubeletExtraArgs []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"kubeletExtraArgs"`
}

// join registers the Node that the VM's startup script asks for, once.
func (m *Machines) join(g *guest) {
	if g.off || g.shutsDown {
		return
	}
	node, err := nodeOf(g, m.world.API.timestamp())
	if err == nil {
		_, err = m.world.API.Create(node)
	}
	if err != nil {
		m.world.Tracef("vm %s does not join: %v", g.vm.Name, err)
		return
	}
	g.node = node.Name
	m.nodes[node.Name] = g
	m.world.Tracef("vm %s joins as %s", g.vm.Name, node.Name)
	m.startNodeAgent(g)
}

// nodeOf is the Node that the kubelet of a VM registers.
func nodeOf(g *guest, now metav1.Time) (*corev1.Node, error) {
	registers, err := registrationOf(g.vm.Spec.Metadata["startup-script"])
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for pair := range strings.SplitSeq(registers.argument("node-labels"), ",") {
		if key, value, found := strings.Cut(pair, "="); found {
			labels[key] = value
		}
	}
	labels[corev1.LabelHostname] = registers.Name
	resources := corev1.ResourceList{}
	if gpus := gpusOfVM(g.vm.Spec); gpus > 0 && g.boots != bootsWithoutGPUs {
		resources[resourceGPU] = *resource.NewQuantity(gpus, resource.DecimalSI)
	}
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: registers.Name, Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: registers.argument("provider-id"), Taints: registers.Taints},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			Conditions: []corev1.NodeCondition{readyNow(now)},
		},
	}, nil
}

func readyNow(now metav1.Time) corev1.NodeCondition {
	return corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
}

// nodeCommand is `node NAME` with what story.NodeOf knows: a user's own machine joins, which is no VM of GCE.
func (m *Machines) nodeCommand(c story.Command) (string, error) {
	node, err := story.NodeOf(c, place())
	if err != nil {
		return "", err
	}
	node.Status.Conditions = []corev1.NodeCondition{readyNow(m.world.API.timestamp())}
	m.nodes[node.Name] = &guest{node: node.Name, has: map[string]bool{}}
	_, err = m.world.API.Create(node)
	return "", err
}

func gpusOfVM(spec gce.InstanceSpec) int64 {
	if spec.Accelerator != "" {
		return int64(spec.AcceleratorCount)
	}
	count, _ := gce.BuiltInGPUs(spec.MachineType)
	return int64(count)
}

// registrationOf reads the JoinConfiguration that a startup script hands to kubeadm: the lines between one that ends in
// <<'JOIN_CONFIGURATION' and the line JOIN_CONFIGURATION.
func registrationOf(script string) (registration, error) {
	const heredoc = "JOIN_CONFIGURATION"
	_, rest, begins := strings.Cut(script, "<<'"+heredoc+"'\n")
	text, _, ends := strings.Cut(rest, "\n"+heredoc+"\n")
	if !begins || !ends {
		return registration{}, errors.New("the startup script writes no JoinConfiguration")
	}
	text, _, _ = strings.Cut(text, "\n---\n")
	var configuration struct {
		Kind             string       `json:"kind"`
		NodeRegistration registration `json:"nodeRegistration"`
	}
	if err := yaml.Unmarshal([]byte(text), &configuration); err != nil {
		return registration{}, fmt.Errorf("kubeadm: %w", err)
	}
	if configuration.Kind != "JoinConfiguration" || configuration.NodeRegistration.Name == "" {
		return registration{}, errors.New("kubeadm: no JoinConfiguration with a name for the Node")
	}
	return configuration.NodeRegistration, nil
}

// argument is the value of the last kubelet argument of this name.
func (r registration) argument(name string) string {
	value := ""
	for _, a := range r.KubeletExtraArgs {
		if a.Name == name {
			value = a.Value
		}
	}
	return value
}
