package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// boot runs a VM from RUNNING to its Node's registration, or to the reason why it never joins.
func (h *Hypervisor) boot(g *guest) {
	machine := h.machine(g.vm)
	g.print("boot")
	if machine.NeverJoins {
		g.print("startup-script: hangs")
		return
	}
	if !sleep(g.powered, machine.JoinAfter) {
		return
	}
	if err := h.join(g, machine); err != nil {
		g.print("join refused: " + err.Error())
		fmt.Fprintf(h.cluster.log, "lab: VM %s does not join: %v\n", g.vm.Name, err)
	}
}

func (h *Hypervisor) join(g *guest, machine Machine) error {
	config, err := joinConfigurationOf(g.vm.Spec.Metadata["startup-script"])
	if err != nil {
		return err
	}
	if err := h.cluster.discover(g.powered, config); err != nil {
		return err
	}
	node, err := nodeOf(g.vm, config)
	if err != nil {
		return err
	}
	if machine.WithoutGPUs {
		delete(node.Status.Capacity, resourceGPU)
		delete(node.Status.Allocatable, resourceGPU)
	}
	return h.register(g, node)
}

// register creates the Node unless the VM has lost its power by now. The lock makes a power cut wait until it is known
// whether there is a Node to let go of.
func (h *Hypervisor) register(g *guest, node *corev1.Node) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.off || g.powered.Err() != nil {
		return nil
	}
	_, err := h.cluster.client.CoreV1().Nodes().Create(g.powered, node, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("register Node: %w", err)
	}
	g.node = node.Name
	g.console = append(g.console, "joined as "+node.Name)
	if err == nil {
		return nil
	}
	// A kubelet takes over the Node that has its name.
	return h.setManaged(g.powered, node.Name, true)
}

// shutDown is the guest's answer to ACPI G2: the kubelet says that the Node is not ready and ends the pods, whatever
// they are, before the power goes (graceful node shutdown, KEP-2000).
func (h *Hypervisor) shutDown(ctx context.Context, g *guest) {
	g.cut()
	g.mu.Lock()
	g.shutsDown = true
	g.console = append(g.console, "ACPI: power button")
	g.mu.Unlock()
	node := g.nodeName()
	if node == "" || !g.reaches() {
		return
	}
	if err := h.setReady(ctx, node, corev1.ConditionFalse, "KubeletNotReady", "node is shutting down"); err != nil {
		g.print(err.Error())
	}
	pods, err := h.cluster.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		g.print(err.Error())
		return
	}
	for _, pod := range pods.Items {
		h.trainer.shutDown(pod.UID)
	}
}

// powerOff ends everything on the VM without a word to anybody: kwok lets go of the Node, and the rest is up to the
// cluster's controllers.
func (h *Hypervisor) powerOff(g *guest) {
	g.cut()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.off {
		return
	}
	g.off = true
	g.console = append(g.console, "off")
	node := g.node
	if node == "" {
		return
	}
	h.cluster.background.run(func(ctx context.Context) {
		if err := h.setManaged(ctx, node, false); err != nil {
			fmt.Fprintf(h.cluster.log, "lab: %v\n", err)
		}
	})
}

// sleep waits for d, and reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
