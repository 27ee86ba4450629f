package sim

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// podGC removes pods of Nodes that are no more. It looks every Timing.PodGC, when there is anything to see. Not modelled: that
// it waits 40 s for a Node to come back.
type podGC struct {
	world *World
	pods  *stock
	looks bool // at the next time
}

func newPodGC(w *World) *podGC { return &podGC{world: w, pods: w.Machines.pods} }

func (g *podGC) see(change Change) {
	r := change.Record()
	isLoss := r.Kind == "Node" && change.New == nil
	isBound := r.Kind == "Pod" && change.New != nil && g.isOrphan(As[*corev1.Pod](r))
	if !isLoss && !isBound || g.looks {
		return
	}
	g.looks = true
	every := g.world.Timing.PodGC
	since := g.world.Clock.Now().Sub(g.world.start)
	g.world.whenUp(since.Truncate(every)+every-since, g.look)
}

func (g *podGC) isOrphan(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && !isForceDeleted(pod) && g.world.API.Get(Key{Kind: "Node", Name: pod.Spec.NodeName}) == nil
}

func (g *podGC) look() {
	g.looks = false
	for _, r := range slices.Clone(g.pods.records) {
		pod := As[*corev1.Pod](r)
		if !g.isOrphan(pod) {
			continue
		}
		g.world.Tracef("pod garbage %s", pod.Name)
		_ = g.world.API.Update(r.Key, pod.UID, func(o Object) { g.fail(o.(*corev1.Pod)) }) // it was found just now
		g.world.forceDelete(pod)
	}
}

// fail says why a pod is over that did not end by itself.
func (g *podGC) fail(pod *corev1.Pod) {
	if isTerminal(pod) {
		return
	}
	pod.Status.Phase = corev1.PodFailed
	g.world.disrupted(pod, "DeletionByPodGC", "PodGC: node no longer exists")
}
