package sim

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Annotations of a pod that say what its program does, as in the lab. Times are seconds, fractions allowed. Without them a
// program runs until it is told to end.
const (
	annotationTrainSeconds = "lab.training.dcnlab.com/train-seconds" // of training that it needs, restored included: then it exits 0
	annotationFailAfter    = "lab.training.dcnlab.com/fail-after"    // from its start: then it exits 1
	annotationSIGTERM      = "lab.training.dcnlab.com/sigterm"       // exit0: it catches SIGTERM; ignored: it runs on; others exit 143
)

const (
	exitSIGTERM  = 128 + 15
	exitSIGKILL  = 128 + 9
	savesEvery   = time.Minute     // a program that saves itself, besides when it is told to end
	sigtermTakes = time.Second     // to the end of a program
	breaksAfter  = 2 * time.Second // of a program that was restored from a broken image
	keepPast     = 6 * time.Hour   // programs of pods that are gone
)

// program is what a pod trains.
type program struct {
	pod      *corev1.Pod // as it was when its kubelet took it on
	pulling  bool
	refused  bool // by the runtime, at least once
	restored time.Duration
	broken   bool          // it was restored from an image that lets it fail
	started  time.Time     // zero: not yet
	frozenAt time.Time     // zero: it is not
	stood    time.Duration // still, in earlier freezes
	ended    time.Time     // zero: not yet
	exit     int32
	shutDown bool   // it got SIGTERM because its Node shuts down
	told     bool   // it got SIGTERM
	stop     func() // its end, as planned
	endsAt   time.Time
	planned  int32 // exit code
}

func (p *program) isRunning() bool { return !p.started.IsZero() && p.ended.IsZero() }

// progress is the training that lies behind it.
func (p *program) progress(now time.Time) time.Duration {
	switch {
	case p.started.IsZero():
		return 0
	case !p.ended.IsZero():
		now = p.ended
	}
	if !p.frozenAt.IsZero() {
		now = p.frozenAt
	}
	return p.restored + now.Sub(p.started) - p.stood
}

// Freeze lets a pod's program stand still for a time, as a checkpoint does.
func (m *Machines) Freeze(pod *corev1.Pod, d time.Duration) {
	p := m.programs[pod.UID]
	if d == 0 || p == nil || !p.isRunning() || !p.frozenAt.IsZero() {
		return
	}
	p.frozenAt = m.world.Clock.Now()
	if p.stop != nil {
		m.endAfter(p, p.endsAt.Sub(p.frozenAt)+d, p.planned)
	}
	m.world.Clock.AfterFunc(d, func() {
		if p.isRunning() {
			p.frozenAt, p.stood = time.Time{}, p.stood+d
		}
	})
}

// start lets a program run from its image until it ends by itself.
func (m *Machines) start(p *program) {
	now := m.world.Clock.Now()
	restored, broken, _ := m.world.Images.Content(p.pod.Spec.Containers[0].Image)
	if savesItself(p.pod) {
		m.world.Laws.programStarted(p.pod)
		restored = m.saved[replicaKey(p.pod)]
	}
	p.restored, p.broken, p.started = restored, broken, now
	m.world.Tracef("train %s from %s", p.pod.Name, restored)
	if broken {
		m.endAfter(p, breaksAfter, 1)
		return
	}
	needed, ends := seconds(p.pod, annotationTrainSeconds)
	after, fails := seconds(p.pod, annotationFailAfter)
	switch {
	case fails && (!ends || after < needed-restored):
		m.endAfter(p, after, 1)
	case ends:
		m.endAfter(p, needed-restored, 0)
	}
}

// endAfter plans the end of a program, in place of what was planned before.
func (m *Machines) endAfter(p *program, d time.Duration, exit int32) {
	if p.stop != nil {
		p.stop()
	}
	p.endsAt, p.planned = m.world.Clock.Now().Add(d), exit
	p.stop = m.world.Clock.AfterFunc(d, func() { m.end(p, exit) })
}

// end is the end of a program. Its kubelet says so if it can.
func (m *Machines) end(p *program, exit int32) {
	if !p.isRunning() {
		return
	}
	g := m.nodes[p.pod.Spec.NodeName]
	m.world.Laws.programEnded(p.pod, int(exit), !p.told && !p.broken && g != nil && !g.shutsDown)
	m.halt(p)
	if p.told && exit != exitSIGKILL {
		m.save(p, p.progress(p.ended))
	}
	p.exit = exit
	m.world.Tracef("program of %s exits %d", p.pod.Name, exit)
	m.turns.ask(keyOf(p.pod))
}

// halt ends a program without a word, as the loss of power does.
func (m *Machines) halt(p *program) {
	if p.stop != nil {
		p.stop()
	}
	if p.isRunning() {
		p.ended = m.world.Clock.Now()
		m.save(p, p.progress(p.ended).Truncate(savesEvery))
	}
}

// save keeps the training of a program that saves itself.
func (m *Machines) save(p *program, progress time.Duration) {
	if k := replicaKey(p.pod); savesItself(p.pod) {
		m.saved[k] = max(m.saved[k], progress)
	}
}

func savesItself(pod *corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationSavesItself] == "true"
}

// replicaKey names the replica of a training job that a pod is an attempt of.
func replicaKey(pod *corev1.Pod) string {
	return pod.Labels[v1alpha1.LabelJobUID] + "/" + pod.Labels[v1alpha1.LabelReplica]
}

// terminate sends SIGTERM, once.
func (m *Machines) terminate(p *program, shutDown bool) {
	if p.told {
		return
	}
	p.told, p.shutDown = true, shutDown
	switch p.pod.Annotations[annotationSIGTERM] {
	case "exit0":
		m.endAfter(p, sigtermTakes, 0)
	case "ignored":
		m.endAfter(p, gracePeriod(p.pod), exitSIGKILL)
	default:
		m.endAfter(p, sigtermTakes, exitSIGTERM)
	}
}

// gracePeriod is how long a pod has from SIGTERM to SIGKILL.
func gracePeriod(pod *corev1.Pod) time.Duration {
	if seconds := pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return 30 * time.Second
}

// Progress is the training that a pod has behind it: what its image restored and what it trained since, to the moment. It
// stands still once the program has ended, is zero before it starts, and is known for some hours after the pod is gone.
func (m *Machines) Progress(pod *corev1.Pod) time.Duration {
	p := m.programs[pod.UID]
	if p == nil {
		return 0
	}
	return p.progress(m.world.Clock.Now())
}

// past is a program whose pod is gone.
type past struct {
	uid types.UID
	at  time.Time
}

// bury notes that a pod is gone, and forgets those that have been for long.
func (m *Machines) bury(pod *corev1.Pod) {
	p, now := m.programs[pod.UID], m.world.Clock.Now()
	if p == nil {
		return
	}
	m.halt(p)
	m.past = append(m.past, past{pod.UID, now})
	for len(m.past) > 0 && now.Sub(m.past[0].at) > keepPast {
		delete(m.programs, m.past[0].uid)
		m.past = m.past[1:]
	}
}

// seconds reads a duration in seconds from an annotation. One that does not parse counts as absent.
func seconds(pod *corev1.Pod, annotation string) (time.Duration, bool) {
	value, err := strconv.ParseFloat(pod.Annotations[annotation], 64)
	return time.Duration(value * float64(time.Second)), err == nil
}
