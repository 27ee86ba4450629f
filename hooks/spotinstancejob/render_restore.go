package spotinstancejob

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// baseVolume begins the names of the volumes that let the kubelet pull the template's images.
const baseVolume = "checkpoint-base-"

// renderContainers are the template's, with the checkpoint's images if the attempt starts from them. A checkpoint's image is on no
// Node that did not pull it, so Never cannot hold for it. Containers are not restarted in place: they would begin from zero, beside
// a checkpoint.
func renderContainers(from source, template []applycorev1.ContainerApplyConfiguration) []applycorev1.ContainerApplyConfiguration {
	containers := slices.Clone(template)
	for i := range containers {
		c := &containers[i]
		c.RestartPolicy, c.RestartPolicyRules = nil, nil
		image := from.images[*c.Name]
		if image == "" {
			continue
		}
		c.WithImage(image)
		if c.ImagePullPolicy != nil && *c.ImagePullPolicy == corev1.PullNever {
			c.WithImagePullPolicy(corev1.PullIfNotPresent)
		}
	}
	return containers
}

// renderVolumes are the template's and, if the attempt starts from a checkpoint, one of type image for each image that the
// checkpoint was made from. No container mounts it; the kubelet pulls it before the containers are created. CRI-O restores a
// checkpoint only if that image is on the Node, and does not pull it.
//
// An API server or a kubelet without image volumes (feature gate ImageVolume, on by default from Kubernetes 1.35) leaves
// them out and goes on, as does a kubelet that cannot pull the image.
func renderVolumes(o observed, from source) []applycorev1.VolumeApplyConfiguration {
	pod := o.template.apply.Spec.Template.Spec
	volumes := slices.Clone(pod.Volumes)
	if !o.pullsBaseImages() {
		return volumes
	}
	for i, image := range baseImages(pod.Containers, from) {
		name := freeName(fmt.Sprintf("%s%d", baseVolume, i), pod.Volumes)
		volumes = append(volumes, *applycorev1.Volume().WithName(name).WithImage(
			applycorev1.ImageVolumeSource().WithReference(image).WithPullPolicy(corev1.PullIfNotPresent)))
	}
	return volumes
}

// pullsBaseImages is spec.checkpointConfig.pullBaseImages, which is true unless the user says otherwise.
func (o observed) pullsBaseImages() bool {
	pull := o.job.Spec.CheckpointConfig.PullBaseImages
	return pull == nil || *pull
}

// baseImages are the distinct images of the containers that are restored, as the template names them.
func baseImages(containers []applycorev1.ContainerApplyConfiguration, from source) []string {
	var images []string
	for _, c := range containers {
		if from.images[*c.Name] != "" && !slices.Contains(images, *c.Image) {
			images = append(images, *c.Image)
		}
	}
	return images
}

// freeName is a name that no volume of the user has.
func freeName(name string, taken []applycorev1.VolumeApplyConfiguration) string {
	for slices.ContainsFunc(taken, func(v applycorev1.VolumeApplyConfiguration) bool { return v.Name != nil && *v.Name == name }) {
		name += "-x"
	}
	return name
}

// hasBaseVolume tells whether a pod has a volume that lets the kubelet pull an image that its checkpoint was made from.
func hasBaseVolume(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.Image != nil && strings.HasPrefix(v.Name, baseVolume)
	})
}
