package main

import (
	"context"
	"errors"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkpoint is one run of the agent:
//
//	"" ─► Checkpointing ─► Checkpointed ─► ImageBuilding ─► ImageBuilt ─► ImagePushing ─► ImagePushed ─► Completed
//	            └────────────┴──────► Failed ◄──┴────────────┴───────────────┘        or CompletedPodDeleted
type checkpoint struct {
	agent     *agent
	backup    backup
	behaviour behaviour
	pod       *corev1.Pod
	status    status
	images    []image
}

// do does the steps in order. Archives are removed in any case.
func (c *checkpoint) do(ctx context.Context) {
	defer func() {
		for _, file := range c.status.CheckpointFiles {
			_ = os.Remove(file.FilePath)
		}
	}()
	if c.backup.Spec.Registry != nil && len(c.backup.Spec.Containers) == 0 {
		c.say(ctx, "Completed", "")
		return
	}
	for _, step := range []func(context.Context) bool{c.freeze, c.build, c.push} {
		if !step(ctx) {
			return
		}
	}
	if !c.backup.Spec.StopPod {
		c.say(ctx, "Completed", "")
		return
	}
	err := c.agent.client.CoreV1().Pods(c.pod.Namespace).Delete(ctx, c.pod.Name, metav1.DeleteOptions{})
	if err == nil || apierrors.IsNotFound(err) {
		c.say(ctx, "CompletedPodDeleted", "")
		return
	}
	c.say(ctx, "CompletedWithError", err.Error())
}

// freeze has the kubelet checkpoint the containers, one after the other.
func (c *checkpoint) freeze(ctx context.Context) bool {
	if !c.say(ctx, "Checkpointing", "") || c.behaviour.mode == "Hangs" {
		return false
	}
	if c.behaviour.mode == "Fails" {
		return c.fail(ctx, errors.New("criu failed: type NOTIFY errno 0"))
	}
	for _, container := range c.backup.Spec.Containers {
		path, err := c.agent.kubelet.checkpoint(ctx, c.pod.Namespace, c.pod.Name, container.Name)
		if err != nil {
			return c.fail(ctx, err)
		}
		c.status.CheckpointFiles = append(c.status.CheckpointFiles, checkpointFile{
			ContainerName: container.Name, FilePath: path, CheckpointTime: metav1.Now(),
		})
	}
	return c.say(ctx, "Checkpointed", "")
}

func (c *checkpoint) build(ctx context.Context) bool {
	if !c.say(ctx, "ImageBuilding", "") {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(c.behaviour.duration):
	}
	for i, container := range c.backup.Spec.Containers {
		made, err := newImage(c.status.CheckpointFiles[i].FilePath, annotationsOf(c.pod, container.Name))
		if err != nil {
			return c.fail(ctx, err)
		}
		c.images = append(c.images, made)
	}
	return c.say(ctx, "ImageBuilt", "")
}

// push makes the images pullable and lists them. The time of the build is written only now, as the real agent has it.
func (c *checkpoint) push(ctx context.Context) bool {
	if !c.say(ctx, "ImagePushing", "") {
		return false
	}
	auth, err := c.agent.credentials(ctx, c.backup)
	if err != nil {
		return c.fail(ctx, err)
	}
	for i, container := range c.backup.Spec.Containers {
		target, err := c.agent.target(c.backup.registry(), container.Image)
		if err == nil {
			err = c.images[i].push(ctx, target, auth)
		}
		if err != nil {
			return c.fail(ctx, err)
		}
		if c.behaviour.mode == "Forgets" {
			continue
		}
		c.status.BuiltImages = append(c.status.BuiltImages, builtImage{
			ContainerName: container.Name, ImageName: container.Image, BuildTime: metav1.Now(), Pushed: true,
		})
	}
	return c.say(ctx, "ImagePushed", "")
}

func (c *checkpoint) fail(ctx context.Context, err error) bool {
	c.agent.log.Warn("checkpoint failed", "name", c.backup.Name, "error", err)
	c.say(ctx, "Failed", err.Error())
	return false
}

// say writes the status.
func (c *checkpoint) say(ctx context.Context, phase, message string) bool {
	c.status.Phase, c.status.Message = phase, message
	c.agent.log.Info("checkpoint", "name", c.backup.Name, "pod", c.pod.Name, "phase", phase)
	return c.agent.patch(ctx, c.backup, map[string]any{"status": c.status}, "status")
}
