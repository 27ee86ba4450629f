package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Annotations that the job hook writes; they are part of its protocol with itself.
const (
	annotatedStart     = "training.dcnlab.com/container-started-at"
	annotatedInherited = "training.dcnlab.com/inherited-seconds"
	annotatedOrigin    = "training.dcnlab.com/restored-from"
	annotatedGPU       = "training.dcnlab.com/gpu"
	annotatedLedger    = "training.dcnlab.com/ledger"
	annotatedReason    = "training.dcnlab.com/checkpoint-reason"
	annotatedPod       = "training.dcnlab.com/pod-uid"
)

// rounding is what a chain of restored attempts may promise too much: the times of objects have whole seconds.
const rounding = 5 * time.Second

// judgeCheckpoints are the laws best-checkpoint-stays and best-checkpoint-is-used. Best is the checkpoint with most training
// of those that the hook was shown and may use. How much that is the hook knows only up to the checkpoint's creation; the
// freeze comes later and adds to it. So an attempt must really have at least as much as the best one's creation promises.
// Both are lenient when no container can be restored from the best: the hook learns that by trying.
func (l *Laws) judgeCheckpoints(v *view) {
	if v.job.DeletionTimestamp != nil {
		return
	}
	var best *Backup
	for _, b := range v.backups {
		if v.isUsable(b) && (best == nil || promised(b) > promised(best)) {
			best = b
		}
	}
	if best == nil || !l.restores(best) {
		return
	}
	if !v.keepsAsGood(best) {
		l.violate("best-checkpoint-stays", "%s holds %s of training, more than all that stay, and is dropped", best.Name, promised(best))
	}
	for _, name := range v.created() {
		job := v.newJob(name)
		if has := l.inherited(job); has < promised(best)-rounding {
			l.violate("best-checkpoint-is-used", "%s starts from %q with %s of training; %s holds %s",
				name, job.Annotations[annotatedOrigin], has, best.Name, promised(best))
		}
	}
}

// keepsAsGood tells whether the answer names a usable checkpoint with as much training.
func (v *view) keepsAsGood(best *Backup) bool {
	for _, b := range v.backups {
		if v.keeps("CheckpointBackup", b.Name) && promised(b) >= promised(best) && v.isUsable(b) {
			return true
		}
	}
	return false
}

// promised is the training that a checkpoint holds at least: its pod's at its creation.
func promised(b *Backup) time.Duration {
	progress := secondsOf(b.Annotations[annotatedInherited])
	if started, err := time.Parse(time.RFC3339, b.Annotations[annotatedStart]); err == nil {
		progress += max(0, b.CreationTimestamp.Sub(started))
	}
	return progress
}

// isUsable tells whether the hook may restore from a checkpoint, by what it was shown.
func (v *view) isUsable(b *Backup) bool {
	if b.Status.Phase != phaseCompleted || b.DeletionTimestamp != nil || len(b.Spec.Containers) == 0 || v.hasFailed(b.Name) {
		return false
	}
	if v.namedPool != nil && v.gpu() != b.Annotations[annotatedGPU] {
		return false
	}
	built := map[string]bool{}
	for _, image := range b.Status.BuiltImages {
		built[image.ContainerName] = true
	}
	return !slices.ContainsFunc(b.Spec.Containers, func(c BackupContainer) bool { return !built[c.Name] })
}

// restores tells whether containers can really be restored from a checkpoint.
func (l *Laws) restores(b *Backup) bool {
	return !slices.ContainsFunc(b.Spec.Containers, func(c BackupContainer) bool {
		return !l.world.Images.Restores(b.image(c))
	})
}

// gpu is what the pool's VMs have, as annotations say it.
func (v *view) gpu() string {
	if v.namedPool == nil || v.namedPool.Spec.GPU == nil {
		return ""
	}
	return fmt.Sprintf("%s/%d", v.namedPool.Spec.GPU.Type, v.namedPool.Spec.GPU.Count)
}

// hasFailed tells whether so many attempts could not run from a checkpoint that it is excluded: those that the ledgers
// count, and those that have ended and may not be counted yet.
func (v *view) hasFailed(name string) bool {
	counted, ended := int32(0), int32(0)
	for _, a := range v.attempts {
		var ledger struct{ RestoreFailures map[string]int32 }
		_ = json.Unmarshal([]byte(a.Annotations[annotatedLedger]), &ledger) // what is no ledger counts nothing
		counted = max(counted, ledger.RestoreFailures[name])
		late := !a.started() && (v.now.Sub(a.CreationTimestamp.Time) >= 15*time.Minute || a.isStuck())
		if a.Annotations[annotatedOrigin] == name && (hasEnded(a.Job) || late) {
			ended++
		}
	}
	return counted+ended >= 2
}

