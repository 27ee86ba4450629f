package sim

import (
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// jobPast is what really became of one SpotInstanceJob so far.
type jobPast struct {
	succeeded int                 // programs that did all their training and ended
	failures  map[string]int      // programs that failed by themselves, by replica
	made      map[Key]bool        // children that were ever created
	endings   []v1alpha1.JobPhase // that status said, one after the other
}

func (l *Laws) job(uid types.UID) *jobPast {
	if l.jobs[uid] == nil {
		l.jobs[uid] = &jobPast{failures: map[string]int{}, made: map[Key]bool{}}
	}
	return l.jobs[uid]
}

func (p *jobPast) failed() int {
	sum := 0
	for _, n := range p.failures {
		sum += n
	}
	return sum
}

func replicaName(n int32) string { return strconv.Itoa(int(n)) }

// passes is how long what is behind may have consequences: the longest lag of a cache, and the writes after it.
const passes = 2 * time.Minute

// seeJob is the law one-end: a job ends as it ended first. A status that somebody rolls back is written again.
func (l *Laws) seeJob(c Change) {
	if c.New == nil {
		return
	}
	job := As[*v1alpha1.SpotInstanceJob](c.New)
	past := l.job(job.UID)
	if !isOver(job.Status) || slices.Contains(past.endings, job.Status.Phase) {
		return
	}
	past.endings = append(past.endings, job.Status.Phase)
	if len(past.endings) > 1 && !l.ear.lately(passes, behind()...) {
		l.violate("one-end", "%s ended as %s", c.New.Key, past.endings)
	}
}

// seeChild are the laws about children that come into being: none of a job that is over, and no name twice. Both are lenient
// while the hooks are shown what has passed. The name of a checkpoint tells what it is for: it may return if a user deleted
// the one of this name.
func (l *Laws) seeChild(c Change) {
	r := c.Record()
	owner := r.owner()
	if owner == nil || owner.Kind != "SpotInstanceJob" {
		return
	}
	if r.Kind == "Job" {
		l.seeDemandOf(r)
	}
	if c.Old != nil {
		return
	}
	past := l.job(owner.UID)
	twice := past.made[r.Key]
	past.made[r.Key] = true
	if l.ear.lately(passes, behind()...) {
		return
	}
	// One that a user deleted may be due again; a replica that was scaled away is forgotten; and while a job is suspended
	// nothing but the status that somebody rolls back remembers its attempts.
	isForgotten := r.Kind == "CheckpointBackup" && l.ear.lately(7*time.Hour, "delete-backup") || r.Kind == "Job" && l.ear.ever("scale", "rollback")
	if twice && !isForgotten {
		l.violate("no-name-twice", "%s is created again", r.Key)
	}
	parent := l.world.API.Get(Key{"SpotInstanceJob", r.Namespace, owner.Name})
	if parent == nil || parent.Object.GetUID() != owner.UID || r.Kind != "Job" {
		return
	}
	if job := As[*v1alpha1.SpotInstanceJob](parent); isOver(job.Status) {
		l.violate("the-end-is-final", "%s is created for a job that is %s", r.Key, job.Status.Phase)
	}
}

// conditionIs tells whether a condition has this status.
func conditionIs(conditions []metav1.Condition, kind string, status metav1.ConditionStatus) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool { return c.Type == kind && c.Status == status })
}
