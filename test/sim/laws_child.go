package sim

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// judgeChildren are the laws about the children that a job's answer names and leaves out.
func (l *Laws) judgeChildren(v *view) {
	for _, k := range v.sortedChildren() {
		if k.Kind != "Job" && k.Kind != "CheckpointBackup" || k.Namespace != v.Parent.Namespace {
			l.violate("answers-make-sense", "%s has child %s", v.Parent, k)
		}
	}
	if v.job.DeletionTimestamp != nil {
		return
	}
	for _, a := range v.attempts {
		l.judgeStub(v, Key{"Job", a.Namespace, a.Name})
		l.judgeDropped(v, a)
	}
	for _, b := range v.backups {
		l.judgeStub(v, keyOf(b))
		l.judgeDroppedBackup(v, b)
	}
	l.judgeReplacement(v)
}

// judgeStub is the law stubs-are-bare: of a child that exists only the name is answered, or Metacontroller would change it.
func (l *Laws) judgeStub(v *view, k Key) {
	if v.children[k].isWhole {
		l.violate("stubs-are-bare", "%s is answered in full, and was observed", k)
	}
}

// judgeDropped is the law wanted-attempts-stay: an attempt that trains is only dropped when the job is over or suspended,
// when another attempt of its replica that stays has started, or when other replicas are all that the spec wants. A pod whose VM no pool
// lists, and whose Node is gone, does not train, whatever it says: a pool was deleted and applied again.
func (l *Laws) judgeDropped(v *view, a seenAttempt) {
	if v.keeps("Job", a.Name) || a.DeletionTimestamp != nil || !a.trains() || isOver(v.status) || v.status.Phase == v1alpha1.JobSuspended {
		return
	}
	if a.vm == "" && l.world.API.Get(Key{Kind: "Node", Name: a.pod.Spec.NodeName}) == nil {
		return
	}
	others := map[string]bool{}
	for _, other := range v.attempts {
		if other.DeletionTimestamp != nil || !v.keeps("Job", other.Name) {
			continue
		}
		others[other.replica()] = true
		if other.replica() == a.replica() && (other.started() || hasEnded(other.Job)) {
			return
		}
	}
	if !others[a.replica()] && len(others) >= replicasOf(v.job) {
		return // scaled down
	}
	l.violate("wanted-attempts-stay", "%s trains on %s (%s) and is dropped", a.Name, a.pod.Spec.NodeName, a.vm)
}

func replicasOf(job *v1alpha1.SpotInstanceJob) int {
	if job.Spec.Replicas == nil && job.Spec.SavesItself() {
		return 1
	}
	if job.Spec.Replicas == nil {
		return 2
	}
	return int(*job.Spec.Replicas)
}

// judgeReplacement is the law replaced-before-removed: while a replica gets a new attempt, one that was observed stays. It
// tells the pool that the replica wants a VM, and holds the place until its successor is observed. It is lenient when a quota has
// refused the successor for so long that its predecessor may be what fills it.
func (l *Laws) judgeReplacement(v *view) {
	observed, kept := map[string]string{}, map[string]bool{}
	for _, a := range v.attempts {
		if a.DeletionTimestamp == nil {
			observed[a.replica()] = a.Name
			kept[a.replica()] = kept[a.replica()] || v.keeps("Job", a.Name)
		}
	}
	for _, name := range v.created() {
		replica := v.newJob(name).Labels[v1alpha1.LabelReplica]
		isInTheWay := l.world.API.quota.refusedFor(Key{"Job", v.Parent.Namespace, name}) >= givenUpAfter
		if observed[replica] != "" && !kept[replica] && !isInTheWay {
			l.violate("replaced-before-removed", "%s goes before its successor %s is observed", observed[replica], name)
		}
	}
}

// givenUpAfter is how long a quota must have refused a Job before its predecessor is deleted to make room.
const givenUpAfter = 90 * time.Second

// judgeDroppedBackup is the law checkpoints-in-flight-stay: one that an agent may still complete, of a pod that trains, is
// not dropped before its time-out. It is lenient for a second, since creation times have whole ones.
func (l *Laws) judgeDroppedBackup(v *view, b *Backup) {
	switch b.Status.Phase {
	case phaseCompleted, phaseFailed, "CompletedPodDeleted", "CompletedWithError":
		return
	}
	timeout := 15 * time.Minute
	if t := v.job.Spec.CheckpointConfig.Timeout; t != nil {
		timeout = t.Duration
	}
	overdue := !b.CreationTimestamp.Add(timeout - time.Second).After(v.now)
	if v.keeps("CheckpointBackup", b.Name) || b.DeletionTimestamp != nil || overdue {
		return
	}
	for _, a := range v.attempts {
		if a.pod != nil && string(a.pod.UID) == b.Annotations[annotatedPod] && a.trains() && a.vm == v1alpha1.InstanceReady {
			l.violate("checkpoints-in-flight-stay", "%s of %s is dropped in phase %q", b.Name, a.pod.Name, b.Status.Phase)
		}
	}
}
