package sim

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

const (
	pollInterval    = 10 * time.Second // of the pool hook, while a VM exists that no node agent watches
	watchedInterval = time.Minute      // and else
	restInterval    = 5 * time.Minute  // of a pool at rest
)

// sleeper lets pools at rest rest: those whose VMs are all wanted and ready, and whose status the hook just left as it was.
// The hook wants to look at GCE again after 10 or 60 s, and would find the same unless GCE did something. So the sleeper makes
// that 5 minutes, and when GCE does something to a VM it lets the hook look when it would have: at the end of the time that
// is running then. Events of the API lead to a sync at once, as ever.
//
// What is lost: what a pool does because time has passed and nothing else has happened is up to 5 minutes late. For a pool
// at rest that is the end of a VM's run limit, and the look for VMs that nobody knows of.
type sleeper struct {
	world    *World
	sleeping map[Key]nap // pools
}

// nap is since when a pool sleeps, and how often it would have been looked at.
type nap struct {
	since time.Time
	every time.Duration
}

// letSleep lets all pools of a world sleep from now on.
func letSleep(w *World) {
	if w.Meta.sleeper == nil {
		w.Meta.sleeper = &sleeper{world: w, sleeping: map[Key]nap{}}
		w.GCE.Subscribe(w.Meta.sleeper.wake)
	}
}

// sleepCommand is `let-pools-sleep`: see sleeper.
func (w *World) sleepCommand(story.Command) (string, error) {
	letSleep(w)
	return "", nil
}

// resync is when a parent is synced again at the latest, after this answer. It is zero if the hook did not ask for that.
func (s *sleeper) resync(k Key, a answer) time.Duration {
	after := time.Duration(a.ResyncAfterSeconds * float64(time.Second))
	if s == nil {
		return after
	}
	delete(s.sleeping, k)
	if after != pollInterval && after != watchedInterval || !s.rests(k, a) {
		return after
	}
	s.sleeping[k] = nap{since: s.world.Clock.Now(), every: after}
	return restInterval
}

// rests tells whether an answer is that of a pool at rest.
func (s *sleeper) rests(k Key, a answer) bool {
	r := s.world.API.Get(k)
	if r == nil || k.Kind != "SpotInstanceVM" {
		return false
	}
	var status v1alpha1.SpotInstanceVMStatus
	mustDecode(a.Status, &status)
	status.ObservedGeneration = r.Object.GetGeneration()
	if !equality.Semantic.DeepEqual(status, As[*v1alpha1.SpotInstanceVM](r).Status) {
		return false
	}
	for _, entry := range status.ProvisionedInstances {
		if entry.State != v1alpha1.InstanceReady {
			return false
		}
	}
	return int(status.DesiredReplicas) == len(status.ProvisionedInstances)
}

// wake lets the hook look at what GCE did when it would have without its nap.
func (s *sleeper) wake(gcefake.Event) {
	for _, k := range sortedKeys(s.sleeping) {
		slept := s.sleeping[k]
		delete(s.sleeping, k)
		s.controller().queue.addAfter(k, slept.every-s.world.Clock.Now().Sub(slept.since)%slept.every)
	}
}

// controller is that of pools.
func (s *sleeper) controller() *controller {
	for _, c := range s.world.Meta.controllers {
		if c.parentKind == "SpotInstanceVM" {
			return c
		}
	}
	panic("no CompositeController of pools") // the manifests of this module
}
