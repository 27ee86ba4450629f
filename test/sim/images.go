package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Images is the registry that pods pull from: what training is in which image. An image that nobody pushed is a
// template with no training in it, unless it is in a repository that checkpoints are pushed to: there it does not exist.
type Images struct {
	world        *World
	content      map[string]content // by normal name
	repositories map[string]bool    // that checkpoints are pushed to, by normal name without tag
}

// content is what a container that starts from an image goes on with.
type content struct {
	progress time.Duration
	broken   bool
	base     string // the image that it was made from, by normal name; empty: nobody knows
	refused  string // what a runtime says that cannot start a container from it; empty: it can
}

func newImages(w *World) *Images {
	i := &Images{world: w, content: map[string]content{}, repositories: map[string]bool{}}
	w.command("break-image", i.breakCommand)
	w.command("remove-image", i.removeCommand)
	return i
}

// Content is the training in an image, whether every container that starts from it fails soon, and whether it can be
// pulled at all.
func (i *Images) Content(image string) (progress time.Duration, broken, found bool) {
	image = normal(image)
	c, found := i.content[image]
	return c.progress, c.broken, found || !i.repositories[repository(image)]
}

// Push stores an image, and makes its repository one of checkpoints.
func (i *Images) Push(image string, progress time.Duration, broken bool) {
	i.store(image, content{progress: progress, broken: broken})
}

func (i *Images) store(image string, c content) {
	i.reserve(image)
	i.content[normal(image)] = c
}

// Restores tells whether a container that starts from an image goes on with what it holds, on a VM that restores.
func (i *Images) Restores(image string) bool {
	_, broken, found := i.Content(image)
	return found && !broken && i.content[normal(image)].refused == ""
}

// Break lets every container that starts from this image fail soon, as a restore does that meets another driver. An image
// that does not exist stays so.
func (i *Images) Break(image string) {
	if _, _, found := i.Content(image); found {
		c := i.content[normal(image)]
		c.broken = true
		i.content[normal(image)] = c
	}
}

// Remove takes an image out of its registry: what pulls it waits.
func (i *Images) Remove(image string) {
	delete(i.content, normal(image))
	i.reserve(image)
}

// reserve makes a repository one of checkpoints.
func (i *Images) reserve(image string) { i.repositories[repository(normal(image))] = true }

// breakCommand is `break-image JOB`: the images of the job's newest completed checkpoint break.
func (i *Images) breakCommand(c story.Command) (string, error) { return i.spoil(c, i.Break) }

// removeCommand is `remove-image JOB`: the images of the job's newest completed checkpoint are gone.
func (i *Images) removeCommand(c story.Command) (string, error) { return i.spoil(c, i.Remove) }

// spoil does something to each image of a job's newest completed checkpoint. A job without one is no error.
func (i *Images) spoil(c story.Command, do func(image string)) (string, error) {
	if len(c.Args) != 1 {
		return "", fmt.Errorf("line %d: %s %v: name one job", c.Line, c.Name, c.Args)
	}
	newest := i.newest(c.Args[0])
	if newest == nil {
		return c.Args[0] + " has no completed checkpoint", nil
	}
	for _, container := range newest.Spec.Containers {
		do(newest.image(container))
	}
	i.world.fault(c.Name, "%s of %s", newest.Name, c.Args[0])
	return "", nil
}

// newest is the checkpoint of a job whose images were built last, the last by name of several; nil if there is none.
func (i *Images) newest(job string) *Backup {
	var newest *Backup
	for _, r := range i.world.API.List("CheckpointBackup") {
		b := As[*Backup](r)
		owner := r.owner()
		if owner == nil || owner.Name != job || b.Status.Phase != phaseCompleted || len(b.Status.BuiltImages) == 0 {
			continue
		}
		if newest == nil || !b.builtAt().Before(newest.builtAt()) {
			newest = b
		}
	}
	return newest
}

// builtAt is when the last image was built.
func (b *Backup) builtAt() time.Time {
	var latest time.Time
	for _, image := range b.Status.BuiltImages {
		if image.BuildTime.After(latest) {
			latest = image.BuildTime.Time
		}
	}
	return latest
}

// writtenAt is when an agent last wrote the status.
func (b *Backup) writtenAt() time.Time {
	for _, entry := range b.ManagedFields {
		if entry.Subresource == "status" && entry.Time != nil {
			return entry.Time.Time
		}
	}
	return b.CreationTimestamp.Time
}

// image is the name that a pod pulls the image of a container by. Without a registry it stays on the Node.
func (b *Backup) image(c BackupContainer) string {
	if b.Spec.Registry == nil {
		return "localhost/" + c.Image
	}
	url := strings.TrimPrefix(strings.TrimPrefix(b.Spec.Registry.URL, "https://"), "http://")
	return strings.TrimSuffix(url, "/") + "/" + c.Image
}

// normal is an image name with its registry: docker.io if its first part is no host, as container runtimes read it.
func normal(image string) string {
	first, _, found := strings.Cut(image, "/")
	if !found {
		return "docker.io/library/" + image
	}
	if first == "localhost" || strings.ContainsAny(first, ".:") {
		return image
	}
	return "docker.io/" + image
}

// repository is an image name without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndex(image, "/")
	if colon := strings.LastIndex(image, ":"); colon > slash {
		return image[:colon]
	}
	return image
}
