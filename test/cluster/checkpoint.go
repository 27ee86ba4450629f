package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// checkpoint is one run of an agent:
//
//	"" ─► Checkpointing ─► Checkpointed ─► ImageBuilding ─► ImageBuilt ─► ImagePushing ─► ImagePushed ─► Completed
//	            └─► Failed                                                       or CompletedPodDeleted ◄─┘
type checkpoint struct {
	agent     *Agent
	backup    backup
	behaviour AgentBehaviour
	pod       *corev1.Pod
	frozen    content
	builtAt   metav1.Time
	built     []builtImage
}

// run does the steps in order. A step that cannot be done ends it; what it said so far stays.
func (c checkpoint) run(ctx context.Context) {
	slot := c.agent.node(c.pod.Spec.NodeName)
	slot.Lock()
	defer slot.Unlock()
	if c.backup.Spec.Registry != nil && len(c.backup.Spec.Containers) == 0 {
		c.say(ctx, "Completed", "")
		return
	}
	if !c.freeze(ctx) || !c.build(ctx) || !c.push(ctx) {
		return
	}
	if !c.backup.Spec.StopPod {
		c.say(ctx, "Completed", "")
		return
	}
	err := c.agent.cluster.client.CoreV1().Pods(c.pod.Namespace).Delete(ctx, c.pod.Name, metav1.DeleteOptions{})
	if err == nil || apierrors.IsNotFound(err) {
		c.say(ctx, "CompletedPodDeleted", "")
		return
	}
	c.say(ctx, "CompletedWithError", err.Error())
}

// freeze takes what the program has trained up to the beginning of the freeze, container by container.
func (c *checkpoint) freeze(ctx context.Context) bool {
	pod, err := c.agent.pods.Pods(c.pod.Namespace).Get(c.pod.Name)
	if err != nil || pod.UID != c.pod.UID || pod.Status.Phase != corev1.PodRunning {
		return false // it waited for its turn and the pod is no more: as if it had never been Running
	}
	for _, container := range c.backup.Spec.Containers {
		c.agent.images.reserve(c.backup.fullImage(container))
	}
	c.frozen = content{progress: c.agent.trainer.Progress(pod), broken: c.behaviour.Mode == AgentBreaksImages}
	if !c.say(ctx, "Checkpointing", "") {
		return false
	}
	if c.behaviour.Mode == AgentHangs {
		return false
	}
	if !c.work(ctx, 2) {
		return false
	}
	pod, err = c.agent.pods.Pods(c.pod.Namespace).Get(c.pod.Name)
	if err != nil || pod.UID != c.pod.UID || pod.Status.Phase != corev1.PodRunning {
		return c.fail(ctx, "container is no longer running")
	}
	if c.behaviour.Mode == AgentFails {
		return c.fail(ctx, "criu failed: type NOTIFY errno 0")
	}
	return c.say(ctx, "Checkpointed", "")
}

func (c *checkpoint) build(ctx context.Context) bool {
	if !c.say(ctx, "ImageBuilding", "") || !c.work(ctx, 1) {
		return false
	}
	c.builtAt = metav1.Now()
	return c.say(ctx, "ImageBuilt", "")
}

// push makes the images pullable and lists them.
func (c *checkpoint) push(ctx context.Context) bool {
	if !c.say(ctx, "ImagePushing", "") || !c.work(ctx, 1) {
		return false
	}
	if c.behaviour.Mode == AgentForgets {
		return c.say(ctx, "ImagePushed", "")
	}
	for _, container := range c.backup.Spec.Containers {
		c.agent.images.push(c.backup.fullImage(container), c.frozen)
		c.built = append(c.built, builtImage{
			ContainerName: container.Name, ImageName: container.Image, BuildTime: c.builtAt, Pushed: c.backup.Spec.Registry != nil,
		})
	}
	return c.say(ctx, "ImagePushed", "")
}

// work takes so many quarters of the duration for each container, and reports false if the agent dies meanwhile.
func (c *checkpoint) work(ctx context.Context, quarters int) bool {
	containers := max(1, len(c.backup.Spec.Containers))
	d := c.behaviour.Duration * time.Duration(quarters*containers) / 4
	return sleep(ctx, d) && !c.agent.kubelet.lost(c.pod.Spec.NodeName)
}

func (c *checkpoint) fail(ctx context.Context, message string) bool {
	c.say(ctx, "Failed", message)
	return false
}

// say writes the status, and reports false if there is nobody to say it to or the agent dies meanwhile. An agent that is
// cut off waits until it is not.
func (c *checkpoint) say(ctx context.Context, phase, message string) bool {
	for !c.agent.kubelet.reaches(c.pod.Spec.NodeName) {
		if c.agent.kubelet.lost(c.pod.Spec.NodeName) || !sleep(ctx, agentTick) {
			return false
		}
	}
	status := backupStatus{
		Phase: phase, Message: message, ObservedGeneration: c.backup.Generation, BuiltImages: c.built,
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return false // the status always encodes
	}
	object, err := c.agent.cluster.dynamic.Resource(backupResource).Namespace(c.backup.Namespace).
		Patch(ctx, c.backup.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err == nil {
		return object.GetUID() == c.backup.UID
	}
	if !apierrors.IsNotFound(err) && ctx.Err() == nil {
		fmt.Fprintf(c.agent.cluster.log, "lab: agent: %v\n", err)
	}
	return false
}
