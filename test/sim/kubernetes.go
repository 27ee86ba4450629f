package sim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newKubernetes starts the controllers of Kubernetes that the operator counts on: those of Jobs and of Nodes' lives, the
// scheduler, and the garbage collection of pods. They see every change at once and act on it a little later. Not modelled:
// priorities, disruption budgets, daemon sets, any resource other than GPUs, and conflicts of their writes.
func newKubernetes(w *World) {
	jobs := newJobController(w)
	w.scheduler = newScheduler(w)
	for _, see := range []func(Change){jobs.see, w.scheduler.see, newNodeController(w).see, newPodGC(w).see} {
		w.API.Watch(see)
	}
	w.addUnusable()
	w.Clock.AfterFunc(0, w.addControlPlane) // when everybody watches
}

// addControlPlane makes a Node that no pool owns and no training runs on, and that has agents of all DaemonSets.
func (w *World) addControlPlane() {
	node := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "control-plane", Labels: map[string]string{corev1.LabelHostname: "control-plane"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}},
	}
	if _, err := w.API.Create(node); err != nil {
		panic(err) // nobody else makes one of this name
	}
}

// whenUp runs f once d has passed and the API server is there.
func (w *World) whenUp(d time.Duration, f func()) {
	w.Clock.AfterFunc(d, func() {
		if w.isAPIDown() {
			w.whenUp(w.apiUpAt.Sub(w.Clock.Now()), f)
			return
		}
		f()
	})
}

// turns lets the work on a key be done once, a little after it is asked for, however often that is until then.
type turns struct {
	world       *World
	least, most time.Duration
	waiting     map[Key]bool
	work        func(Key)
}

func newTurns(w *World, least, most time.Duration, work func(Key)) *turns {
	return &turns{world: w, least: least, most: most, waiting: map[Key]bool{}, work: work}
}

func (t *turns) ask(k Key) {
	if t.waiting[k] {
		return
	}
	t.waiting[k] = true
	d := t.least + time.Duration(t.world.Random.Int64N(int64(t.most-t.least)+1))
	t.world.whenUp(d, func() {
		delete(t.waiting, k)
		t.work(k)
	})
}
