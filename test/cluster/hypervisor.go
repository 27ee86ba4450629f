package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Machine is how a VM behaves that does not just boot and join.
type Machine struct {
	JoinAfter   time.Duration // from RUNNING until its Node registers; 0: Timing.Join
	NeverJoins  bool          // it runs and is billed, and its Node never appears
	WithoutGPUs bool          // its Node registers, and its driver never reports the GPUs
	RejectsPods string        // why its kubelet rejects each pod, such as UnexpectedAdmissionError; empty: it does not
}

// Hypervisor runs the guests of the lab's VMs. When a VM is RUNNING, it does what the VM's startup script asks for and
// registers the Node; when it is STOPPING, the kubelet shuts the Node down gracefully; when it is gone, nothing answers
// any more. It never deletes a Node: that is the operator's duty.
type Hypervisor struct {
	cluster *Cluster
	trainer *Trainer

	mu     sync.Mutex
	guests map[string]*guest // by numeric VM id
	rules  []*machineRule    // the last that matches counts
}

type machineRule struct {
	match   func(gcefake.VM) bool
	machine Machine
}

// When lets VMs that match behave so, from their next boot on, until cancel. The rule set last wins.
func (h *Hypervisor) When(match func(gcefake.VM) bool, machine Machine) (cancel func()) {
	rule := &machineRule{match: match, machine: machine}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = append(h.rules, rule)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rules = slices.DeleteFunc(h.rules, func(r *machineRule) bool { return r == rule })
	}
}

// Console is what the VM printed on its serial console, joins that were refused included; empty for an unknown VM.
func (h *Hypervisor) Console(vm string) []string {
	var lines []string
	for _, g := range h.all() {
		if g.vm.Name == vm {
			g.mu.Lock()
			lines = append(lines, g.console...)
			g.mu.Unlock()
			lines = append(lines, h.cluster.real.console(g.vm)...)
		}
	}
	return lines
}

// Disconnect cuts a Node's VM off the network: its heartbeats stop, its programs run on.
func (h *Hypervisor) Disconnect(ctx context.Context, node string) error {
	return h.setDisconnected(ctx, node, true)
}

// Reconnect undoes Disconnect.
func (h *Hypervisor) Reconnect(ctx context.Context, node string) error {
	return h.setDisconnected(ctx, node, false)
}

func (h *Hypervisor) setDisconnected(ctx context.Context, node string, disconnected bool) error {
	g := h.guestOf(node)
	if g == nil || g.isOff() {
		return fmt.Errorf("node %s has no running VM", node)
	}
	g.mu.Lock()
	g.disconnected = disconnected
	g.mu.Unlock()
	return h.setManaged(ctx, node, !disconnected)
}

// SetReady lets the kubelet of a Node say that it is ready, or at once that it is not.
func (h *Hypervisor) SetReady(ctx context.Context, node string, ready bool) error {
	if ready {
		return h.setReady(ctx, node, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status")
	}
	return h.setReady(ctx, node, corev1.ConditionFalse, "KubeletNotReady", "container runtime is down")
}

// handle is called for each event of the fake, in order. What takes time runs in the background.
func (h *Hypervisor) handle(event gcefake.Event) {
	if h.cluster.real != nil {
		h.cluster.real.handle(event)
		return
	}
	switch event.Kind {
	case gcefake.Running:
		g := h.add(event.VM)
		h.cluster.background.run(func(context.Context) { h.boot(g) })
	case gcefake.Notice:
		if g := h.guest(event.VM.ID); g != nil {
			close(g.noticed)
		}
	case gcefake.Stopping:
		if g := h.guest(event.VM.ID); g != nil {
			h.cluster.background.run(func(ctx context.Context) { h.shutDown(ctx, g) })
		}
	case gcefake.Stopped, gcefake.Gone:
		if g := h.guest(event.VM.ID); g != nil {
			h.powerOff(g)
		}
	}
}

// Maintain lets GCE say, inside the VM of a Node, that it will maintain the host in an hour. The VM runs on: no story waits
// for so long. It fails if there is no such VM, or if that was said before.
func (h *Hypervisor) Maintain(node string) error {
	g := h.guestOf(node)
	if g == nil {
		return fmt.Errorf("there is no VM of Node %s", node)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.maintained:
		return fmt.Errorf("the host of VM %s is to be maintained already", node)
	default:
		close(g.maintained)
		return nil
	}
}

func (h *Hypervisor) add(vm gcefake.VM) *guest {
	g := newGuest(h.cluster.background.context(), vm)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guests[vm.ID] = g
	return g
}

func (h *Hypervisor) guest(id string) *guest {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.guests[id]
}

func (h *Hypervisor) all() []*guest {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*guest
	for _, g := range h.guests {
		all = append(all, g)
	}
	return all
}

// guestOf is the guest whose Node has this name: the one that runs, if several VMs have had the name.
func (h *Hypervisor) guestOf(node string) *guest {
	var found *guest
	for _, g := range h.all() {
		if g.nodeName() == node && (found == nil || found.isOff()) {
			found = g
		}
	}
	return found
}

// reaches reports whether the kubelet of a Node runs and can talk to the API server. A Node without a VM, such as the
// control plane's, always can.
func (h *Hypervisor) reaches(node string) bool {
	g := h.guestOf(node)
	return g == nil || g.reaches()
}

// shutsDown reports whether the VM of a Node has been told to stop.
func (h *Hypervisor) shutsDown(node string) bool {
	g := h.guestOf(node)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shutsDown
}

// lost reports whether the VM of a Node is off for good.
func (h *Hypervisor) lost(node string) bool {
	g := h.guestOf(node)
	return g != nil && g.isOff()
}

// rejects is why the kubelet of a Node rejects each pod; empty: it does not.
func (h *Hypervisor) rejects(node string) string {
	g := h.guestOf(node)
	if g == nil {
		return ""
	}
	return h.machine(g.vm).RejectsPods
}

func (h *Hypervisor) machine(vm gcefake.VM) Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	machine := Machine{}
	for _, rule := range h.rules {
		if rule.match(vm) {
			machine = rule.machine
		}
	}
	machine.JoinAfter = orDefault(machine.JoinAfter, h.cluster.timing.Join)
	return machine
}

// setManaged tells kwok to run a Node's kubelet, or to let go of it.
func (h *Hypervisor) setManaged(ctx context.Context, node string, managed bool) error {
	value := "null"
	if managed {
		value = `"true"`
	}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, LabelManaged, value)
	_, err := h.cluster.client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("label Node %s: %w", node, err)
	}
	return nil
}

func (h *Hypervisor) setReady(ctx context.Context, node string, status corev1.ConditionStatus, reason, message string) error {
	now := metav1.Now().UTC().Format(time.RFC3339)
	patch := fmt.Appendf(nil,
		`{"status":{"conditions":[{"type":"Ready","status":%q,"reason":%q,"message":%q,"lastHeartbeatTime":%q,"lastTransitionTime":%q}]}}`,
		status, reason, message, now, now)
	_, err := h.cluster.client.CoreV1().Nodes().
		Patch(ctx, node, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("set Ready of Node %s: %w", node, err)
	}
	return nil
}
