package sim

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// The node agent of a VM reads the metadata server, and writes what it says on the VM's Node and on the training pods
// there: that it watches once it has started, and that GCE takes the VM back within a second of the notice. It goes on for
// pods that come later, and through every outage, until the VM stops.
const (
	watcherStarts = 5 * time.Second // at most, after its Node has joined
	watcherHears  = time.Second     // at most, after the notice
	watcherLooks  = time.Second     // for pods that have come since, after the notice
)

// startNodeAgent lets the agent of a Node start, unless its VM has none.
func (m *Machines) startNodeAgent(g *guest) {
	if g.boots == bootsWithoutNodeAgent {
		return
	}
	m.world.whenUp(time.Duration(m.world.Random.Int64N(int64(watcherStarts))), func() {
		g.watched, g.late = true, g.noticed
		if g.late {
			g.heard = m.world.Clock.Now()
		}
		m.speak(g)
	})
}

// hearNotice lets the agent hear of the notice.
func (m *Machines) hearNotice(g *guest) {
	m.hear(g, v1alpha1.ReasonNotice, g.vm.Spec.PreemptionNotice)
}

// maintain lets GCE say that it will maintain the host of a VM in an hour. The VM runs on: nobody waits for so long, and a
// preemption within that hour is not modelled.
func (m *Machines) maintain(vm string) error {
	g := m.nodes[vm] // Node and VM have one name
	if g == nil || g.noticed {
		return fmt.Errorf("nothing can be said inside VM %s", vm)
	}
	m.hear(g, v1alpha1.ReasonMaintenance, time.Hour)
	return nil
}

func (m *Machines) hear(g *guest, why string, left time.Duration) {
	g.noticed, g.why, g.stops = true, why, m.world.Clock.Now().Add(left)
	m.world.Clock.AfterFunc(time.Duration(m.world.Random.Int64N(int64(watcherHears))), func() {
		g.heard = m.world.Clock.Now()
		m.world.whenUp(0, func() { m.speak(g) })
	})
}

// speak lets the agent write what the metadata server says.
func (m *Machines) speak(g *guest) {
	if !g.watched || g.off || g.shutsDown {
		return
	}
	if !g.cutOff {
		m.sayPreempted(g)
	}
	if !g.heard.IsZero() {
		m.world.whenUp(watcherLooks, func() { m.speak(g) })
	}
}

func (m *Machines) sayPreempted(g *guest) {
	status, reason, since := corev1.ConditionFalse, v1alpha1.ReasonNoNotice, m.world.API.timestamp()
	switch hasHeard := !g.heard.IsZero(); {
	case hasHeard && g.late:
		status, reason, since = corev1.ConditionTrue, v1alpha1.ReasonLateNotice, second(g.heard)
	case hasHeard:
		status, reason, since = corev1.ConditionTrue, g.why, second(g.heard)
	}
	k := Key{Kind: "Node", Name: g.node}
	r := m.world.API.Get(k)
	if r == nil {
		return
	}
	if !says(As[*corev1.Node](r), v1alpha1.ConditionSpotPreempted, status) {
		m.world.Tracef("node agent %s preempted=%s", g.node, status)
		_ = m.world.API.Update(k, "", func(o Object) { // it is there
			node := o.(*corev1.Node)
			setNodeCondition(node, corev1.NodeCondition{Type: v1alpha1.ConditionSpotPreempted, Status: status, Reason: reason, LastTransitionTime: since})
			if status == corev1.ConditionTrue {
				node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: v1alpha1.TaintPreempted, Effect: corev1.TaintEffectNoSchedule})
			}
		})
	}
	if status != corev1.ConditionTrue {
		return
	}
	for _, pod := range m.pods.podsOn(g.node) {
		if isToldPreempted(pod) || pod.Labels[v1alpha1.LabelPool] == "" {
			continue
		}
		m.write(pod, "preempted", func(pod *corev1.Pod) {
			setPodCondition(pod, corev1.PodCondition{Type: v1alpha1.ConditionPodPreempted, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: since})
		})
	}
}

func says(node *corev1.Node, kind corev1.NodeConditionType, status corev1.ConditionStatus) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}

func isToldPreempted(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == v1alpha1.ConditionPodPreempted && c.Status == corev1.ConditionTrue
	})
}

func setNodeCondition(node *corev1.Node, condition corev1.NodeCondition) {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == condition.Type {
			node.Status.Conditions[i] = condition
			return
		}
	}
	node.Status.Conditions = append(node.Status.Conditions, condition)
}
