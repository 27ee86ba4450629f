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

// labelOwner is the label of a VM that holds its pool's UID.
const labelOwner = "spot-training-pool-uid"

// poolPast is what really became of one SpotInstanceVM so far.
type poolPast struct {
	written map[string]bool      // VMs that status named at any time, as zone/name
	made    map[string]bool      // VMs that GCE created, by name
	leaving map[string]time.Time // when status was last seen to change that says that a VM does not serve, by name
	out     map[string]bool      // VMs that do not serve, as status says now
	wanted  []sizeAt             // the newest last
}

// sizeAt is how many VMs a pool should have from a moment on.
type sizeAt struct {
	at time.Time
	n  int
}

func (l *Laws) pool(uid types.UID) *poolPast {
	if l.pools[uid] == nil {
		l.pools[uid] = &poolPast{written: map[string]bool{}, made: map[string]bool{}, leaving: map[string]time.Time{}}
	}
	return l.pools[uid]
}

// serves tells whether a VM counts as supply. One whose Node is not Ready does until it is given up.
func serves(entry v1alpha1.VMInstanceStatus) bool {
	switch entry.State {
	case v1alpha1.InstancePlanned, v1alpha1.InstanceCreating, v1alpha1.InstanceJoining, v1alpha1.InstanceReady:
		return true
	case v1alpha1.InstanceNotReady:
		return entry.Reason == ""
	}
	return false
}

// seePool notes what a pool's status says, and is the law no-pool-let-go: an object of a pool goes after its VMs.
func (l *Laws) seePool(c Change) {
	if c.New == nil {
		for _, vm := range l.world.GCE.Instances() {
			if vm.Labels[labelOwner] == string(c.Old.Object.GetUID()) {
				l.violate("no-pool-let-go", "%s is gone, and VM %s is %s in %s", c.Old.Key, vm.Name, vm.Status, vm.Zone)
			}
		}
		return
	}
	past, now := l.pool(c.New.Object.GetUID()), l.world.Clock.Now()
	past.out = map[string]bool{}
	for _, r := range []*Record{c.Old, c.New} {
		if r == nil {
			continue
		}
		for _, entry := range As[*v1alpha1.SpotInstanceVM](r).Status.ProvisionedInstances {
			past.written[entry.Zone+"/"+entry.Name] = true
			if !serves(entry) {
				past.leaving[entry.Name] = now
				past.out[entry.Name] = r == c.New
			}
		}
	}
}

// seeDemandOf notes the size of the pool that a child Job is for.
func (l *Laws) seeDemandOf(job *Record) {
	for _, r := range l.world.API.List("SpotInstanceVM") {
		if v1alpha1.PoolID(r.Namespace, r.Name) == job.Object.GetLabels()[v1alpha1.LabelPool] {
			l.seeDemand(r.Namespace, r.Name)
		}
	}
}

// seeDemand notes how many VMs a pool should have now.
func (l *Laws) seeDemand(namespace, name string) {
	r := l.world.API.Get(Key{"SpotInstanceVM", namespace, name})
	if r == nil {
		return
	}
	past, now := l.pool(r.Object.GetUID()), l.world.Clock.Now()
	n := l.sizeOf(As[*v1alpha1.SpotInstanceVM](r), l.world.API.List("Job"))
	if last := len(past.wanted) - 1; last >= 0 && past.wanted[last].n == n {
		return
	}
	past.wanted = append(past.wanted, sizeAt{now, n})
	for len(past.wanted) > 1 && past.wanted[1].at.Add(passes).Before(now) {
		past.wanted = past.wanted[1:]
	}
}

