package cluster

import (
	"strings"
	"sync"
	"time"
)

// Images is the registry that pods pull from: what training is in which image. An image that nobody pushed is a
// template with no training in it, unless it is in a repository that checkpoints are pushed to: there it does not exist.
type Images struct {
	mu           sync.Mutex
	content      map[string]content // by normal name
	repositories map[string]bool    // that checkpoints are pushed to, by normal name without tag
}

// content is what a container that starts from an image goes on with.
type content struct {
	progress time.Duration
	broken   bool
}

func newImages() *Images {
	return &Images{content: map[string]content{}, repositories: map[string]bool{}}
}

// Progress is the training in an image, and whether it can be pulled.
func (i *Images) Progress(image string) (progress time.Duration, found bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	image = normal(image)
	c, found := i.content[image]
	return c.progress, found || !i.repositories[repository(image)]
}

// Break lets every container that starts from this image fail within a second or two, as a restore does that meets
// another driver.
func (i *Images) Break(image string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.content[normal(image)]
	c.broken = true
	i.content[normal(image)] = c
}

// Remove takes an image out of its registry: what pulls it waits.
func (i *Images) Remove(image string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.content, normal(image))
	i.repositories[repository(normal(image))] = true
}

func (i *Images) isBroken(image string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.content[normal(image)].broken
}

// reserve makes a repository one of checkpoints.
func (i *Images) reserve(image string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.repositories[repository(normal(image))] = true
}

func (i *Images) push(image string, c content) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.content[normal(image)] = c
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
