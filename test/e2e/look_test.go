package e2e

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// stepPatience is how long one step of a story may take before it is given up. It is generous, because the machine is busy.
const stepPatience = 4 * time.Minute

// A check is made every glance if the recorder has recorded anything since the last one, else every gaze, for what it does not record:
// how far programs are, what the registry holds. Twenty checks a second for each of three stories kept a third of a core busy, which
// kubelets and runtimes of real nodes need.
const (
	glance = 50 * time.Millisecond
	gaze   = 250 * time.Millisecond
)

// Place is as story.Scene says, which scene is.
func (s *scene) Place() story.Place {
	return story.Place{Namespace: s.namespace, Project: s.namespace, Zones: s.zones}
}

// Now is as story.Scene says.
func (s *scene) Now() story.Snapshot {
	now := story.Snapshot{
		Jobs: typedAll[v1alpha1.SpotInstanceJob](s, jobs), Pools: typedAll[v1alpha1.SpotInstanceVM](s, pools),
		Children: typedAll[batchv1.Job](s, childJobs), Pods: typedAll[corev1.Pod](s, pods),
		Nodes: s.nodes(), Brought: s.brought(), VMs: s.vms(), Operations: s.operations(),
	}
	for _, backup := range typedAll[checkpoint](s, backups) {
		now.Checkpoints = append(now.Checkpoints, *backup.seen(false))
	}
	return now
}

// operations are those in flight on VMs that the story ever had.
func (s *scene) operations() []gce.Operation {
	var own []gce.Operation
	for _, op := range lab.GCE().OperationsInFlight() {
		if s.everHad(op.Target) {
			own = append(own, op)
		}
	}
	return own
}

// everHad reports whether the story's project ever had a VM of this name.
func (s *scene) everHad(vm string) bool {
	for _, event := range s.requested() {
		if event.VM.Name == vm {
			return true
		}
	}
	return false
}

// Past is as story.Scene says. What was read once is not read again.
func (s *scene) Past() []story.Change {
	changes, read := recorded.since(s.namespace, s.read)
	s.read = read
	for _, c := range changes {
		s.past = append(s.past, c.told())
	}
	events := recorded.machines(s.namespace)
	for i := range events[s.readVMs:] {
		event := events[s.readVMs+i]
		s.past = append(s.past, story.Change{VM: &event, At: event.Time})
	}
	s.readVMs = len(events)
	return s.past
}

// told is a change of what stories look at. Other kinds are a change of nothing.
func (c change) told() story.Change {
	told := story.Change{Leaving: c.leaving(), At: c.seen, Version: c.version}
	switch c.kind {
	case jobs.name:
		told.Job = new(typed[v1alpha1.SpotInstanceJob](c.object))
	case childJobs.name:
		told.Child = new(typed[batchv1.Job](c.object))
	case backups.name:
		told.Checkpoint = typed[checkpoint](c.object).seen(c.gone)
	}
	return told
}

// Content is as story.Scene says.
func (s *scene) Content(image string) (progress time.Duration, broken, found bool) {
	progress, err := lab.Trained(image)
	if err != nil && *realNodes {
		s.Logf("content of %s: %v", image, err)
	}
	return progress, s.broken[image], err == nil
}

// Await is as story.Scene says.
func (s *scene) Await(check func() error) error {
	look, stop := s.looks(check)
	defer stop()
	for end := time.Now().Add(stepPatience); ; {
		err := look()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// Throughout is as story.Scene says.
func (s *scene) Throughout(d time.Duration, check func() error) error {
	look, stop := s.looks(check)
	defer stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := look(); err != nil {
			return fmt.Errorf("it did not stay so: %w", err)
		}
	}
	return nil
}

// looks returns a check that waits until it is time for it, and what ends the waiting.
func (s *scene) looks(check func() error) (look func() error, stop func()) {
	ticker := time.NewTicker(glance)
	var (
		last time.Time
		seen int
	)
	return func() error {
		for time.Since(last) < glance || seen == recorded.length() && time.Since(last) < gaze {
			<-ticker.C
		}
		seen, last = recorded.length(), time.Now()
		return check()
	}, ticker.Stop
}
