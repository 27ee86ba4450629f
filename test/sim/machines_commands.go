package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// addCommands adds what can happen to VMs and pods. A command whose VM or pod is not there does nothing.
func (m *Machines) addCommands() {
	w := m.world
	w.command("preempt", m.preemptCommand)
	w.command("preempt-zone", m.preemptZoneCommand)
	w.command("maintain", func(c story.Command) (string, error) { return m.strike(c, m.maintain) })
	w.command("crash", func(c story.Command) (string, error) { return m.strike(c, w.GCE.Crash) })
	w.command("stop", func(c story.Command) (string, error) { return m.strike(c, w.GCE.Stop) })
	w.command("delete-vm", func(c story.Command) (string, error) { return m.strike(c, w.GCE.Delete) })
	w.command("node", m.nodeCommand)
	w.command("capacity", m.capacityCommand)
	w.command("boots", m.bootsCommand)
	w.command("linger", m.lingerCommand)
	w.command("partition", m.partitionCommand)
	w.command("silence", m.silenceCommand)
	w.command("overload", m.overloadCommand)
	w.command("evict", m.evictCommand)
	w.command("exit", m.exitCommand)
}

// pod is the newest pod of the replica that a command names as JOB/N, or nil.
func (m *Machines) pod(c story.Command) (*corev1.Pod, error) {
	job, err := m.world.replica(c)
	if err != nil || job == nil {
		return nil, err
	}
	var newest *corev1.Pod
	for _, r := range m.pods.records {
		pod := As[*corev1.Pod](r)
		owner := r.owner()
		if owner != nil && owner.UID == job.Object.GetUID() && (newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp)) {
			newest = pod
		}
	}
	return newest, nil
}

// strike does something to the VM that a replica's newest pod is on. What GCE refuses did not happen.
func (m *Machines) strike(c story.Command, do func(vm string) error) (string, error) {
	pod, err := m.pod(c)
	if err != nil || pod == nil || m.nodes[pod.Spec.NodeName] == nil {
		return "", err
	}
	vm := m.nodes[pod.Spec.NodeName].vm.Name
	if do(vm) == nil {
		m.world.fault(c.Name, "%s", vm)
	}
	return "", nil
}

// preemptCommand is `preempt JOB/N [notice=none]`: with notice=none nobody sees GCE's notice.
func (m *Machines) preemptCommand(c story.Command) (string, error) {
	switch c.Options["notice"] {
	case "":
		return m.strike(c, m.world.GCE.Preempt)
	case "none":
		return m.strike(c, m.world.GCE.PreemptWithoutNotice)
	}
	return "", fmt.Errorf("line %d: preempt notice=%s: write notice=none", c.Line, c.Options["notice"])
}

// preemptZoneCommand is `preempt-zone Z`: all VMs of a zone.
func (m *Machines) preemptZoneCommand(c story.Command) (string, error) {
	if len(c.Args) != 1 {
		return "", fmt.Errorf("line %d: preempt-zone %v: name one zone", c.Line, c.Args)
	}
	zone, count := zoneOf(c.Args[0]), 0
	for _, vm := range m.world.GCE.Instances() {
		if vm.Zone == zone && m.world.GCE.Preempt(vm.Name) == nil {
			count++
		}
	}
	if count > 0 {
		m.world.fault("preempt-zone", "%s: %d VMs", zone, count)
	}
	return "", nil
}

// capacityCommand is `capacity Z N`: so many VMs fit into a zone; -1 is unlimited.
func (m *Machines) capacityCommand(c story.Command) (string, error) {
	if len(c.Args) != 2 {
		return "", fmt.Errorf("line %d: capacity %v: write a zone and a number", c.Line, c.Args)
	}
	n, err := strconv.Atoi(c.Args[1])
	if err != nil {
		return "", fmt.Errorf("line %d: capacity %s is no whole number", c.Line, c.Args[1])
	}
	m.world.GCE.SetCapacity(zoneOf(c.Args[0]), n)
	m.world.fault("capacity", "%s %d", zoneOf(c.Args[0]), n)
	return "", nil
}

// bootsCommand is `boots never|slow|without-gpus|without-node-agent|without-restore n=K`: so do the next K VMs that get to RUNNING.
func (m *Machines) bootsCommand(c story.Command) (string, error) {
	kinds := []string{bootsNever, bootsSlow, bootsWithoutGPUs, bootsWithoutNodeAgent, bootsWithoutRestore}
	if len(c.Args) != 1 || !slices.Contains(kinds, c.Args[0]) {
		return "", fmt.Errorf("line %d: boots %v: name one of %v", c.Line, c.Args, kinds)
	}
	o := &options{Command: c}
	n := o.number("n", 1)
	if o.err != nil {
		return "", o.err
	}
	for range *n {
		m.boots = append(m.boots, c.Args[0])
	}
	return "", nil
}

// lingerCommand is `linger for=D`: for so long nobody misses the heartbeats of a Node, which therefore stays ready.
func (m *Machines) lingerCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	m.slowly = m.world.Clock.Now().Add(d)
	return "", err
}

// partitionCommand is `partition JOB/N for=D`: for so long the kubelet does not reach the API server. Programs run on.
func (m *Machines) partitionCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	if err != nil {
		return "", err
	}
	pod, err := m.pod(c)
	if err != nil || pod == nil || !m.KubeletLives(pod.Spec.NodeName) {
		return "", err
	}
	g := m.nodes[pod.Spec.NodeName]
	m.world.fault("partition", "%s for %s", g.node, d)
	m.cutOff(g, d)
	return "", nil
}

// cutOff keeps a kubelet from the API server for so long.
func (m *Machines) cutOff(g *guest, d time.Duration) {
	g.cutOff = true
	m.fallSilent(g)
	m.world.whenUp(d, func() { m.reconnect(g) })
}

// reconnect lets a kubelet say what happened meanwhile, and hear of it.
func (m *Machines) reconnect(g *guest) {
	g.cutOff = false
	if g.off {
		return
	}
	g.silences++
	m.sayHowItIs(g)
	for _, pod := range m.pods.podsOn(g.node) {
		m.turns.ask(keyOf(pod))
	}
}

// evictCommand is `evict JOB/N`: somebody evicts the pod through the API.
func (m *Machines) evictCommand(c story.Command) (string, error) {
	pod, err := m.pod(c)
	if err != nil || pod == nil || pod.DeletionTimestamp != nil || isTerminal(pod) {
		return "", err
	}
	m.world.fault("evict", "%s", pod.Name)
	if err := m.world.API.Update(keyOf(pod), pod.UID, newPort(m.world).disrupt); err != nil {
		return "", err
	}
	return "", m.world.API.Delete(keyOf(pod), pod.UID)
}

// exitCommand is `exit JOB/N code=C`: the training program exits.
func (m *Machines) exitCommand(c story.Command) (string, error) {
	o := &options{Command: c}
	code := o.number("code", 1)
	if o.err != nil {
		return "", o.err
	}
	pod, err := m.pod(c)
	if err != nil || pod == nil {
		return "", err
	}
	if p := m.programs[pod.UID]; p != nil && p.isRunning() {
		m.world.fault("exit", "%s %d", pod.Name, *code)
		m.end(p, *code)
	}
	return "", nil
}
