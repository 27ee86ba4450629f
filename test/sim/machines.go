package sim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// How a VM boots that does not boot as it should.
const (
	bootsNever            = "never"              // it runs and is billed, and its Node never appears
	bootsSlow             = "slow"               // it takes several times as long
	bootsWithoutGPUs      = "without-gpus"       // its Node registers, and its driver never reports the GPUs
	bootsWithoutNodeAgent = "without-node-agent" // no node agent runs there
	bootsWithoutRestore   = "without-restore"    // its runtime takes a checkpoint image for an ordinary one
)

// Machines are the guests of GCE's VMs, and the kubelets in them. Each does what its startup script says, and shuts its
// Node down when the VM is stopped. When the VM's power is gone nobody says anything any more: the Node's heartbeats
// stop. Nobody here ever deletes a Node: that is the operator's duty.
type Machines struct {
	world    *World
	pods     *stock
	turns    *turns // of kubelets, by pod
	guests   map[string]*guest
	nodes    map[string]*guest // those that have joined, by name of the Node
	programs map[types.UID]*program
	saved    map[string]time.Duration // by replica, the training that programs have saved themselves
	past     []past                   // in the order in which their pods went
	boots    []string
	slowly   time.Time // until then the heartbeats of the dead are not missed

	strangers int // pods that are none of the operator's so far
}

// guest is what runs on one VM.
type guest struct {
	vm        gcefake.VM
	node      string // empty until it has joined
	boots     string
	has       map[string]bool // images, by normal name
	shutsDown bool
	watched   bool      // its node agent has started
	noticed   bool      // its metadata server says that GCE takes it back
	stops     time.Time // when it does, if noticed
	why       string    // the reason that its node agent gives, unless it came late
	heard     time.Time // when its node agent read that; zero: it has not
	late      bool      // the notice was there when its node agent started
	off       bool
	cutOff    bool
	silences  int       // how often its heartbeats stopped or began again
	rejects   time.Time // its kubelet rejects new pods until then
}

func newMachines(w *World) *Machines {
	m := &Machines{
		world: w, pods: newStock(w, "Pod"), guests: map[string]*guest{}, nodes: map[string]*guest{}, programs: map[types.UID]*program{},
		saved: map[string]time.Duration{},
	}
	m.turns = newTurns(w, 20*time.Millisecond, 120*time.Millisecond, m.syncPod)
	w.API.Watch(m.see)
	w.GCE.Subscribe(m.handle)
	m.addCommands()
	return m
}

// KubeletLives reports whether a Node's kubelet runs and reaches the API server. That of a Node without a VM, such as the
// control plane's, always does.
func (m *Machines) KubeletLives(node string) bool {
	if g := m.nodes[node]; g != nil {
		return g.reaches()
	}
	return m.world.API.Get(Key{Kind: "Node", Name: node}) != nil
}

func (g *guest) reaches() bool { return !g.off && !g.cutOff }

// handle is called for each event of GCE. It writes nothing.
func (m *Machines) handle(event gcefake.Event) {
	g := m.guests[event.VM.ID]
	m.world.Tracef("vm %s %s", event.VM.Name, event.Kind)
	switch {
	case event.Kind == gcefake.Running:
		m.boot(event.VM)
	case g == nil:
	case event.Kind == gcefake.Notice:
		m.hearNotice(g)
	case event.Kind == gcefake.Stopping:
		m.shutDown(g)
	case event.Kind == gcefake.Stopped || event.Kind == gcefake.Gone:
		m.powerOff(g)
	}
}

// boot lets a VM join some time after it is RUNNING.
func (m *Machines) boot(vm gcefake.VM) {
	g := &guest{vm: vm, has: map[string]bool{}}
	m.guests[vm.ID] = g
	takes := m.world.Timing.Boot
	takes += time.Duration(m.world.Random.Int64N(int64(takes)/4 + 1))
	if len(m.boots) > 0 {
		g.boots, m.boots = m.boots[0], m.boots[1:]
		m.world.fault("boots-"+g.boots, "%s", vm.Name)
	}
	switch g.boots {
	case bootsNever:
		return
	case bootsSlow:
		takes *= 3 + time.Duration(m.world.Random.IntN(10))
	}
	m.world.whenUp(takes, func() { m.join(g) })
}

// shutDown is the guest's answer to the power button: its kubelet says that the Node is not ready and ends the pods.
func (m *Machines) shutDown(g *guest) {
	g.shutsDown = true
	if g.node == "" {
		return
	}
	delay := time.Duration(m.world.Random.Int64N(int64(time.Second)))
	m.world.Clock.AfterFunc(delay, func() {
		if g.off {
			return
		}
		for _, pod := range m.pods.podsOn(g.node) {
			if p := m.programs[pod.UID]; p != nil && p.isRunning() {
				m.terminate(p, true)
			}
			m.turns.ask(keyOf(pod))
		}
		m.world.whenUp(0, func() { m.sayHowItIs(g) })
	})
}

// powerOff ends everything on the VM without a word to anybody.
func (m *Machines) powerOff(g *guest) {
	if g.off {
		return
	}
	wasSilent := g.cutOff
	g.off = true
	delete(m.guests, g.vm.ID)
	if g.node == "" {
		return
	}
	for _, pod := range m.pods.podsOn(g.node) {
		if p := m.programs[pod.UID]; p != nil {
			m.halt(p)
		}
	}
	if !wasSilent {
		m.fallSilent(g)
	}
}

// fallSilent is the last heartbeat of a kubelet, or the last for some time.
func (m *Machines) fallSilent(g *guest) {
	g.silences++
	silence := g.silences
	m.world.whenUp(m.world.Timing.NotReady, func() { m.miss(g, silence) })
}

// miss lets the node lifecycle controller see that heartbeats are missing.
func (m *Machines) miss(g *guest, silence int) {
	if g.reaches() || g.silences != silence {
		return
	}
	if late := m.slowly.Sub(m.world.Clock.Now()); late > 0 {
		m.world.fault("linger", "%s stays ready for %s", g.node, late)
		m.world.whenUp(late, func() { m.miss(g, silence) })
		return
	}
	m.setReady(g.node, corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status.")
}

// sayHowItIs is a kubelet's report on its Node.
func (m *Machines) sayHowItIs(g *guest) {
	switch {
	case !g.reaches():
	case g.shutsDown:
		m.setReady(g.node, corev1.ConditionFalse, "KubeletNotReady", "node is shutting down")
	default:
		m.setReady(g.node, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status")
	}
}

// setReady writes a Node's condition Ready. A Node that is no more stays away.
func (m *Machines) setReady(node string, status corev1.ConditionStatus, reason, message string) {
	k := Key{Kind: "Node", Name: node}
	if m.world.API.Get(k) == nil {
		return
	}
	m.world.Tracef("node %s ready=%s %s", node, status, reason)
	_ = m.world.API.Update(k, "", func(o Object) { // it is there
		now := m.world.API.timestamp()
		setNodeCondition(o.(*corev1.Node), corev1.NodeCondition{
			Type: corev1.NodeReady, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now,
		})
	})
}
