package sim

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func isTerminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// isForceDeleted tells whether only finalizers hold a pod that is being deleted.
func isForceDeleted(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && (pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds == 0)
}

// forceDelete removes a pod without a grace period. Finalizers still hold it.
func (w *World) forceDelete(pod *corev1.Pod) {
	k := keyOf(pod)
	_ = w.API.Delete(k, pod.UID) // it may be being deleted, or be gone
	r := w.API.Get(k)
	switch {
	case r == nil || r.Object.GetUID() != pod.UID:
	case len(r.Object.GetFinalizers()) == 0:
		w.API.Remove(k)
	default:
		_ = w.API.Update(k, pod.UID, func(o Object) { o.SetDeletionGracePeriodSeconds(new(int64)) }) // it is there
	}
}

// disrupted says on a pod who ends it, and why.
func (w *World) disrupted(pod *corev1.Pod, reason, message string) {
	setPodCondition(pod, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: w.API.timestamp(),
	})
}

func setPodCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == condition.Type {
			pod.Status.Conditions[i] = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// setPodReady writes both conditions of readiness.
func setPodReady(pod *corev1.Pod, ready corev1.ConditionStatus, reason string, now metav1.Time) {
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		setPodCondition(pod, corev1.PodCondition{Type: kind, Status: ready, Reason: reason, LastTransitionTime: now})
	}
}

// notFound is what a kubelet says of an image that its registry does not have.
func notFound(image string) string { return fmt.Sprintf("Back-off pulling image %q: not found", image) }

// setStartError writes the status of a pod whose containers the runtime could not start.
func setStartError(pod *corev1.Pod, message string, now metav1.Time) {
	setEnded(pod, 128, metav1.Unix(0, 0), now)
	for i := range pod.Status.ContainerStatuses {
		end := pod.Status.ContainerStatuses[i].State.Terminated
		end.Reason, end.Message = "StartError", message
	}
	setPodReady(pod, corev1.ConditionFalse, "PodFailed", now)
}

// setWaiting writes the status of a pod whose containers the kubelet cannot create.
func setWaiting(pod *corev1.Pod, reason, message string) {
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Started: new(false),
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		})
	}
}

// setRunning writes the status of a pod whose containers have started; shown is which image the runtime names of one.
func setRunning(pod *corev1.Pod, shown func(image string) string, started, now metav1.Time) {
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &started
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: shown(c.Image), Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
		})
	}
	setPodReady(pod, corev1.ConditionTrue, "", now)
}

// setEnded writes the status of a pod whose containers have ended, as a kubelet reports it.
func setEnded(pod *corev1.Pod, exit int32, started, ended metav1.Time) {
	reason := "Error"
	pod.Status.Phase = corev1.PodFailed
	if exit == 0 {
		reason = "Completed"
		pod.Status.Phase = corev1.PodSucceeded
	}
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Started: new(false),
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: reason, StartedAt: started, FinishedAt: ended}},
		})
	}
}

// setRejected writes the status of a pod that a kubelet does not admit.
func setRejected(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodFailed
		pod.Status.Reason, pod.Status.Message = reason, message
	}
}
