package e2e

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// poolOf is a SpotInstanceVM of a story.
type poolOf struct {
	*scene
	name string
}

// object is the pool as it is now, or nil.
func (p poolOf) object() *v1alpha1.SpotInstanceVM {
	for _, pool := range typedAll[v1alpha1.SpotInstanceVM](p.scene, pools) {
		if pool.Name == p.name {
			return &pool
		}
	}
	return nil
}

func (p poolOf) status() v1alpha1.SpotInstanceVMStatus {
	if pool := p.object(); pool != nil {
		return pool.Status
	}
	return v1alpha1.SpotInstanceVMStatus{}
}

// ready checks that so many VMs are wanted and Ready, and that the cloud has no others.
func (p poolOf) ready(vms int) func() error {
	return func() error {
		status := p.status()
		if int(status.ReadyReplicas) != vms || int(status.DesiredReplicas) != vms || len(p.vms()) != vms {
			return fmt.Errorf("%s", p.describe())
		}
		return nil
	}
}

// says checks that a condition has a status and reason, and that its message has all these parts.
func (p poolOf) says(condition string, status metav1.ConditionStatus, reason string, parts ...string) func() error {
	return func() error { return says(p.status().Conditions, condition, status, reason, parts) }
}

// describe is the status in a line.
func (p poolOf) describe() string {
	status := p.status()
	line := fmt.Sprintf("pool %s is %s, %d of %d VMs Ready, %d in the cloud", p.name, status.Phase, status.ReadyReplicas, status.DesiredReplicas, len(p.vms()))
	for _, vm := range status.ProvisionedInstances {
		line += fmt.Sprintf("; %s %s %s", vm.Name, vm.State, vm.Reason)
	}
	return line
}

// vms are the VMs that exist in the story's project, oldest first.
func (s *scene) vms() []gcefake.VM {
	return slices.DeleteFunc(lab.GCE().Instances(), func(vm gcefake.VM) bool { return vm.Project != s.namespace })
}

// requested are the VMs that were ever asked for, in order.
func (s *scene) requested() []gcefake.Event {
	return slices.DeleteFunc(recorded.machines(s.namespace), func(e gcefake.Event) bool { return e.Kind != gcefake.Created })
}

// nodes are those of all pools of the story.
func (s *scene) nodes() []corev1.Node {
	return nodesThat(func(n corev1.Node) bool { return strings.HasPrefix(n.Spec.ProviderID, "gce://"+s.namespace+"/") })
}

// brought are those that the story's user has labelled for a pool.
func (s *scene) brought() []corev1.Node {
	return nodesThat(func(n corev1.Node) bool { return strings.HasPrefix(n.Name, s.namespace+"-") })
}

func nodesThat(match func(corev1.Node) bool) []corev1.Node {
	var found []corev1.Node
	for _, object := range recorded.present(nodes, "") {
		if node := typed[corev1.Node](object); match(node) {
			found = append(found, node)
		}
	}
	return found
}

// noVM checks that no VM was ever asked for.
func noVM(s *scene) error {
	if asked := s.requested(); len(asked) > 0 {
		return fmt.Errorf("VM %s was asked for", asked[0].VM.Name)
	}
	return nil
}
