package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// What the agents do with a checkpoint.
const (
	agentWorks        = "works"         // as it should
	agentHangs        = "hangs"         // the phase stays Checkpointing
	agentFails        = "fails"         // the phase is Failed when the freeze should be done
	agentStalls       = "stalls"        // killed and started again: the phase stays ImageBuilding
	agentForgets      = "forgets"       // Completed, without builtImages
	agentBreaksImages = "breaks-images" // Completed, and no container restores from the images
	agentAbsent       = "absent"        // nobody is there: no phase, no finalizer, none removed
)

// agentModes are all of them.
func agentModes() []string {
	return []string{agentWorks, agentHangs, agentFails, agentStalls, agentForgets, agentBreaksImages, agentAbsent}
}

// backupFinalizer is put on every CheckpointBackup by every agent, and taken off by any.
const backupFinalizer = "checkpointbackup.migration.dcnlab.com/finalizer"

// How soon an agent looks at what changed, and how often it tries again what it could not do. Once nothing else happens,
// it tries ever more rarely.
const (
	agentLooks         = 200 * time.Millisecond
	agentRetries       = 5 * time.Second
	agentRetriesAtMost = 80 * time.Second
)

// Agent stands in for the checkpoint agents: one on each Node whose kubelet reaches the API server. Each acts for the pods
// of its own Node, on one CheckpointBackup at a time. A backup whose pod is missing or not Running when the agent looks is
// never looked at again. A backup whose Node dies, or whose agent is taken away, stays in its phase for ever.
//
// Not modelled: that registry credentials of the first backup are kept, stopPod, and cron: any schedule makes one
// checkpoint, at once.
type Agent struct {
	world    *World
	lives    func(node string) bool          // its kubelet reaches the API server
	progress func(*corev1.Pod) time.Duration // that a pod has behind it

	mode     string
	duration time.Duration // of one container
	behaved  int           // how often that was set

	nodes   map[string]bool             // that are in the API
	seen    map[types.UID]bool          // backups that an agent acted on or passed over
	missed  map[types.UID]bool          // backups that found nobody because of agentAbsent
	waiting map[Key]bool                // backups that nobody could look at yet
	queues  map[string][]*checkpointing // by Node; the first is being worked on
	retry   retry
}

// retry is the timer of the next try.
type retry struct {
	stop  func()
	after time.Duration
}

func newAgent(w *World) *Agent {
	a := &Agent{
		world: w, lives: w.Machines.KubeletLives, progress: w.Machines.Progress, mode: agentWorks, duration: w.Timing.Checkpoint,
		nodes: map[string]bool{}, seen: map[types.UID]bool{}, missed: map[types.UID]bool{}, waiting: map[Key]bool{},
		queues: map[string][]*checkpointing{},
	}
	w.API.Watch(a.see)
	w.command("agent", a.command)
	return a
}

// command is `agent MODE [duration=D] [for=D]`: checkpoints that begin from now on go like this, and take so long per
// container. After for they work again as they should.
func (a *Agent) command(c story.Command) (string, error) {
	if len(c.Args) != 1 || !slices.Contains(agentModes(), c.Args[0]) {
		return "", fmt.Errorf("line %d: agent %v: name one of %s", c.Line, c.Args, strings.Join(agentModes(), ", "))
	}
	takes, err := durationOf(c, "duration", 0)
	if err != nil {
		return "", err
	}
	d, err := durationOf(c, "for", 0)
	if err != nil {
		return "", err
	}
	a.Behave(c.Args[0], takes)
	if d > 0 {
		behaved := a.behaved
		a.world.Clock.AfterFunc(d, func() {
			if a.behaved == behaved {
				a.Behave(agentWorks, 0)
			}
		})
	}
	return "", nil
}

// Behave sets how checkpoints go that begin from now on, and how long one container takes; 0 is the world's own timing.
// Checkpoints that have begun go on as they began, unless nobody is there any more.
func (a *Agent) Behave(mode string, d time.Duration) {
	if d == 0 {
		d = a.world.Timing.Checkpoint
	}
	a.mode, a.duration = mode, d
	a.behaved++
	a.tryAgain(agentLooks)
}

