package sim

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// lookEvery is how often the laws look who can use which VM, and why replicas wait.
const lookEvery = 30 * time.Second

// demandPast is what the laws saw of replicas and VMs that do not meet.
type demandPast struct {
	looked time.Time
	idle   map[types.UID]time.Time // since when the replica of a Job can use no VM, by the Job's UID
	broken map[string]time.Time    // when a Node was last seen that takes no pod, by name
	beside map[types.UID]time.Time // when a VM of a pool was last seen free beside a pod that does not fit there, by the pool's UID
	lost   time.Time               // when GCE last refused a VM, or took one back

	vms   []gcefake.VM // of all pools, as they were
	vmsOn time.Time    // then, and
	vmsAt int          // after so many changes of VMs

	useless map[string]time.Duration // for how long nobody has been able to use a VM, by name
	untrue  map[waiterID]untruth     // of replicas that wait for a reason that is not so
}

func newDemandPast(w *World) demandPast {
	return demandPast{
		looked: w.start, idle: map[types.UID]time.Time{}, broken: map[string]time.Time{}, beside: map[types.UID]time.Time{},
		useless: map[string]time.Duration{}, untrue: map[waiterID]untruth{},
	}
}

// look is the laws useless-vms-go and waits-have-true-reasons.
func (l *Laws) look() {
	now := l.world.Clock.Now()
	elapsed := now.Sub(l.demand.looked)
	if elapsed < lookEvery {
		return
	}
	l.demand.looked = now
	if l.isHindered() {
		elapsed = 0
	}
	jobs := l.world.API.List("Job")
	for _, r := range jobs {
		l.idleFor(As[*batchv1.Job](r))
	}
	for _, r := range l.world.API.List("SpotInstanceVM") {
		pool := As[*v1alpha1.SpotInstanceVM](r)
		l.seeBeside(pool)
		l.judgeUseless(pool, jobs, elapsed)
	}
	l.judgeWaits(elapsed)
}

// isHindered tells whether the hooks, Metacontroller, or GCE's lists and deletes are kept from their work, or were a moment ago. What
// the laws measure then does not count.
func (l *Laws) isHindered() bool {
	kept := append(behind(), "stop-hooks", "crash-hooks", "skew-hooks", "silence", "overload", "partition", "linger")
	return l.world.isAPIDown() || l.ear.lately(passes, kept...) || l.world.Cloud.isHindered()
}

// idleFor is for how long the replica of a Job that has not ended has been able to use no VM: somebody else has suspended the Job, or
// it has no pod.
func (l *Laws) idleFor(job *batchv1.Job) time.Duration {
	now := l.world.Clock.Now()
	pod := l.world.Machines.podOf(job.UID)
	if hasEnded(job) || pod != nil && (!isSuspended(job) || pod.DeletionTimestamp == nil && !isTerminal(pod)) {
		delete(l.demand.idle, job.UID)
		return 0
	}
	since, known := l.demand.idle[job.UID]
	if !known {
		l.demand.idle[job.UID], since = now, now
	}
	return now.Sub(since)
}

// podOf is the newest pod of a Job, or nil.
func (m *Machines) podOf(job types.UID) *corev1.Pod {
	var newest *corev1.Pod
	for _, r := range m.pods.records {
		pod := As[*corev1.Pod](r)
		if owner := r.owner(); owner != nil && owner.UID == job && (newest == nil || !pod.CreationTimestamp.Before(&newest.CreationTimestamp)) {
			newest = pod
		}
	}
	return newest
}

// node is the Node of a VM, or nil.
func (l *Laws) node(vm string) *corev1.Node {
	r := l.world.API.Get(Key{Kind: "Node", Name: vm})
	if r == nil {
		return nil
	}
	return As[*corev1.Node](r)
}

// isBroken tells whether a Node takes no pod now: it is cordoned, or shows fewer GPUs than it has.
func isBroken(node *corev1.Node) bool {
	has, shows := node.Status.Capacity[resourceGPU], node.Status.Allocatable[resourceGPU]
	return node.Spec.Unschedulable || shows.Cmp(has) < 0
}

// isBrokenLately tells whether a Node takes no pod, or did not a moment ago: its VM is no supply then. One whose kubelet rejects pods
// is none either, once that is noticed.
func (l *Laws) isBrokenLately(vm string) bool {
	now := l.world.Clock.Now()
	if node := l.node(vm); node != nil && (isBroken(node) || l.world.Machines.isRejecting(vm)) {
		l.demand.broken[vm] = now
	}
	at, known := l.demand.broken[vm]
	return known && now.Sub(at) < passes
}

