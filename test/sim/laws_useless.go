package sim

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// uselessAtMost is how long a VM may live that nobody can use, beside idleTimeout. The scheduler passes it over for two minutes before
// the pool believes that. Then another VM is tried, for ten minutes at most. Draining and deleting take the rest, and a look at the pool
// that comes late.
const uselessAtMost = 20 * time.Minute

// judgeUseless is the law useless-vms-go: a VM that nobody can use does not live longer than idleTimeout and uselessAtMost. Somebody can use a
// VM if a replica is on it, or one whose pod waits fits there, or one may come that has no pod now. It is lenient with as many VMs as
// the spec wants whoever uses them, with those whose Node is not Ready, which other laws are about, and with those whose kubelet rejects
// pods.
func (l *Laws) judgeUseless(pool *v1alpha1.SpotInstanceVM, jobs []*Record, elapsed time.Duration) {
	if pool.DeletionTimestamp != nil {
		return
	}
	most := pool.Spec.IdleTimeout.Duration + uselessAtMost
	if l.world.Meta.sleeper != nil {
		most += restInterval
	}
	isComing, overdue := l.isAnyComing(pool, jobs), []string(nil)
	for _, vm := range l.vmsOf(pool) {
		was, known := l.demand.useless[vm.Name]
		switch {
		case l.isOfUse(pool, vm, isComing):
			delete(l.demand.useless, vm.Name)
			continue
		case known:
			was += elapsed
		}
		l.demand.useless[vm.Name] = was
		if was > most {
			overdue = append(overdue, vm.Name)
		}
	}
	if len(overdue) > leastOf(pool) {
		l.violate("useless-vms-go", "VMs %v of %s serve nobody, and nobody could have used %s for %s", overdue, pool.Name, overdue[0], l.demand.useless[overdue[0]])
	}
}

// leastOf is how many VMs a pool has whoever uses them.
func leastOf(pool *v1alpha1.SpotInstanceVM) int {
	least := 0
	if pool.Spec.MinReplicas != nil {
		least = int(*pool.Spec.MinReplicas)
	}
	if pool.Spec.Replicas != nil {
		least = max(least, int(*pool.Spec.Replicas))
	}
	return least
}

// isOfUse tells whether somebody can use a VM, or it is on its way in or out.
func (l *Laws) isOfUse(pool *v1alpha1.SpotInstanceVM, vm gcefake.VM, isComing bool) bool {
	node := l.node(vm.Name)
	switch {
	case vm.Status != "RUNNING" || vm.Noticed:
		return true
	case node == nil:
		return l.world.Clock.Now().Sub(vm.CreationTime) < pool.Spec.JoinTimeout.Duration
	case !isReadyNode(node) || l.isUsed(pool, vm.Name) || l.world.Machines.isRejecting(vm.Name):
		return true
	case isBroken(node):
		return false
	case isComing:
		return true
	}
	for _, pod := range l.unbound(pool) {
		if l.world.scheduler.fits(pod, node) {
			return true
		}
	}
	return false
}

// isAnyComing tells whether a replica may soon have a pod that wants a VM: its newest attempt has ended and is not the last, or its pod is
// not there yet, or leaves its VM.
func (l *Laws) isAnyComing(pool *v1alpha1.SpotInstanceVM, jobs []*Record) bool {
	for _, job := range newestAttempts(pool, jobs) {
		if l.wantsVM(pool, job, jobs) && l.isComing(pool, job) {
			return true
		}
	}
	return false
}

func (l *Laws) isComing(pool *v1alpha1.SpotInstanceVM, job *batchv1.Job) bool {
	pod := l.world.Machines.podOf(job.UID)
	switch {
	case hasEnded(job) || pod == nil || isTerminal(pod) || pod.DeletionTimestamp != nil:
		return true
	case pod.Spec.NodeName == "":
		return false
	}
	if node := l.node(pod.Spec.NodeName); node == nil || !isReadyNode(node) {
		return true
	}
	for _, entry := range pool.Status.ProvisionedInstances {
		if entry.Name == pod.Spec.NodeName && !serves(entry) {
			return true
		}
	}
	return false
}

// newestAttempts are the Jobs of a pool's replicas that are not being deleted, the newest of each.
func newestAttempts(pool *v1alpha1.SpotInstanceVM, jobs []*Record) []*batchv1.Job {
	at := map[[2]string]int{}
	var newest []*batchv1.Job
	for _, r := range jobs {
		job := As[*batchv1.Job](r)
		if !isOfPool(job, pool) || job.DeletionTimestamp != nil {
			continue
		}
		replica := [2]string{job.Labels[v1alpha1.LabelJobUID], job.Labels[v1alpha1.LabelReplica]}
		i, known := at[replica]
		switch {
		case !known:
			at[replica] = len(newest)
			newest = append(newest, job)
		case attemptOf(newest[i]) < attemptOf(job):
			newest[i] = job
		}
	}
	return newest
}