// sizeOf is how many VMs a pool should have for these Jobs. It is lenient with one that ended moments ago: if its VM had a
// part in that, its replica still wants one. So does that of one which its SpotInstanceJob says was lost: a next attempt follows.
func (l *Laws) sizeOf(pool *v1alpha1.SpotInstanceVM, jobs []*Record) int {
	demand := map[[2]string]bool{}
	for _, r := range jobs {
		job := As[*batchv1.Job](r)
		if isOfPool(job, pool) && job.DeletionTimestamp == nil && l.wantsVM(pool, job, jobs) {
			demand[[2]string{job.Labels[v1alpha1.LabelJobUID], job.Labels[v1alpha1.LabelReplica]}] = true
		}
	}
	n := len(demand)
	if fixed := pool.Spec.Replicas; fixed != nil {
		n = int(*fixed)
	}
	least, most := 0, 10
	if pool.Spec.MinReplicas != nil {
		least = int(*pool.Spec.MinReplicas)
	}
	if pool.Spec.MaxReplicas != nil {
		most = int(*pool.Spec.MaxReplicas)
	}
	return min(max(n, least), most) + trials(pool) + l.mayTry(pool)
}

// wantsVM tells whether the replica of a Job can use a VM. The law is lenient with one that can use none since moments ago.
func (l *Laws) wantsVM(pool *v1alpha1.SpotInstanceVM, job *batchv1.Job, jobs []*Record) bool {
	if l.idleFor(job) >= v1alpha1.PodGrace+passes {
		return false
	}
	ended := endOf(job)
	return ended.IsZero() || l.world.Clock.Now().Sub(ended) < passes || l.mayBeLost(pool, job) || othersGoOn(job, jobs) || l.isFollowed(job)
}

// trials is how many spot VMs a pool may try beyond that: one, while an on-demand VM stands in.
func trials(pool *v1alpha1.SpotInstanceVM) int { return min(standIns(pool), 1) }

