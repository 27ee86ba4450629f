package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// Behave sets how checkpoints of a namespace go, whatever the nodes are.
func (c *Cluster) Behave(ctx context.Context, namespace string, behaviour AgentBehaviour) error {
	if c.real == nil {
		c.agent.Behave(namespace, behaviour)
		return nil
	}
	if err := c.CanBehave(behaviour); err != nil {
		return err
	}
	if c.binaries.RealNodes.Agent != "" {
		return nil // it always behaves so
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		"lab.training.dcnlab.com/agent": string(behaviour.Mode), "lab.training.dcnlab.com/agent-duration": behaviour.Duration.String(),
	}}})
	if err != nil {
		return fmt.Errorf("encode how checkpoints go: %w", err)
	}
	_, err = c.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("say how checkpoints go: %w", err)
	}
	return nil
}

// realAgentTakes is what a checkpoint by the real agent takes at least: it took 4.8 s with 32 MB.
const realAgentTakes = 4 * time.Second

// CanBehave tells why the agents cannot be made to behave so, if they cannot. The real one does as it does.
func (c *Cluster) CanBehave(behaviour AgentBehaviour) error {
	switch {
	case c.real == nil:
		return nil
	case behaviour.Mode == AgentBreaksImages:
		return errors.New("the agent of real nodes cannot break images")
	case c.binaries.RealNodes.Agent == "":
		return nil
	case behaviour.Mode != AgentWorks:
		return fmt.Errorf("the real checkpoint agent, which CHECKPOINT_AGENT names, cannot be told to misbehave: %s", behaviour.Mode)
	case behaviour.Duration > realAgentTakes:
		return fmt.Errorf("the real checkpoint agent, which CHECKPOINT_AGENT names, cannot be told to take %s", behaviour.Duration)
	}
	return nil
}

// Trained is how much training is in an image. It fails with an image that cannot be pulled.
func (c *Cluster) Trained(image string) (time.Duration, error) {
	if c.real == nil {
		progress, found := c.images.Progress(image)
		if !found {
			return 0, fmt.Errorf("the registry has no image %s", image)
		}
		return progress, nil
	}
	return c.real.trained(image)
}

// Frozen is how long the container stood still for the checkpoint in an image. Only real nodes freeze one.
func (c *Cluster) Frozen(image string) (time.Duration, error) {
	if c.real == nil {
		return 0, errors.New("the lab's nodes are no real ones: they freeze nothing")
	}
	return realnode.Frozen(strings.TrimPrefix(c.real.registry.url(), "http://"), image)
}

// trained asks the registry, once for each image: their tags are never used again.
func (r *realNodes) trained(image string) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if progress, known := r.progress[image]; known {
		return progress, nil
	}
	progress, err := realnode.Trained(strings.TrimPrefix(r.registry.url(), "http://"), image)
	if err != nil {
		return 0, err
	}
	r.progress[image] = progress
	return progress, nil
}

// PodLogs are the logs of a namespace's containers on all real nodes that ever were, by NAMESPACE_POD_UID. The log of a restored
// container begins with the lines of the original.
func (c *Cluster) PodLogs(namespace string) (map[string]string, error) {
	if c.real == nil {
		return nil, errors.New("the lab's nodes are no real ones: their containers print nothing")
	}
	return c.real.host.PodLogs(namespace)
}

// Progress is how much training a pod has behind it.
func (c *Cluster) Progress(pod *corev1.Pod) time.Duration {
	if c.real == nil {
		return c.trainer.Progress(pod)
	}
	logs, err := c.real.host.PodLogs(pod.Namespace)
	if err != nil {
		return 0
	}
	steps := realnode.Steps(logs[pod.Namespace+"_"+pod.Name+"_"+string(pod.UID)])
	if len(steps) == 0 {
		return 0
	}
	return time.Duration(steps[len(steps)-1].Number) * realnode.StepTime
}

// TrainsWithTorch is true of real nodes whose training program is written with PyTorch.
func (c *Cluster) TrainsWithTorch() bool {
	return c.real != nil && c.binaries.RealNodes.TrainsWith == "torch"
}

// TrainUndisturbed is what the training program of real nodes prints if it trains for so long and nobody disturbs it.
func (c *Cluster) TrainUndisturbed(ctx context.Context, seconds time.Duration) (string, error) {
	return c.binaries.RealNodes.TrainUndisturbed(ctx, fmt.Sprintf("TRAIN_SECONDS=%g", seconds.Seconds()))
}

// StoredImages are the names of all images in the runtime's store of the VM of a Node. Only real nodes have one.
func (c *Cluster) StoredImages(ctx context.Context, node string) ([]string, error) {
	if c.real == nil {
		return nil, errors.New("the lab's nodes are no real ones: they store no images")
	}
	g := c.hypervisor.guestOf(node)
	if g == nil {
		return nil, fmt.Errorf("there is no VM of a Node %s", node)
	}
	out, err := c.real.node(g.vm.ID).Run(ctx, c.binaries.RealNodes.ListImages()...)
	return strings.Fields(out), err
}
