package sim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How often a kubelet tries again to pull an image that is not there: twice as long after each time.
const (
	pullRetries       = 10 * time.Second
	pullRetriesAtMost = 5 * time.Minute
)

// see lets kubelets look at what concerns them: pods that were bound to their Node or are being deleted.
func (m *Machines) see(change Change) {
	r := change.Record()
	switch {
	case r.Kind == "Node" && change.New == nil:
		if g := m.nodes[r.Name]; g != nil && g.off {
			delete(m.nodes, r.Name)
		}
	case r.Kind == "Pod" && change.New == nil:
		m.bury(As[*corev1.Pod](r))
	case r.Kind == "Pod":
		pod := As[*corev1.Pod](r)
		isNews := change.Old == nil || As[*corev1.Pod](change.Old).Spec.NodeName == "" || pod.DeletionTimestamp != nil && !isForceDeleted(pod)
		if pod.Spec.NodeName != "" && isNews && m.KubeletLives(pod.Spec.NodeName) {
			m.turns.ask(r.Key)
		}
	}
}

// syncPod does what is due for a pod, if its kubelet can.
func (m *Machines) syncPod(k Key) {
	r := m.world.API.Get(k)
	if r == nil {
		return
	}
	pod := As[*corev1.Pod](r)
	g := m.nodes[pod.Spec.NodeName]
	if g == nil || !g.reaches() {
		return
	}
	p := m.programs[pod.UID]
	if p == nil {
		p = &program{pod: pod}
		m.programs[pod.UID] = p
	}
	switch {
	case isTerminal(pod):
		if pod.DeletionTimestamp != nil {
			m.world.forceDelete(pod)
		}
	case !p.ended.IsZero():
		m.write(pod, "ended", func(pod *corev1.Pod) { m.setEnded(pod, p) })
	case p.isRunning():
		m.syncRunning(g, p, pod)
	case g.shutsDown:
		m.write(pod, "rejected", setRejected("NodeShutdown", "Pod was rejected as the node is shutting down."))
	case pod.DeletionTimestamp != nil:
		m.write(pod, "never started", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed })
	case !p.pulling && m.isRejecting(g.node):
		m.write(pod, "rejected", setRejected(reasonRejected, messageRejected))
	case !p.pulling:
		p.pulling = true
		m.pullAfter(g, p, m.world.Timing.Pull, pullRetries)
	}
}

// syncRunning tells of a program that runs, and tells it to end if its pod is being deleted.
func (m *Machines) syncRunning(g *guest, p *program, pod *corev1.Pod) {
	now := m.world.API.timestamp()
	switch {
	case pod.Status.Phase != corev1.PodRunning:
		m.write(pod, "running", func(pod *corev1.Pod) { setRunning(pod, m.world.Runtimes.shown, second(p.started), now) })
	case !isReady(pod) && !g.shutsDown:
		m.write(pod, "ready again", func(pod *corev1.Pod) { setPodReady(pod, corev1.ConditionTrue, "", now) })
	}
	if pod.DeletionTimestamp != nil {
		m.terminate(p, false)
	}
}

// pullAfter starts a program once its images are there.
func (m *Machines) pullAfter(g *guest, p *program, d, retry time.Duration) {
	m.world.whenUp(d, func() {
		r := m.world.API.Get(keyOf(p.pod))
		isOver := r == nil || r.Object.GetUID() != p.pod.UID || isBeingDeleted(r) || isTerminal(As[*corev1.Pod](r))
		switch missing := m.missing(p.pod); {
		case isOver || g.off || g.shutsDown:
		case g.cutOff:
			m.pullAfter(g, p, pullRetries, retry)
		case missing != "":
			m.write(p.pod, "cannot pull "+missing, func(pod *corev1.Pod) { setWaiting(pod, "ImagePullBackOff", notFound(missing)) })
			m.pullAfter(g, p, retry, min(2*retry, pullRetriesAtMost))
		default:
			if refusal := m.world.Runtimes.create(g, p.pod); refusal != nil {
				m.refuse(g, p, refusal, retry)
				return
			}
			m.start(p)
			m.syncPod(r.Key)
		}
	})
}

// missing is an image of a pod that cannot be pulled, or empty.
func (m *Machines) missing(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if _, _, found := m.world.Images.Content(c.Image); !found {
			return c.Image
		}
	}
	return ""
}

// setEnded writes how a program ended.
func (m *Machines) setEnded(pod *corev1.Pod, p *program) {
	setEnded(pod, p.exit, second(p.started), second(p.ended))
	setPodReady(pod, corev1.ConditionFalse, "PodCompleted", m.world.API.timestamp())
	if !p.shutDown {
		return
	}
	pod.Status.Reason, pod.Status.Message = "Terminated", "Pod was terminated in response to imminent node shutdown."
	m.world.disrupted(pod, corev1.PodReasonTerminationByKubelet, pod.Status.Message)
}

// write writes a pod's status, and looks once more at one that is being deleted.
func (m *Machines) write(pod *corev1.Pod, what string, change func(*corev1.Pod)) {
	m.world.Tracef("kubelet %s %s", pod.Name, what)
	_ = m.world.API.Update(keyOf(pod), pod.UID, func(o Object) { change(o.(*corev1.Pod)) }) // it was found just now
}

// second is a moment as objects have it.
func second(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
