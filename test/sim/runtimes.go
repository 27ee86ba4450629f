package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Container runtimes, by what they do about the image that a checkpoint was made from.
const (
	runtimeContainerd = "containerd" // pulls it
	runtimeCRIO       = "cri-o"      // restores only if it is on the Node
)

// What runtimes and CRIU say of a checkpoint image that they do not restore, as read on real nodes.
const (
	saidNoBase    = "reading image %q: locating image with ID %q: image not known"
	saidNoCommand = "failed to generate container spec: no command specified"
	saidOpenFile  = "OCI runtime restore failed: criu failed: type NOTIFY errno 0: Can't open file dev/shm/seg on restore: No such file or directory"
)

// Runtimes restore containers from checkpoint images, or say why not. All VMs have the same, but for those that boot
// without-restore. A pod's volumes of type image are pulled, unless the cluster does not know them.
//
// Not modelled: images that are removed from a Node, and connections.
type Runtimes struct {
	world          *World
	kind           string
	noImageVolumes bool
}

func newRuntimes(w *World) *Runtimes {
	r := &Runtimes{world: w, kind: runtimeContainerd}
	w.command("runtime", r.command)
	return r
}

// command is `runtime containerd|cri-o [image-volumes=off]`: so are the VMs, and so is the cluster, from now on.
func (r *Runtimes) command(c story.Command) (string, error) {
	kinds := []string{runtimeContainerd, runtimeCRIO}
	if len(c.Args) != 1 || !slices.Contains(kinds, c.Args[0]) {
		return "", fmt.Errorf("line %d: runtime %v: name one of %v", c.Line, c.Args, kinds)
	}
	r.kind, r.noImageVolumes = c.Args[0], c.Options["image-volumes"] == "off"
	r.world.API.leaveOut = nil
	if r.noImageVolumes {
		r.world.API.leaveOut = func(v corev1.Volume) bool { return v.Image != nil }
	}
	return "", nil
}

// refusal is why the containers of a pod cannot be made from their images.
type refusal struct {
	message string
	final   bool // the runtime has tried to start one: its pod has failed
}

// create looks whether the containers of a pod can be made on a VM from images that are all there. It notes the images.
func (r *Runtimes) create(g *guest, pod *corev1.Pod) *refusal {
	for _, v := range pod.Spec.Volumes {
		if v.Image != nil && !r.noImageVolumes {
			g.has[normal(v.Image.Reference)] = true
		}
	}
	for _, c := range pod.Spec.Containers {
		content, isCheckpoint := r.world.Images.content[normal(c.Image)]
		switch {
		case !isCheckpoint:
		case g.boots == bootsWithoutRestore:
			return &refusal{message: saidNoCommand}
		case r.kind == runtimeCRIO && content.base != "" && !g.has[content.base]:
			if !r.noImageVolumes {
				r.world.Laws.violate("base-images-are-pulled", "%s is restored on %s, where nothing lets the kubelet pull %s", pod.Name, g.node, content.base)
			}
			return &refusal{message: fmt.Sprintf(saidNoBase, content.base, content.base)}
		case content.refused != "":
			return &refusal{content.refused, true}
		}
	}
	for _, c := range pod.Spec.Containers {
		g.has[normal(c.Image)] = true
	}
	return nil
}

// shown is the image that the status of a running container names: of a restored one, that from which the checkpoint was made.
func (r *Runtimes) shown(image string) string {
	return cmp.Or(r.world.Images.content[normal(image)].base, image)
}

// checkpointed is what an image of a pod's container holds.
func (r *Runtimes) checkpointed(pod *corev1.Pod, container string, progress time.Duration, broken bool) content {
	made := content{progress: progress, broken: broken}
	for _, c := range pod.Spec.Containers {
		if c.Name != container {
			continue
		}
		made.base = normal(c.Image)
		if earlier, isCheckpoint := r.world.Images.content[made.base]; isCheckpoint {
			made.base = earlier.base
		}
		if hasOpenFile(pod, c) {
			made.refused = saidOpenFile
		}
	}
	return made
}

// hasOpenFile tells whether a container has a file open in a volume that is not part of its checkpoint: in stories each has that
// mounts an emptyDir.
func hasOpenFile(pod *corev1.Pod, c corev1.Container) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(mount corev1.VolumeMount) bool {
		return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name && v.EmptyDir != nil })
	})
}

// refuse says of a pod that its containers cannot be made, and tries again, unless that is final.
func (m *Machines) refuse(g *guest, p *program, r *refusal, retry time.Duration) {
	if p.pod.Labels[v1alpha1.LabelJobUID] != "" && !p.refused {
		p.refused = true
		m.world.fault("does-not-restore", "%s: %s", p.pod.Name, r.message)
	}
	if r.final {
		now := m.world.API.timestamp()
		m.write(p.pod, "cannot start: "+r.message, func(pod *corev1.Pod) { setStartError(pod, r.message, now) })
		return
	}
	m.write(p.pod, "cannot create: "+r.message, func(pod *corev1.Pod) { setWaiting(pod, "CreateContainerError", r.message) })
	m.pullAfter(g, p, pullRetries, retry)
}