// inherited is the training that an attempt really starts with. Of an image that is gone nobody knows but its annotation.
func (l *Laws) inherited(job *batchv1.Job) time.Duration {
	if job.Annotations[annotatedOrigin] == "" {
		return 0
	}
	least := time.Duration(-1)
	for _, c := range job.Spec.Template.Spec.Containers {
		progress, _, found := l.world.Images.Content(c.Image)
		if !found {
			progress = secondsOf(job.Annotations[annotatedInherited])
		}
		if least < 0 || progress < least {
			least = progress
		}
	}
	return max(least, 0)
}

// newJob is a Job that the answer creates.
func (v *view) newJob(name string) *batchv1.Job {
	job := &batchv1.Job{}
	if err := json.Unmarshal(v.children[Key{"Job", v.Parent.Namespace, name}].body, job); err != nil {
		job.Labels = map[string]string{v1alpha1.LabelReplica: "none: " + err.Error()}
	}
	return job
}

// judgeRescue is the law most-trained-is-saved: while replicas survive, the checkpoint that answers a loss is of one that has
// trained most; or of a doomed one, if there is hope that it completes before the VM stops.
func (l *Laws) judgeRescue(v *view) {
	trained, most := map[string]time.Duration{}, time.Duration(0)
	for _, a := range v.attempts {
		if v.survives(a) {
			trained[string(a.pod.UID)] = a.trained(v.now)
			most = max(most, a.trained(v.now))
		}
	}
	for _, k := range v.sortedChildren() {
		b := &Backup{}
		if child := v.children[k]; k.Kind != "CheckpointBackup" || !child.isWhole || json.Unmarshal(child.body, b) != nil {
			continue
		}
		has, survives := trained[b.Annotations[annotatedPod]]
		if b.Annotations[annotatedReason] == "preemption" && len(trained) > 0 && (!survives || has < most) && !l.isHopeful(v, b.Annotations[annotatedPod], most) {
			l.violate("most-trained-is-saved", "%s is of %s with %s of training (survives: %v), and a survivor has %s", k.Name, b.Spec.PodRef.Name, has, survives, most)
		}
	}
}

// isHopeful tells whether a checkpoint of the job has ever been so fast that one of this pod, which has its notice, would be
// complete in time, or the pool leaves its VM by itself and waits; and whether no other has trained for longer than the slowest
// took.
func (l *Laws) isHopeful(v *view, pod string, most time.Duration) bool {
	i := slices.IndexFunc(v.attempts, func(a seenAttempt) bool {
		return a.pod != nil && string(a.pod.UID) == pod && (isToldPreempted(a.pod) || a.isMoved)
	})
	if i < 0 {
		return false
	}
	fastest, slowest := time.Duration(math.MaxInt64), time.Duration(0)
	for _, b := range v.backups {
		if b.Status.Phase == phaseCompleted && len(b.Status.BuiltImages) > 0 {
			took := b.writtenAt().Sub(b.CreationTimestamp.Time)
			fastest, slowest = min(fastest, took), max(slowest, took)
		}
	}
	if v.attempts[i].trained(v.now)+slowest+rounding < most {
		return false
	}
	g := l.world.Machines.nodes[v.attempts[i].pod.Spec.NodeName]
	return v.attempts[i].isMoved || fastest < math.MaxInt64 && g != nil && g.noticed && !g.late && v.now.Add(fastest).Before(g.stops)
}

// survives tells whether an attempt trains on a VM that is well, and no younger one takes its place.
func (v *view) survives(a seenAttempt) bool {
	isWell := (a.vm == v1alpha1.InstanceReady || a.vm == v1alpha1.InstanceJoining || a.vm == "") && (a.pod == nil || !isToldPreempted(a.pod))
	return isWell && a.trains() && a.DeletionTimestamp == nil && v.keeps("Job", a.Name) &&
		!slices.ContainsFunc(v.attempts, func(other seenAttempt) bool {
			return other.replica() == a.replica() && other.number() > a.number() && v.keeps("Job", other.Name)
		})
}