// endOf is when a Job ended so that no attempt follows it, or zero.
func endOf(job *batchv1.Job) time.Time {
	for _, c := range job.Status.Conditions {
		isLast := c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed && job.Annotations[v1alpha1.AnnotationFinalAttempt] == "true"
		if isLast && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// othersGoOn tells whether an attempt of the same training has not ended: a Complete one was no success then.
func othersGoOn(job *batchv1.Job, jobs []*Record) bool {
	return slices.ContainsFunc(jobs, func(r *Record) bool {
		other := As[*batchv1.Job](r)
		return other.UID != job.UID && other.Labels[v1alpha1.LabelJobUID] == job.Labels[v1alpha1.LabelJobUID] &&
			other.DeletionTimestamp == nil && endOf(other).IsZero()
	})
}

// mayBeLost tells whether the VM of a Job's pod is on its way out.
func (l *Laws) mayBeLost(pool *v1alpha1.SpotInstanceVM, job *batchv1.Job) bool {
	for _, r := range l.world.API.List("Pod") {
		owner := r.owner()
		if owner == nil || owner.UID != job.UID {
			continue
		}
		node := As[*corev1.Pod](r).Spec.NodeName
		return slices.ContainsFunc(pool.Status.ProvisionedInstances, func(entry v1alpha1.VMInstanceStatus) bool {
			return entry.Name == node && !serves(entry)
		})
	}
	return false
}

// judgePlan is the law no-vm-too-many, of plans: no VM is planned when those that serve are as many as the Jobs want that the
// hook was shown. A plan that status calls idle is none: it is never sent, and dropped once its zone is read.
func (l *Laws) judgePlan(v *view) {
	known, supply, planned := map[string]bool{}, 0, ""
	for _, entry := range v.pool.Status.ProvisionedInstances {
		known[entry.Name] = true
	}
	for _, entry := range v.poolStatus.ProvisionedInstances {
		if entry.State == v1alpha1.InstancePlanned && entry.IdleSince != nil {
			continue
		}
		if serves(entry) && !l.isBrokenLately(entry.Name) && !l.isElsewhere(v.pool, entry.Zone) {
			supply++
		}
		if entry.State == v1alpha1.InstancePlanned && !known[entry.Name] {
			planned = entry.Name
		}
	}
	if planned == "" {
		return
	}
	if most := l.sizeOf(v.pool, l.world.Meta.cache.list("Job")); supply > most {
		l.violate("no-vm-too-many", "%s plans %s: that makes %d, and %d are wanted", v.Parent, planned, supply, most)
	}
}

// judgeGone is the law unread-is-not-gone: a VM is called gone only if it is. What was listed moments ago may stand.
func (l *Laws) judgeGone(v *view) {
	const listed = 3 * time.Second
	was := map[string]v1alpha1.InstanceState{}
	for _, entry := range v.pool.Status.ProvisionedInstances {
		was[entry.Name] = entry.State
	}
	for _, entry := range v.poolStatus.ProvisionedInstances {
		if entry.State != v1alpha1.InstanceGone || was[entry.Name] == v1alpha1.InstanceGone {
			continue
		}
		vm, exists := l.world.GCE.Instance(entry.Name)
		if exists && vm.Zone == entry.Zone && l.world.Clock.Now().Sub(vm.CreationTime) > listed {
			l.violate("unread-is-not-gone", "%s calls %s gone (%s), and it is %s in %s", v.Parent, vm.Name, entry.Reason, vm.Status, vm.Zone)
		}
	}
}

// seeVM are the laws about VMs that come into being.
func (l *Laws) seeVM(e gcefake.Event) {
	l.vms++
	if e.Kind == gcefake.Stopping || e.Kind == gcefake.Gone {
		l.demand.lost = l.world.Clock.Now()
	}
	uid := types.UID(e.VM.Labels[labelOwner])
	if e.Kind != gcefake.Created || uid == "" {
		return
	}
	past := l.pool(uid)
	if !past.written[e.VM.Zone+"/"+e.VM.Name] {
		l.violate("written-before-sent", "VM %s is created in %s, and no status has named it", e.VM.Name, e.VM.Zone)
	}
	// A status that was rolled back has forgotten which numbers were used.
	if past.made[e.VM.Name] && !l.ear.lately(time.Hour, "rollback") {
		l.violate("no-name-twice", "VM %s is created again, in %s", e.VM.Name, e.VM.Zone)
	}
	past.made[e.VM.Name] = true
	if l.ear.lately(passes, "rollback") {
		return // and which VMs there are, while their zone cannot be read
	}
	owned := slices.ContainsFunc(l.world.API.List("SpotInstanceVM"), func(r *Record) bool { return r.Object.GetUID() == uid })
	if !owned {
		l.violate("no-vm-without-pool", "VM %s is created in %s, and its pool is gone", e.VM.Name, e.VM.Zone)
	}
	l.judgeSize(uid, past)
}

// judgeSize is the law no-vm-too-many, of VMs: when one is created, those that serve are not more than were wanted at any
// time lately. One that status calls unread, not Ready, stopping, deleted or gone, or did lately, comes on top.
func (l *Laws) judgeSize(uid types.UID, past *poolPast) {
	now, serving, most := l.world.Clock.Now(), 0, 0
	var pool *v1alpha1.SpotInstanceVM
	for _, r := range l.world.API.List("SpotInstanceVM") {
		if r.Object.GetUID() == uid {
			pool = As[*v1alpha1.SpotInstanceVM](r)
		}
	}
	for _, vm := range l.world.GCE.Instances() {
		left, known := past.leaving[vm.Name]
		alive := vm.Status == "PROVISIONING" || vm.Status == "STAGING" || vm.Status == "RUNNING"
		isOut := past.out[vm.Name] || known && now.Sub(left) < passes || l.isBrokenLately(vm.Name) || pool != nil && l.isElsewhere(pool, vm.Zone)
		if vm.Labels[labelOwner] == string(uid) && alive && !isOut {
			serving++
		}
	}
	for i, size := range past.wanted {
		if i == len(past.wanted)-1 || past.wanted[i+1].at.Add(passes).After(now) {
			most = max(most, size.n)
		}
	}
	if serving > most {
		l.violate("no-vm-too-many", "pool %s has %d VMs that serve, and %d were wanted", uid, serving, most)
	}
}

// isFollowed tells whether the SpotInstanceJob of a Job that has ended says that it was lost.
func (l *Laws) isFollowed(job *batchv1.Job) bool {
	for _, owner := range job.OwnerReferences {
		r := l.world.API.Get(Key{"SpotInstanceJob", job.Namespace, owner.Name})
		if r != nil && slices.ContainsFunc(As[*v1alpha1.SpotInstanceJob](r).Status.JobStatuses, func(replica v1alpha1.JobReplicaStatus) bool {
			return replica.Name == job.Name && replica.Phase == v1alpha1.ReplicaLost
		}) {
			return true
		}
	}
	return false
}
