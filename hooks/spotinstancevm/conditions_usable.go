package spotinstancevm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// mostTold is how many VMs and replicas one condition speaks of.
const mostTold = 4

// usableCondition tells of Ready VMs that no replica can use, and of replicas that no Ready VM suits; nil if there are none.
func usableCondition(o observed, d decision) *metav1.Condition {
	var reason string
	var messages []string
	tell := func(because, message string) {
		if reason == "" {
			reason = cmp.Or(because, v1alpha1.ReasonNodeUnfit)
		}
		messages = append(messages, message)
	}
	for _, w := range d.wants {
		if w.isHeld(o.now) {
			tell(v1alpha1.ReasonUnschedulable, fmt.Sprintf(
				"Ready VMs were no use to the pod of Job %s, so no VM is bought for it for %s (status.unschedulableReplicas says until when); the scheduler said: %s", w.attempt, holdFor, w.heldFor))
		}
		if w.unfit {
			tell(v1alpha1.ReasonPodDoesNotFit, fmt.Sprintf("no VM is bought for the pod of Job %s, since none could run it: %s", w.name, w.misfit))
		}
	}
	for _, m := range d.machines {
		if !servesNobody(o, m) && !m.misplaced {
			continue
		}
		why, message := unfitText(o, m)
		tell(map[string]string{
			v1alpha1.NotServingCordoned: v1alpha1.ReasonNodeCordoned, v1alpha1.NotServingRejects: v1alpha1.ReasonPodsRejected,
		}[why], message)
	}
	if i := slices.IndexFunc(d.wants, func(w want) bool { return w.isWaiting(o.now) }); i >= 0 {
		stuck := ""
		if o.isStuck {
			stuck = "; nothing is bought for that now: so it is with many pools, as if the scheduler were away, or this server has just started"
		}
		for _, m := range refusing(o, d.machines) {
			tell(v1alpha1.ReasonUnschedulable, fmt.Sprintf("VM %s is Ready and free, and the scheduler does not bind the pod of Job %s to it: %s%s", m.name, d.wants[i].attempt, d.wants[i].said, stuck))
		}
	}
	if reason == "" {
		return nil
	}
	told := strings.Join(messages[:min(len(messages), mostTold)], "; ")
	if more := len(messages) - mostTold; more > 0 {
		told += fmt.Sprintf("; and %d more", more)
	}
	unusable := condition(v1alpha1.ConditionVMsUsable, false, reason, told)
	return &unusable
}

// unfitText tells why no replica can use a Ready VM, and what to do.
func unfitText(o observed, m machine) (reason, message string) {
	switch {
	case m.misplaced:
		return v1alpha1.NotServingMisplaced, fmt.Sprintf("VM %s is in %s, where no pod that waits may run, by its node selector or affinity: it is deleted when it has been idle for idleTimeout", m.name, m.zone)
	case m.rejects != "":
		return v1alpha1.NotServingRejects, fmt.Sprintf("the kubelet of VM %s rejected %d pods of one replica in a row, so another VM takes its place: it said: %s", m.name, v1alpha1.RejectionsPerVM, m.rejects)
	case m.isCordoned():
		return v1alpha1.NotServingCordoned, fmt.Sprintf("Node %s is cordoned, so no replica can use its VM: kubectl uncordon %s, or the VM is deleted when it has been idle for idleTimeout", m.name, m.name)
	case m.node.gpus < m.mustShow:
		return v1alpha1.NotServingGPUsMissing, fmt.Sprintf("Node %s shows %d of %d %s, and no pod lands there: another VM takes its place; see the device plugin's pod on that Node", m.name, m.node.gpus, m.mustShow, o.settings.gpuResource)
	default:
		return v1alpha1.NotServingTainted, fmt.Sprintf("Node %s has the taint %s, and no pod lands there: another VM takes its place; if the taint is to stay, add it to spec.taints", m.name, m.node.tainted)
	}
}
