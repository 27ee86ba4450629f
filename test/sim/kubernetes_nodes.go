package sim

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// nodeController is Kubernetes' node lifecycle controller, as far as it reacts to what is said of a Node: it taints a Node
// that is not ready, says of its pods that they are not either, and evicts them later. Who says that a Node is silent is
// Machines, which knows its heartbeats.
type nodeController struct {
	world     *World
	pods      *stock
	turns     *turns
	evictions map[string]func() // stops, by Node
}

func newNodeController(w *World) *nodeController {
	c := &nodeController{world: w, pods: w.Machines.pods, evictions: map[string]func(){}}
	c.turns = newTurns(w, 100*time.Millisecond, time.Second, c.sync)
	return c
}

func (c *nodeController) see(change Change) {
	if change.Record().Kind != "Node" {
		return
	}
	if change.New == nil || change.Old == nil || readiness(change.Old) != readiness(change.New) {
		c.turns.ask(change.Record().Key)
	}
}

// readiness is the status of a Node's condition Ready.
func readiness(r *Record) corev1.ConditionStatus {
	for _, condition := range As[*corev1.Node](r).Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status
		}
	}
	return corev1.ConditionUnknown
}

func (c *nodeController) sync(k Key) {
	r := c.world.API.Get(k)
	if r == nil || readiness(r) == corev1.ConditionTrue {
		c.keep(k.Name)
	}
	if r == nil {
		return
	}
	taint := map[corev1.ConditionStatus]string{
		corev1.ConditionFalse: corev1.TaintNodeNotReady, corev1.ConditionUnknown: corev1.TaintNodeUnreachable,
	}[readiness(r)]
	c.taint(k, taint)
	if taint == "" {
		return
	}
	for _, pod := range c.pods.podsOn(k.Name) {
		if isReady(pod) {
			c.update(pod, func(pod *corev1.Pod) { setPodReady(pod, corev1.ConditionFalse, "", c.world.API.timestamp()) })
		}
	}
	if c.evictions[k.Name] == nil {
		c.evictions[k.Name] = c.world.Clock.AfterFunc(c.world.Timing.Evict, func() { c.world.whenUp(0, func() { c.evict(k) }) })
	}
}

// taint puts the two taints of this key on a Node, and takes off those of the others. An empty key is none.
func (c *nodeController) taint(k Key, key string) {
	_ = c.world.API.Update(k, "", func(o Object) { // it was found just now
		spec := &o.(*corev1.Node).Spec
		has := slices.ContainsFunc(spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
		spec.Taints = slices.DeleteFunc(spec.Taints, func(t corev1.Taint) bool {
			return t.Key != key && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable)
		})
		if key == "" || has {
			return
		}
		now := c.world.API.timestamp()
		spec.Taints = append(spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &now},
			corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute, TimeAdded: &now})
	})
}

// keep stops the eviction of a Node's pods.
func (c *nodeController) keep(node string) {
	if stop := c.evictions[node]; stop != nil {
		stop()
		delete(c.evictions, node)
	}
}

// evict deletes the pods of a Node that has not been ready for too long. It does so once: none is bound there any more.
func (c *nodeController) evict(k Key) {
	r := c.world.API.Get(k)
	if c.evictions[k.Name] == nil || r == nil || readiness(r) == corev1.ConditionTrue {
		return
	}
	for _, pod := range c.pods.podsOn(k.Name) {
		if pod.DeletionTimestamp != nil || isTerminal(pod) {
			continue
		}
		c.world.Tracef("taint eviction of %s", pod.Name)
		c.update(pod, func(pod *corev1.Pod) {
			c.world.disrupted(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
		})
		_ = c.world.API.Delete(keyOf(pod), pod.UID) // it was found just now
	}
}

func (c *nodeController) update(pod *corev1.Pod, change func(*corev1.Pod)) {
	_ = c.world.API.Update(keyOf(pod), pod.UID, func(o Object) { change(o.(*corev1.Pod)) }) // it was found just now
}
