package sim

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// unusableLasts is how long VMs and pods are kept apart, if a command does not say.
const unusableLasts = 10 * time.Minute

// strangers is the namespace of pods that are none of the operator's. The scheduler looks at them first.
const strangers = "another-team"

// What a kubelet says of a pod that it does not admit since its device plugin has no GPU for it.
const (
	reasonRejected  = "UnexpectedAdmissionError"
	messageRejected = "Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which is unexpected"
)

// addUnusable adds what keeps pods from VMs that are there. Each is over after a time. A command whose Node or Job is not there does nothing.
func (w *World) addUnusable() {
	w.command("cordon", w.Machines.cordonCommand)
	w.command("lose-gpus", w.Machines.loseGPUsCommand)
	w.command("reject", w.Machines.rejectCommand)
	w.command("stranger", w.Machines.strangerCommand)
	w.command("suspend-child", w.suspendChildCommand)
	w.command("quota", w.quotaCommand)
}

// guestOf is the guest that the newest pod of the replica JOB/N of a command is on, or nil, and how long the command's doing lasts.
func (m *Machines) guestOf(c story.Command) (*guest, time.Duration, error) {
	d, err := durationOf(c, "for", unusableLasts)
	if err != nil {
		return nil, 0, err
	}
	pod, err := m.pod(c)
	if err != nil || pod == nil || m.nodes[pod.Spec.NodeName] == nil || m.world.API.Get(Key{Kind: "Node", Name: pod.Spec.NodeName}) == nil {
		return nil, 0, err
	}
	return m.nodes[pod.Spec.NodeName], d, nil
}

// changeNode changes the Node of a guest now, and changes it back after d if it is there still.
func (m *Machines) changeNode(g *guest, d time.Duration, change, back func(*corev1.Node)) error {
	k := Key{Kind: "Node", Name: g.node}
	uid := m.world.API.Get(k).Object.GetUID()
	m.world.whenUp(d, func() {
		_ = m.world.API.Update(k, uid, func(o Object) { back(o.(*corev1.Node)) }) // unless it is gone
	})
	return m.world.API.Update(k, uid, func(o Object) { change(o.(*corev1.Node)) })
}

// cordonCommand is `cordon JOB/N [drain=yes] for=D`: somebody cordons the Node that the replica is on, and evicts its pod.
func (m *Machines) cordonCommand(c story.Command) (string, error) {
	g, d, err := m.guestOf(c)
	if err != nil || g == nil {
		return "", err
	}
	m.world.fault("cordon", "%s for %s", g.node, d)
	err = m.changeNode(g, d, func(n *corev1.Node) { setCordoned(n, true) }, func(n *corev1.Node) { setCordoned(n, false) })
	if err != nil || c.Options["drain"] == "" {
		return "", err
	}
	return m.evictCommand(c)
}

// setCordoned is what kubectl cordon and uncordon do, and what the node controller makes of it.
func setCordoned(n *corev1.Node, on bool) {
	n.Spec.Unschedulable = on
	taint := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	n.Spec.Taints = withoutTaint(n.Spec.Taints, taint)
	if on {
		n.Spec.Taints = append(n.Spec.Taints, taint)
	}
}

func withoutTaint(taints []corev1.Taint, without corev1.Taint) []corev1.Taint {
	var left []corev1.Taint
	for _, t := range taints {
		if !t.MatchTaint(&without) {
			left = append(left, t)
		}
	}
	return left
}

// loseGPUsCommand is `lose-gpus JOB/N for=D`: the device plugin of the Node that the replica is on reports no GPUs. Programs run on.
func (m *Machines) loseGPUsCommand(c story.Command) (string, error) {
	g, d, err := m.guestOf(c)
	if err != nil || g == nil {
		return "", err
	}
	m.world.fault("lose-gpus", "%s for %s", g.node, d)
	return "", m.changeNode(g, d, func(n *corev1.Node) {
		n.Status.Allocatable[resourceGPU] = resource.Quantity{}
	}, func(n *corev1.Node) {
		n.Status.Allocatable[resourceGPU] = n.Status.Capacity[resourceGPU]
	})
}

// rejectCommand is `reject JOB/N for=D`: the kubelet that the replica is on rejects each new pod. Programs run on.
func (m *Machines) rejectCommand(c story.Command) (string, error) {
	g, d, err := m.guestOf(c)
	if err != nil || g == nil {
		return "", err
	}
	m.world.fault("kubelet-rejects", "%s for %s", g.node, d)
	g.rejects = m.world.Clock.Now().Add(d)
	return "", nil
}

// isRejecting tells whether the kubelet of a Node rejects new pods.
func (m *Machines) isRejecting(node string) bool {
	g := m.nodes[node]
	return g != nil && m.world.Clock.Now().Before(g.rejects)
}

// strangerCommand is `stranger for=D`: somebody else runs a pod with a GPU, which tolerates every taint and takes the first Node with
// room for it. It is deleted after that time.
func (m *Machines) strangerCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", unusableLasts)
	if err != nil {
		return "", err
	}
	m.strangers++
	r, err := m.world.API.Create(&corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: strangers, Name: fmt.Sprint("notebook-", m.strangers)},
		Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "notebook", Image: "docker.io/others/notebook:v1", Resources: corev1.ResourceRequirements{
				Limits: corev1.ResourceList{resourceGPU: *resource.NewQuantity(1, resource.DecimalSI)},
			}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	})
	if err != nil {
		return "", err
	}
	m.world.whenUp(d, func() { _ = m.world.API.Delete(r.Key, r.Object.GetUID()) }) // unless it is gone
	return "", nil
}

// suspendChildCommand is `suspend-child JOB/N for=D`: somebody else, such as Kueue, suspends the Job of the replica's newest attempt.
func (w *World) suspendChildCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", unusableLasts)
	if err != nil {
		return "", err
	}
	r, err := w.replica(c)
	if err != nil || r == nil {
		return "", err
	}
	w.fault("suspend-child", "%s for %s", r.Key, d)
	uid := r.Object.GetUID()
	w.whenUp(d, func() { _ = w.setChildSuspended(r.Key, uid, false) }) // unless it is gone
	return "", w.setChildSuspended(r.Key, uid, true)
}

func (w *World) setChildSuspended(k Key, uid types.UID, on bool) error {
	return w.API.Edit(k, uid, func(o Object) { o.(*batchv1.Job).Spec.Suspend = &on })
}
