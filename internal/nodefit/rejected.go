package nodefit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// notRejections are reasons of a pod that failed before it started and that tell nothing against its VM: the VM is shut down, or the pod
// took too long.
var notRejections = []string{"NodeShutdown", "Terminated", "NodeLost", "DeadlineExceeded", "Preempting"}

// Rejection is what the kubelet said of a pod that it rejected, such as "UnexpectedAdmissionError: Allocate failed"; empty: it did not
// reject it. A rejected pod is Failed, has a reason, and no container of it has ever started.
func Rejection(pod *corev1.Pod) string {
	status := pod.Status
	ran := func(c corev1.ContainerStatus) bool { return c.State.Running != nil || c.State.Terminated != nil }
	isDisrupted := slices.ContainsFunc(status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
	})
	switch {
	case status.Phase != corev1.PodFailed || status.Reason == "" || pod.Spec.NodeName == "" || isDisrupted:
		return ""
	case slices.Contains(notRejections, status.Reason):
		return ""
	case slices.ContainsFunc(status.ContainerStatuses, ran) || slices.ContainsFunc(status.InitContainerStatuses, ran):
		return ""
	case status.Message == "":
		return status.Reason
	}
	return status.Reason + ": " + status.Message
}
