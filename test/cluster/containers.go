package cluster

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ending is how the containers of a pod end.
type ending struct {
	exitCode int32
	// shutDown says that the kubelet ended the pod because its Node is shutting down.
	shutDown bool
}

// exitSIGTERM is the exit code of a program that SIGTERM ends.
const exitSIGTERM = 128 + 15

// startedAt is when the first container started, zero if it has not.
func startedAt(pod *corev1.Pod) time.Time {
	for _, status := range pod.Status.ContainerStatuses {
		if running := status.State.Running; running != nil {
			return running.StartedAt.Time
		}
		if terminated := status.State.Terminated; terminated != nil {
			return terminated.StartedAt.Time
		}
	}
	return time.Time{}
}

// endedAt is when the first container ended, zero if it has not.
func endedAt(pod *corev1.Pod) time.Time {
	for _, status := range pod.Status.ContainerStatuses {
		if terminated := status.State.Terminated; terminated != nil {
			return terminated.FinishedAt.Time
		}
	}
	return time.Time{}
}

// setWaiting writes the status of a pod whose containers cannot start yet, and reports whether that is news.
func setWaiting(pod *corev1.Pod, reason, message string) bool {
	if len(pod.Status.ContainerStatuses) > 0 {
		waiting := pod.Status.ContainerStatuses[0].State.Waiting
		if waiting == nil || waiting.Reason == reason {
			return false
		}
	}
	if pod.Status.StartTime == nil {
		pod.Status.StartTime = new(metav1.Now())
	}
	pod.Status.Phase = corev1.PodPending
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Started: new(false),
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		})
	}
	return true
}

// setEnded writes the status of a pod whose containers have ended, as a kubelet reports it.
func setEnded(pod *corev1.Pod, e ending, now metav1.Time) {
	reason := "Error"
	pod.Status.Phase = corev1.PodFailed
	if e.exitCode == 0 {
		reason = "Completed"
		pod.Status.Phase = corev1.PodSucceeded
	}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		terminated := &corev1.ContainerStateTerminated{ExitCode: e.exitCode, Reason: reason, FinishedAt: now, StartedAt: now}
		if running := status.State.Running; running != nil {
			terminated.StartedAt = running.StartedAt
		}
		status.State = corev1.ContainerState{Terminated: terminated}
		status.Ready, status.Started = false, new(false)
	}
	setCondition(pod, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "PodCompleted", LastTransitionTime: now})
	setCondition(pod, corev1.PodCondition{Type: corev1.ContainersReady, Status: corev1.ConditionFalse, Reason: "PodCompleted", LastTransitionTime: now})
	if !e.shutDown {
		return
	}
	const message = "Pod was terminated in response to imminent node shutdown."
	pod.Status.Reason, pod.Status.Message = "Terminated", message
	setCondition(pod, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: now,
		Reason: corev1.PodReasonTerminationByKubelet, Message: message,
	})
}

// setRejected writes the status of a pod that a kubelet does not start, since its Node is shutting down, or for want of devices.
func setRejected(pod *corev1.Pod, reason, message string) {
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, reason, message
}

func setCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == condition.Type {
			pod.Status.Conditions[i] = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}
