package story

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Change is something that was seen to happen: one of its first four fields says to what.
type Change struct {
	Job        *v1alpha1.SpotInstanceJob
	Child      *batchv1.Job
	Checkpoint *Checkpoint
	VM         *gcefake.Event

	Leaving bool // somebody has deleted the object
	At      time.Time
	Version int64 // orders changes that have one better than At does; 0: none
}

// Milestone is a change by the name that stories call it by. It can happen several times.
//
//	vm-requested:POOL  vm-requested:POOL/N  vm-requested:zone-Z  vm-running:POOL/N  vm-stopping:POOL  vm-gone:POOL/N
//	job-created:JOB/R.A  job-dropped:JOB/R.A            the Job of attempt A of replica R
//	job-created-from:template|checkpoint|broken-image
//	checkpoint-asked:REASON  checkpoint-completed:REASON  reasons are scheduled, preemption and suspend
//	phase:JOB:PHASE
type Milestone struct {
	Name    string
	At      time.Time
	Version int64
}

// before compares two milestones as well as the world can.
func (m Milestone) before(o Milestone) bool {
	if m.Version != 0 && o.Version != 0 {
		return m.Version < o.Version
	}
	return m.At.Before(o.At)
}

// milestones are those that were reached so far, in order for each object.
func (v viewer) milestones() []Milestone {
	h := historian{viewer: v, was: map[string]string{}}
	for _, c := range v.Past() {
		switch {
		case c.VM != nil:
			h.vm(c)
		case c.Child != nil && c.Leaving:
			h.once(c, c.Child.Name, "job-dropped:"+shortChild(c.Child))
		case c.Child != nil:
			h.once(c, c.Child.Name, "job-created:"+shortChild(c.Child))
			h.once(c, c.Child.Name, "job-created-from:"+h.kindOf(imageOf(c.Child)))
		case c.Checkpoint != nil && !c.Leaving:
			h.once(c, c.Checkpoint.Name, "checkpoint-asked:"+c.Checkpoint.Reason)
			if c.Checkpoint.Phase == completed {
				h.once(c, c.Checkpoint.Name, "checkpoint-completed:"+c.Checkpoint.Reason)
			}
		case c.Job != nil && h.was[c.Job.Name] != string(c.Job.Status.Phase):
			h.was[c.Job.Name] = string(c.Job.Status.Phase)
			h.note(c, "phase:"+c.Job.Name+":"+string(c.Job.Status.Phase))
		}
	}
	return h.told
}

// historian turns changes into milestones.
type historian struct {
	viewer
	told []Milestone
	was  map[string]string // phase by job, and what was told of an object
}

func (h *historian) note(c Change, name string) {
	h.told = append(h.told, Milestone{Name: name, At: c.At, Version: c.Version})
}

// once notes what is true of an object for the rest of its life.
func (h *historian) once(c Change, object, name string) {
	if key := object + " " + name; h.was[key] == "" {
		h.was[key] = name
		h.note(c, name)
	}
}

func (h *historian) vm(c Change) {
	word := map[gcefake.EventKind]string{
		gcefake.Created: "vm-requested:", gcefake.Running: "vm-running:", gcefake.Stopping: "vm-stopping:", gcefake.Gone: "vm-gone:",
	}[c.VM.Kind]
	if word == "" {
		return
	}
	name := shortVM(c.VM.VM.Name)
	h.note(c, word+name)
	h.note(c, word+poolOfVM(name))
	h.note(c, word+"zone-"+h.Place().ShortZone(c.VM.VM.Zone))
}

// checkpointsOf are the newest states of all checkpoints that ever were, oldest first.
func checkpointsOf(changes []Change) []Checkpoint {
	var all []Checkpoint
	for _, c := range changes {
		if c.Checkpoint == nil {
			continue
		}
		i := slices.IndexFunc(all, func(known Checkpoint) bool { return known.Name == c.Checkpoint.Name })
		if i < 0 {
			all = append(all, *c.Checkpoint)
			continue
		}
		all[i] = *c.Checkpoint
	}
	return all
}

// count is how often a milestone was reached.
func count(told []Milestone, name string) int {
	n := 0
	for _, m := range told {
		if m.Name == name {
			n++
		}
	}
	return n
}

// first is when a milestone was first reached.
func first(told []Milestone, name string) (Milestone, bool) {
	var found []Milestone
	for _, m := range told {
		if m.Name == name {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return Milestone{}, false
	}
	return slices.MinFunc(found, func(a, b Milestone) int { return cmp.Or(cmp.Compare(a.Version, b.Version), a.At.Compare(b.At)) }), true
}
