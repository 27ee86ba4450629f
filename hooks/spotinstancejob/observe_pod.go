package spotinstancejob

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// podsByJob picks one pod per Job: the newest. A Job of ours makes a second one only when the first was deleted before it
// ended.
func podsByJob(pods []corev1.Pod) map[string]*corev1.Pod {
	by := map[string]*corev1.Pod{}
	for i := range pods {
		owner := metav1.GetControllerOf(&pods[i])
		if owner == nil || owner.Kind != "Job" {
			continue
		}
		known := by[string(owner.UID)]
		if known == nil || known.CreationTimestamp.Before(&pods[i].CreationTimestamp) {
			by[string(owner.UID)] = &pods[i]
		}
	}
	return by
}

func observePod(pod *corev1.Pod) *podFacts {
	facts := &podFacts{
		uid: string(pod.UID), name: pod.Name, node: pod.Spec.NodeName, phase: pod.Status.Phase,
		deletedAt: deletionOf(pod), conditions: pod.Status.Conditions, message: pod.Status.Message,
	}
	for _, c := range pod.Status.Conditions {
		isTrue := c.Status == corev1.ConditionTrue
		switch c.Type {
		case corev1.PodReady:
			facts.ready = isTrue
		case corev1.DisruptionTarget:
			facts.disrupted = facts.disrupted || isTrue
		case v1alpha1.ConditionPodPreempted:
			if isTrue {
				facts.noticed, facts.noticedFor = c.LastTransitionTime.Time, c.Reason
			}
		case corev1.PodScheduled:
			if isTrue {
				facts.scheduled = c.LastTransitionTime.Time
			} else {
				facts.gated, facts.unbound = c.Reason == corev1.PodReasonSchedulingGated, excerpt(c.Message)
			}
		case corev1.PodReadyToStartContainers:
			facts.isPrepared = isTrue
		case corev1.PodInitialized:
			facts.initializing = c.Status == corev1.ConditionFalse
			if isTrue {
				facts.initialized = c.LastTransitionTime.Time
			}
		}
	}
	for _, c := range pod.Status.InitContainerStatuses {
		facts.observeContainer(c)
	}
	for _, c := range pod.Status.ContainerStatuses {
		facts.observeContainer(c)
		facts.observeStart(c)
		if len(pod.Spec.Containers) > 0 && c.Name == pod.Spec.Containers[0].Name {
			facts.started = startOf(c.State)
		}
	}
	facts.rejected = excerpt(nodefit.Rejection(pod))
	facts.message = excerpt(facts.message)
	return facts
}

// deletionOf is when somebody asked for the pod's deletion, or zero. Its deletionTimestamp lies a grace period later.
func deletionOf(pod *corev1.Pod) time.Time {
	if pod.DeletionTimestamp == nil {
		return time.Time{}
	}
	grace := int64(0)
	if pod.DeletionGracePeriodSeconds != nil {
		grace = *pod.DeletionGracePeriodSeconds
	}
	return pod.DeletionTimestamp.Add(-time.Duration(grace) * time.Second)
}

// startOf is when a container started, or zero. Of one that the runtime could not start (StartError) the kubelet says
// that it started in 1970.
func startOf(state corev1.ContainerState) time.Time {
	start := time.Time{}
	switch {
	case state.Running != nil:
		start = state.Running.StartedAt.Time
	case state.Terminated != nil:
		start = state.Terminated.StartedAt.Time
	}
	if start.Unix() <= 0 {
		return time.Time{}
	}
	return start
}

// observeContainer notes how a container, or an init container, ended. While others run, the pod has not ended.
func (p *podFacts) observeContainer(c corev1.ContainerStatus) {
	if wait := c.State.Waiting; wait != nil && wait.Message != "" {
		p.message = fmt.Sprintf("container %s waits: %s: %s", c.Name, wait.Reason, wait.Message)
	}
	end := c.State.Terminated
	if end == nil {
		return
	}
	over := p.phase == corev1.PodSucceeded || p.phase == corev1.PodFailed
	if over && end.FinishedAt.After(p.ended) {
		p.ended = end.FinishedAt.Time
	}
	// ContainerStatusUnknown is the kubelet's word for a container that it lost sight of.
	if end.ExitCode == 0 || end.Reason == "ContainerStatusUnknown" {
		return
	}
	p.exits = append(p.exits, containerExit{c.Name, end.ExitCode})
	said := end.Message
	if !startOf(c.State).IsZero() { // it is the container's, not the runtime's: the end of its log
		said = lastLines(end.Message, longestMessage/2)
		said = said[strings.LastIndex(said, "\n")+1:]
	}
	reason := strings.TrimSpace(strings.Join([]string{end.Reason, said}, " "))
	p.message = fmt.Sprintf("container %s exited with code %d (%s)", c.Name, end.ExitCode, reason)
	p.failure = fmt.Sprintf("container %s exited with code %d (%s)", c.Name, end.ExitCode, shorten(end.Reason, longestMessage))
	if words := lastLines(end.Message, mostLastWords); words != "" {
		p.failure += ":\n" + words
	}
}

// mostLastWords bounds what status keeps of a failed attempt's last words, in bytes.
const mostLastWords = 1024

// lastLines are the last whole lines of a text, or the end of the last one if it alone is too long. A carriage return ends a line,
// too: progress bars are drawn with them.
func lastLines(text string, most int) string {
	lines := strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return r == '\n' || r == '\r' })
	from, size := len(lines), 0
	for from > 0 && size+len(lines[from-1]) <= most {
		from--
		size += len(lines[from]) + 1
	}
	if from == len(lines) && from > 0 {
		last := lines[from-1]
		return strings.ToValidUTF8(last[len(last)-most:], "")
	}
	return strings.Join(lines[from:], "\n")
}

// observeStart notes why a container does not run, or could not be started.
func (p *podFacts) observeStart(c corev1.ContainerStatus) {
	if wait := c.State.Waiting; wait != nil {
		p.waits = append(p.waits, containerWait{wait.Reason, wait.Message})
	}
	if end := c.State.Terminated; end != nil && end.ExitCode != 0 && startOf(c.State).IsZero() && end.Reason != "ContainerStatusUnknown" {
		p.waits = append(p.waits, containerWait{end.Reason, end.Message})
	}
}
