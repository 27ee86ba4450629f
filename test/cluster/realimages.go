package cluster

import (
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// Images of the lab's own that real nodes run.
const (
	imageOperator = "docker.io/lehuannhatrang/spot-instance-training-operator:latest"
	// ImageTraining is the training program; stories name it, too.
	ImageTraining = "docker.io/acme/resnet:v1"
)

// pushImages fills the registry.
func (c *Cluster) pushImages() error {
	files := c.binaries.RealNodes
	registry := strings.TrimPrefix(c.real.registry.url(), "http://")
	agent, err := files.AgentImage()
	if err != nil {
		return err
	}
	images := []realnode.Image{files.Training(ImageTraining), agent}
	for image, program := range map[string]string{realnode.PausePod: "pause", imageOperator: "node-agent"} {
		made, err := files.Program(image, program)
		if err != nil {
			return err
		}
		images = append(images, made)
	}
	for _, image := range images {
		if err := image.Push(registry); err != nil {
			return err
		}
	}
	return nil
}
