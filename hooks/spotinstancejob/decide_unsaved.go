package spotinstancejob

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// mostTold is how much of the template one condition speaks of.
const mostTold = 4

// firstOf joins what one condition speaks of.
func firstOf(all []string) string {
	told := slices.Clone(all[:min(len(all), mostTold)])
	if more := len(all) - mostTold; more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}

// mayNotRestore warns of what a checkpoint of the template's pod does not hold. It is said before anything runs: a container that
// depends on it is checkpointed without a word, and does not restore.
func (s *survey) mayNotRestore() *condition {
	if s.invalid != nil || s.savesItself() {
		return nil
	}
	pod := s.template.spec.Template.Spec
	unsaved := append(unsavedVolumes(pod), s.unsavedNamespaces(pod)...)
	if len(unsaved) == 0 {
		return nil
	}
	var told []string
	for _, e := range unsaved {
		told = append(told, e.Error())
	}
	return &condition{
		v1alpha1.ConditionCheckpointsMayNotRestore, v1alpha1.ReasonUnsavedState,
		"the training goes on, and its checkpoints may not restore: " + firstOf(told), true,
	}
}

// unsavedVolumes are the volumes that a container writes to and whose content does not come along: those of the pod, and those of
// the VM. Claims, and what the kubelet fills anew, are there on the next VM, too. Init containers run again.
func unsavedVolumes(pod corev1.PodSpec) []specError {
	var unsaved []specError
	for i, v := range pod.Volumes {
		kind := unsavedKind(v)
		container, path := writer(pod.Containers, v.Name)
		if kind == "" || container == "" {
			continue
		}
		unsaved = append(unsaved, specError{
			fmt.Sprintf("%s.volumes[%d]", fieldOfPod, i),
			fmt.Sprintf("%s %s, which container %s mounts at %s, is not part of a checkpoint, and a container that has a file open there does not restore", kind, v.Name, container, path),
			"keep such files in the container's own file system or on a PersistentVolumeClaim, or mount it readOnly",
		})
	}
	return unsaved
}

// unsavedKind is the kind of a volume whose content does not come along, or empty.
func unsavedKind(v corev1.Volume) string {
	switch {
	case v.EmptyDir != nil:
		return "emptyDir"
	case v.Ephemeral != nil:
		return "ephemeral volume"
	case v.HostPath != nil && !isDevice(v.HostPath.Type):
		return "hostPath"
	case v.VolumeSource == (corev1.VolumeSource{}): // as the API server takes it
		return "emptyDir"
	}
	return ""
}

func isDevice(kind *corev1.HostPathType) bool {
	return kind != nil && (*kind == corev1.HostPathCharDev || *kind == corev1.HostPathBlockDev || *kind == corev1.HostPathSocket)
}

// writer is the first container that mounts a volume and may write to it, and where.
func writer(containers []corev1.Container, volume string) (name, path string) {
	for _, c := range containers {
		for _, mount := range c.VolumeMounts {
			if mount.Name == volume && !mount.ReadOnly {
				return c.Name, mount.MountPath
			}
		}
	}
	return "", ""
}

// unsavedNamespaces are what the pod's containers share with each other or with the VM.
func (s *survey) unsavedNamespaces(pod corev1.PodSpec) []specError {
	var unsaved []specError
	if pod.HostIPC {
		unsaved = append(unsaved, specError{
			fieldOfPod + ".hostIPC", "shared memory, queues and semaphores are the VM's, and another VM does not have them",
			"remove it if the training can do without",
		})
	}
	if pod.ShareProcessNamespace != nil && *pod.ShareProcessNamespace {
		unsaved = append(unsaved, specError{
			fieldOfPod + ".shareProcessNamespace", "containers are checkpointed one by one, and their process ids may be taken where they are restored",
			"remove it",
		})
	}
	if together := runTogether(pod); together > 1 && (s.pool == nil || !s.pool.tcp) {
		unsaved = append(unsaved, specError{
			fieldOfPod + ".containers", fmt.Sprintf("%d containers run together and are checkpointed one by one: TCP connections between them break", together),
			"use one container, or " + remedyTCP,
		})
	}
	return unsaved
}

// runTogether counts the containers that run at the same time, sidecars included.
func runTogether(pod corev1.PodSpec) int {
	n := len(pod.Containers)
	for _, c := range pod.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			n++
		}
	}
	return n
}
