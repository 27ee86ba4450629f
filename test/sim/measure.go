package sim

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// meter measures what one training job got out of a world, and what its VMs were billed. It looks at programs, images and
// VMs, never at a status.
//
// The job's progress is that of its best replica that runs, or of the best completed checkpoint if that is more. It can
// fall, when that replica is lost and no checkpoint has as much: that is lost work. So at any time
//
//	time passed = progress + lost + stalled
//
// where stalled is the time in which progress did not grow: nothing was trained, or only what a checkpoint had already.
type meter struct {
	world    *World
	saved    map[Key]time.Duration // training in the images of completed checkpoints that exist
	progress time.Duration
	lost     time.Duration
	billed   map[string]time.Duration // by zone, of VMs that do not run any more
	running  map[string]time.Time     // since when, by ID of the VM
	saves    int                      // checkpoints that completed
	looked   time.Time
}

func newMeter(w *World) *meter {
	m := &meter{world: w, saved: map[Key]time.Duration{}, billed: map[string]time.Duration{}, running: map[string]time.Time{}}
	w.API.Watch(m.see)
	w.GCE.Subscribe(m.handle)
	return m
}

// see keeps account of checkpoints.
func (m *meter) see(change Change) {
	k := change.Record().Key
	if k.Kind != "CheckpointBackup" {
		return
	}
	if change.New == nil {
		delete(m.saved, k)
		return
	}
	backup := As[*Backup](change.New)
	if backup.Status.Phase != phaseCompleted || len(backup.Status.BuiltImages) == 0 {
		return
	}
	if _, known := m.saved[k]; !known {
		m.saves++
	}
	content, broken, found := m.world.Images.Content(backup.image(backup.Spec.Containers[0]))
	if found && !broken {
		m.saved[k] = content
	}
}

// handle keeps account of VMs. GCE bills a VM while it is RUNNING, its notice included.
func (m *meter) handle(event gcefake.Event) {
	since, runs := m.running[event.VM.ID]
	switch {
	case event.Kind == gcefake.Running:
		m.running[event.VM.ID] = event.Time
	case runs && event.Kind != gcefake.Notice:
		m.billed[event.VM.Zone] += event.Time.Sub(since)
		delete(m.running, event.VM.ID)
	}
}

// look is called after every step of the world.
func (m *meter) look() {
	now, best := m.world.Clock.Now(), time.Duration(0)
	for _, p := range m.world.Machines.programs { // the most of them: the order does not matter
		switch {
		case p.isRunning():
			best = max(best, p.progress(now))
		case p.ended.After(m.looked): // it counts up to its end
			m.progress = max(m.progress, p.progress(now))
		}
	}
	for _, saved := range m.saved {
		best = max(best, saved)
	}
	m.lost += max(0, m.progress-best)
	m.progress, m.looked = best, now
}

// bill is the time that VMs were billed for, by zone, those that run still included.
func (m *meter) bill() map[string]time.Duration {
	bill := map[string]time.Duration{}
	for zone, d := range m.billed {
		bill[zone] += d
	}
	for _, vm := range m.world.GCE.Instances() {
		if since, runs := m.running[vm.ID]; runs {
			bill[vm.Zone] += m.world.Clock.Now().Sub(since)
		}
	}
	return bill
}
