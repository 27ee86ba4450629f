package sim

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// resourceGPU is what NVIDIA's device plugin calls a GPU.
const resourceGPU corev1.ResourceName = "nvidia.com/gpu"

// scheduler binds pods to Nodes by node selector, taints, GPUs and required anti-affinity by host name. Of the Nodes that
// fit it takes one in the zone with the fewest pods of the same training job, the first by name.
type scheduler struct {
	world       *World
	pods, nodes *stock
	turns       *turns
}

func newScheduler(w *World) *scheduler {
	s := &scheduler{world: w, pods: w.Machines.pods, nodes: newStock(w, "Node")}
	s.turns = newTurns(w, 100*time.Millisecond, 150*time.Millisecond, func(Key) { s.scheduleAll() })
	return s
}

func (s *scheduler) see(change Change) {
	kind := change.Record().Kind
	if kind != "Pod" && kind != "Node" {
		return
	}
	if slices.ContainsFunc(s.pods.records, func(r *Record) bool { return isUnbound(As[*corev1.Pod](r)) }) {
		s.turns.ask(Key{})
	}
}

func isUnbound(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil && !isTerminal(pod)
}

func (s *scheduler) scheduleAll() {
	for _, r := range slices.Clone(s.pods.records) {
		if pod := As[*corev1.Pod](r); isUnbound(pod) {
			s.schedule(pod)
		}
	}
}

func (s *scheduler) schedule(pod *corev1.Pod) {
	node := s.choose(pod)
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: s.world.API.timestamp()}
	if node == "" {
		scheduled.Status, scheduled.Reason, scheduled.Message = corev1.ConditionFalse, corev1.PodReasonUnschedulable, "0 nodes are available"
	}
	if node == "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == scheduled.Type }) {
		return
	}
	s.world.Tracef("schedule %s on %q", pod.Name, node)
	if node != "" && pod.Namespace == strangers {
		s.world.fault("stranger", "%s on %s", pod.Name, node)
	}
	_ = s.world.API.Update(keyOf(pod), pod.UID, func(o Object) { // it was found just now
		o.(*corev1.Pod).Spec.NodeName = node
		setPodCondition(o.(*corev1.Pod), scheduled)
	})
}

// choose is the best Node that fits, or empty.
func (s *scheduler) choose(pod *corev1.Pod) string {
	best, fewest := "", 0
	for _, r := range s.nodes.records {
		node := As[*corev1.Node](r)
		if !s.fits(pod, node) {
			continue
		}
		if n := s.relatives(pod, node.Labels[corev1.LabelTopologyZone]); best == "" || n < fewest {
			best, fewest = node.Name, n
		}
	}
	return best
}

// relatives counts the pods of the same training job in a zone.
func (s *scheduler) relatives(pod *corev1.Pod, zone string) int {
	count := 0
	for _, r := range s.nodes.records {
		if r.Object.GetLabels()[corev1.LabelTopologyZone] != zone {
			continue
		}
		for _, other := range s.pods.podsOn(r.Name) {
			if !isTerminal(other) && other.Labels[v1alpha1.LabelJobUID] == pod.Labels[v1alpha1.LabelJobUID] {
				count++
			}
		}
	}
	return count
}

func (s *scheduler) fits(pod *corev1.Pod, node *corev1.Node) bool {
	if !labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(node.Labels)) || !toleratesAll(pod, node.Spec.Taints) {
		return false
	}
	allocatable := node.Status.Allocatable[resourceGPU]
	free := allocatable.Value() - gpusOf(pod)
	for _, other := range s.pods.podsOn(node.Name) {
		if isTerminal(other) {
			continue
		}
		free -= gpusOf(other)
		if repels(pod, other) || repels(other, pod) {
			return false
		}
	}
	return free >= 0
}

func toleratesAll(pod *corev1.Pod, taints []corev1.Taint) bool {
	for i := range taints {
		if taints[i].Effect == corev1.TaintEffectPreferNoSchedule {
			continue
		}
		if !slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return tolerates(t, taints[i]) }) {
			return false
		}
	}
	return true
}

func tolerates(t corev1.Toleration, taint corev1.Taint) bool {
	if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
		return false
	}
	if t.Operator == corev1.TolerationOpExists {
		return true
	}
	return t.Key != "" && t.Value == taint.Value
}

// repels tells whether a pod must not be on one host with the other.
func repels(pod, other *corev1.Pod) bool {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil {
		return false
	}
	for _, term := range pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
		if err == nil && term.TopologyKey == corev1.LabelHostname && selector.Matches(labels.Set(other.Labels)) {
			return true
		}
	}
	return false
}

func gpusOf(pod *corev1.Pod) int64 {
	var sum int64
	for _, c := range pod.Spec.Containers {
		limit := c.Resources.Limits[resourceGPU]
		sum += limit.Value()
	}
	return sum
}