// isElsewhere tells whether a pod of the pool waits for a VM of another zone, by its node selector: VMs of this zone are no supply for it.
func (l *Laws) isElsewhere(pool *v1alpha1.SpotInstanceVM, zone string) bool {
	return slices.ContainsFunc(l.unbound(pool), func(pod *corev1.Pod) bool {
		named := pod.Spec.NodeSelector[corev1.LabelTopologyZone]
		return named != "" && named != zone
	})
}

// seeBeside notes that a VM of the pool is free beside a pod of the pool that does not fit there.
func (l *Laws) seeBeside(pool *v1alpha1.SpotInstanceVM) {
	for _, vm := range l.vmsOf(pool) {
		l.isBrokenLately(vm.Name)
	}
	for _, pod := range l.unbound(pool) {
		if l.isFreeBeside(pool, pod) {
			l.demand.beside[pool.UID] = l.world.Clock.Now()
		}
	}
}

// mayTry is how many VMs a pool may have on trial, for pods that the VMs that are there do not suit: one.
func (l *Laws) mayTry(pool *v1alpha1.SpotInstanceVM) int {
	if at, known := l.demand.beside[pool.UID]; known && l.world.Clock.Now().Sub(at) < passes {
		return 1
	}
	return 0
}

// vmsOf are the VMs of a pool.
func (l *Laws) vmsOf(pool *v1alpha1.SpotInstanceVM) []gcefake.VM {
	var own []gcefake.VM
	if l.demand.vmsAt != l.vms || l.demand.vmsOn != l.world.Clock.Now() {
		l.demand.vms, l.demand.vmsAt, l.demand.vmsOn = l.world.GCE.Instances(), l.vms, l.world.Clock.Now()
	}
	for _, vm := range l.demand.vms {
		if vm.Labels[labelOwner] == string(pool.UID) {
			own = append(own, vm)
		}
	}
	return own
}

// unbound are the pods of a pool's replicas that wait for a Node.
func (l *Laws) unbound(pool *v1alpha1.SpotInstanceVM) []*corev1.Pod {
	var waiting []*corev1.Pod
	for _, r := range l.world.Machines.pods.records {
		if pod := As[*corev1.Pod](r); isOfPool(pod, pool) && isUnbound(pod) {
			waiting = append(waiting, pod)
		}
	}
	return waiting
}

func isOfPool(o Object, pool *v1alpha1.SpotInstanceVM) bool {
	return o.GetNamespace() == pool.Namespace && o.GetLabels()[v1alpha1.LabelPool] == v1alpha1.PoolID(pool.Namespace, pool.Name)
}

// isUsed tells whether a pod of the pool is on a VM, and has not ended.
func (l *Laws) isUsed(pool *v1alpha1.SpotInstanceVM, vm string) bool {
	for _, pod := range l.world.Machines.pods.podsOn(vm) {
		if isOfPool(pod, pool) && !isTerminal(pod) {
			return true
		}
	}
	return false
}

// isFree tells whether a VM is Ready and nothing keeps pods off it, as far as its Node's readiness, taints and the pool's pods tell.
func (l *Laws) isFree(pool *v1alpha1.SpotInstanceVM, vm gcefake.VM) bool {
	node := l.node(vm.Name)
	if vm.Status != "RUNNING" || node == nil || l.isUsed(pool, vm.Name) {
		return false
	}
	if gpus := node.Status.Capacity[resourceGPU]; gpus.IsZero() {
		return false // it has not joined: its driver never showed any
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == v1alpha1.TaintLeaving || taint.Key == v1alpha1.TaintPreempted {
			return false
		}
	}
	return !node.Spec.Unschedulable && isReadyNode(node)
}

// isFreeBeside tells whether a VM of the pool is free, and a pod that waits does not fit there.
func (l *Laws) isFreeBeside(pool *v1alpha1.SpotInstanceVM, pod *corev1.Pod) bool {
	for _, vm := range l.vmsOf(pool) {
		if l.isFree(pool, vm) && !l.world.scheduler.fits(pod, l.node(vm.Name)) {
			return true
		}
	}
	return false
}

func isReadyNode(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
