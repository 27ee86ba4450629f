package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// scene is what the commands that only look see of a World. It is a story.Scene.
type scene struct {
	world *World
	past  []story.Change
	noted map[Key]Object // as note-status saw it
}

// addScene adds the commands that only look, and those that act on what only stories name.
func (w *World) addScene() {
	s := &scene{world: w, noted: map[Key]Object{}}
	w.API.Watch(s.see)
	w.GCE.Subscribe(func(e gcefake.Event) { s.note(story.Change{VM: &e}) })
	for _, name := range story.Looks() {
		w.command(name, func(c story.Command) (string, error) { return story.Look(s, c) })
	}
	w.command("lose-vm", s.loseCommand)
	w.command("note-status", s.noteCommand)
	w.command("put-back-status", s.putBackCommand)
}

// see notes what stories ask about.
func (s *scene) see(change Change) {
	r := change.Record()
	c := story.Change{Leaving: change.New == nil || isBeingDeleted(r)}
	switch o := r.Object.(type) {
	case *v1alpha1.SpotInstanceJob:
		c.Job = o
	case *batchv1.Job:
		c.Child = o
	case *Backup:
		c.Checkpoint = checkpointOf(o, change.New == nil)
	default:
		return
	}
	s.note(c)
}

func (s *scene) note(c story.Change) {
	c.At, c.Version = s.world.Clock.Now(), int64(len(s.past)+1)
	s.past = append(s.past, c)
}

func checkpointOf(b *Backup, gone bool) *story.Checkpoint {
	c := &story.Checkpoint{
		Name: b.Name, Reason: b.Annotations[story.AnnotationReason], Replica: b.Labels[v1alpha1.LabelReplica], Child: b.Spec.ResourceRef.Name,
		Phase: b.Status.Phase, Leaving: gone || b.DeletionTimestamp != nil,
	}
	for _, owner := range b.OwnerReferences {
		c.Owner = owner.Name
	}
	for _, container := range b.Spec.Containers {
		c.Image = b.image(container)
	}
	return c
}

// Place is as story.Scene says.
func (s *scene) Place() story.Place { return place() }

// Now is as story.Scene says.
func (s *scene) Now() story.Snapshot {
	now := story.Snapshot{VMs: s.world.GCE.Instances(), Operations: s.world.GCE.OperationsInFlight()}
	for _, job := range list[*v1alpha1.SpotInstanceJob](s.world, "SpotInstanceJob") {
		now.Jobs = append(now.Jobs, *job)
	}
	for _, pool := range list[*v1alpha1.SpotInstanceVM](s.world, "SpotInstanceVM") {
		now.Pools = append(now.Pools, *pool)
	}
	for _, child := range list[*batchv1.Job](s.world, "Job") {
		now.Children = append(now.Children, *child)
	}
	for _, backup := range list[*Backup](s.world, "CheckpointBackup") {
		now.Checkpoints = append(now.Checkpoints, *checkpointOf(backup, false))
	}
	for _, pod := range list[*corev1.Pod](s.world, "Pod") {
		now.Pods = append(now.Pods, *pod)
	}
	for _, node := range list[*corev1.Node](s.world, "Node") {
		switch {
		case node.Labels[v1alpha1.LabelPoolUID] != "":
			now.Nodes = append(now.Nodes, *node)
		case node.Labels[v1alpha1.LabelPool] != "":
			now.Brought = append(now.Brought, *node)
		}
	}
	return now
}

func list[T Object](w *World, kind string) []T {
	var all []T
	for _, r := range w.API.List(kind) {
		all = append(all, As[T](r))
	}
	return all
}

// Past is as story.Scene says.
func (s *scene) Past() []story.Change { return s.past }

// Content is as story.Scene says.
func (s *scene) Content(image string) (progress time.Duration, broken, found bool) {
	return s.world.Images.Content(image)
}

// Await is as story.Scene says.
func (s *scene) Await(check func() error) error { return s.world.Until(patience, check) }

// Throughout is as story.Scene says.
func (s *scene) Throughout(d time.Duration, check func() error) error {
	end := s.world.Clock.Now().Add(d)
	for {
		if err := errors.Join(check(), s.world.Laws.Broken()); err != nil {
			return err
		}
		if at, exists := s.world.Clock.Next(); !exists || at.After(end) {
			s.world.Clock.Jump(end)
			return nil
		}
		s.world.Step()
	}
}

// loseCommand is `lose-vm POOL/N`: this VM is gone, without a word.
func (s *scene) loseCommand(c story.Command) (string, error) {
	vm := s.Now().VMNamed(strings.Join(c.Args, " "))
	if vm == nil {
		return "", fmt.Errorf("there is no VM %v", c.Args)
	}
	s.world.fault("crash", "%s", vm.Name)
	return "", s.world.GCE.Crash(vm.Name)
}

// noteCommand is `note-status job|pool NAME`.
func (s *scene) noteCommand(c story.Command) (string, error) {
	k, err := parentOf(c)
	if err != nil || s.world.API.Get(k) == nil {
		return "", errors.Join(err, fmt.Errorf("there is no %v", c.Args))
	}
	s.noted[k] = s.world.API.Get(k).Object
	return "", nil
}

// putBackCommand is `put-back-status job|pool NAME`: the noted status is written back, and the object is touched.
func (s *scene) putBackCommand(c story.Command) (string, error) {
	k, err := parentOf(c)
	if err != nil || s.noted[k] == nil {
		return "", errors.Join(err, fmt.Errorf("nobody noted the status of %v", c.Args))
	}
	s.world.fault("status-rollback", "%s", k)
	return "", s.world.API.Update(k, "", func(o Object) {
		setStatus(o, s.noted[k])
		o.SetAnnotations(map[string]string{"story": "touched"})
	})
}

// parentOf reads job NAME or pool NAME.
func parentOf(c story.Command) (Key, error) {
	kinds := map[string]string{"job": "SpotInstanceJob", "pool": "SpotInstanceVM"}
	if len(c.Args) != 2 || kinds[c.Args[0]] == "" {
		return Key{}, fmt.Errorf("line %d: write %s job NAME, or %s pool NAME", c.Line, c.Name, c.Name)
	}
	return Key{kinds[c.Args[0]], Namespace, c.Args[1]}, nil
}