// see notes what changed.
func (a *Agent) see(change Change) {
	r := change.Record()
	switch {
	case r.Kind == "Node" && change.New == nil:
		delete(a.nodes, r.Name)
	case r.Kind == "Node":
		a.nodes[r.Name] = true
		a.tryAgain(agentLooks)
	case r.Kind == "Pod" && change.New == nil:
		a.tryAgain(agentLooks)
	case r.Kind == "CheckpointBackup" && change.New == nil:
		a.forget(r)
	case r.Kind == "CheckpointBackup" && (change.Old == nil || isBeingDeleted(change.New) && !isBeingDeleted(change.Old)):
		a.waiting[r.Key] = true
		a.tryAgain(agentLooks)
	}
}

func isBeingDeleted(r *Record) bool { return r.Object.GetDeletionTimestamp() != nil }

func (a *Agent) forget(r *Record) {
	delete(a.waiting, r.Key)
	delete(a.seen, r.Object.GetUID())
	delete(a.missed, r.Object.GetUID())
}

// tryAgain looks at all that waits once d has passed, or sooner if that was planned.
func (a *Agent) tryAgain(d time.Duration) {
	if len(a.waiting) == 0 {
		return
	}
	if a.retry.stop != nil {
		if a.retry.after <= d {
			return
		}
		a.retry.stop()
	}
	a.retry.after = d
	a.retry.stop = a.world.Clock.AfterFunc(d, func() {
		a.retry.stop = nil
		a.lookAtAll()
		a.tryAgain(min(max(2*d, agentRetries), agentRetriesAtMost))
	})
}

func (a *Agent) lookAtAll() {
	for _, k := range sortedKeys(a.waiting) {
		if a.look(k) {
			delete(a.waiting, k)
		}
	}
}

// isAnywhere reports whether any Node has an agent.
func (a *Agent) isAnywhere() bool {
	if a.mode == agentAbsent || a.world.isAPIDown() {
		return false
	}
	for node := range a.nodes { // any of them: the order does not matter
		if a.lives(node) {
			return true
		}
	}
	return false
}

// look does what is due for one backup, and reports false if that has to wait.
func (a *Agent) look(k Key) (done bool) {
	r := a.world.API.Get(k)
	if r == nil {
		return true
	}
	b := As[*Backup](r)
	if !a.isAnywhere() {
		a.miss(b)
		return false
	}
	if b.DeletionTimestamp != nil {
		a.setFinalizer(b, false)
		return true
	}
	a.setFinalizer(b, true)
	if a.seen[b.UID] || b.Status.Phase != "" {
		return true
	}
	pod := a.pod(b)
	if pod != nil && pod.Spec.NodeName != "" && !a.lives(pod.Spec.NodeName) {
		return false // the agent that it belongs to is not there, and may come back
	}
	a.seen[b.UID] = true
	if pod == nil || pod.Spec.NodeName == "" || pod.Status.Phase != corev1.PodRunning {
		a.world.Tracef("agent passes over %s", b.Name)
		return true
	}
	a.begin(b, pod)
	return true
}

// miss counts a backup that found nobody because nobody is meant to be there.
func (a *Agent) miss(b *Backup) {
	if a.mode == agentAbsent && !a.missed[b.UID] {
		a.missed[b.UID] = true
		a.world.fault("agent-absent", "%s", b.Name)
	}
}

// pod is the pod of a backup, or nil.
func (a *Agent) pod(b *Backup) *corev1.Pod {
	namespace := b.Spec.PodRef.Namespace
	if namespace == "" {
		namespace = b.Namespace
	}
	r := a.world.API.Get(Key{"Pod", namespace, b.Spec.PodRef.Name})
	if r == nil {
		return nil
	}
	return As[*corev1.Pod](r)
}

// setFinalizer adds or removes the agents' finalizer.
func (a *Agent) setFinalizer(b *Backup, wanted bool) {
	_ = a.world.API.Update(keyOf(b), b.UID, func(o Object) { // it was there a moment ago
		rest := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == backupFinalizer })
		if wanted {
			rest = append(rest, backupFinalizer)
		}
		o.SetFinalizers(rest)
	})
}
