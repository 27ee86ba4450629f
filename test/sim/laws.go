package sim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Laws is what must hold after every step. They judge what the hooks answer by what the hooks were shown, which is what
// Metacontroller's caches hold at that moment, and what came of it by what is really there: GCE's VMs, the training in
// images, how programs ended. Each law has a name, which begins the text of Broken, and says in a comment where it is
// lenient and why.
//
//	laws_answer.go    answers make sense, and the same facts get the same answer
//	laws_child.go     no child is dropped that is still wanted
//	laws_checkpoint.go the best checkpoint is kept, and used
//	laws_job.go       jobs end once, and for a reason
//	laws_pool.go      no VM too many, none without a pool
//	laws_silence.go   a Node that says nothing is no lost VM
//	runtimes.go       what CRI-O needs is pulled
//	laws_zone.go      blocked zones are not asked, a zone's no is the zone's, and spot VMs come back
//	laws_saving.go    a training that saves itself runs once
//	laws_quiet.go     nobody runs in circles
//	laws_live.go      training goes on
//	laws_useless.go   VMs that nobody can use go
//	laws_wait.go      replicas that wait say truly why
type Laws struct {
	world  *World
	broken error
	ear    ear
	jobs   map[types.UID]*jobPast
	pools  map[types.UID]*poolPast
	asked  map[types.UID]*askedPast
	live   livePast
	demand demandPast
	noes   map[string]time.Time // when GCE last said to a pool that its spec is wrong, by stem of the VM's name and zone, or region
	// abandoned is when a VM that lives was first said to be given up for its silence, by name.
	abandoned map[string]time.Time

	vms     int // changes of GCE's VMs so far
	changes int // of the API so far
	moves   int // of the API that are more than a parent's status
}

func newLaws(w *World) *Laws {
	l := &Laws{
		world: w, ear: newEar(w),
		jobs: map[types.UID]*jobPast{}, pools: map[types.UID]*poolPast{}, asked: map[types.UID]*askedPast{}, live: newLivePast(w), demand: newDemandPast(w),
		noes: map[string]time.Time{}, abandoned: map[string]time.Time{},
	}
	w.API.Watch(l.see)
	w.GCE.Subscribe(l.seeVM)
	w.Servers.Observe(l.seeCall)
	return l
}

// check is called after every step.
func (l *Laws) check() {
	if !l.ear.listens {
		l.ear.listen()
	}
	if l.broken == nil {
		l.sample()
		l.look()
	}
}

// Broken is the first law that was broken, or nil. Its text begins with the law's name and a colon.
func (l *Laws) Broken() error { return l.broken }

// End tells what is left of jobs and pools that were all deleted, or nil if nothing is.
func (l *Laws) End() error {
	for _, kind := range []string{"SpotInstanceJob", "SpotInstanceVM", "Job", "CheckpointBackup", "Pod", "Node"} {
		for _, r := range l.world.API.List(kind) {
			if kind == "CheckpointBackup" && isBeingDeleted(r) && !l.world.Agent.isAnywhere() {
				continue // only an agent takes its finalizer off, and the last one went with its Node
			}
			if r.Namespace == strangers {
				continue
			}
			if kind != "Node" || r.Object.GetLabels()[v1alpha1.LabelPoolUID] != "" {
				return fmt.Errorf("nothing-left: %s is still there", r.Key)
			}
		}
	}
	for _, vm := range l.world.GCE.Instances() {
		return fmt.Errorf("nothing-left: VM %s is still %s in %s", vm.Name, vm.Status, vm.Zone)
	}
	return nil
}

// violate notes that a law is broken. Only the first counts: what follows may follow from it.
func (l *Laws) violate(name, format string, args ...any) {
	if l.broken != nil {
		return
	}
	at := l.world.Clock.Now().Sub(l.world.start).Seconds()
	l.broken = fmt.Errorf("%s: at %.3f: %s", name, at, fmt.Sprintf(format, args...))
	l.world.Tracef("law %v", l.broken)
}

// programEnded tells the laws how the program of a pod really ended. own is true if it ended by itself: nobody had sent it
// a signal, its VM ran, and it was not its image that could not be restored. Exit 0 of its own means that all training was
// done. Whoever models the programs calls it once per pod, before the pod's status says so.
func (l *Laws) programEnded(pod *corev1.Pod, code int, own bool) {
	if !own {
		return
	}
	past := l.job(types.UID(pod.Labels[v1alpha1.LabelJobUID]))
	if code == 0 {
		past.succeeded++
		return
	}
	past.failures[pod.Labels[v1alpha1.LabelReplica]]++
}

// see is each change of the API.
func (l *Laws) see(c Change) {
	l.seeWrites(c)
	switch c.Record().Kind {
	case "SpotInstanceJob":
		l.seeJob(c)
	case "SpotInstanceVM":
		l.seePool(c)
		l.seeDemand(c.Record().Namespace, c.Record().Name)
	case "Job", "CheckpointBackup":
		l.seeChild(c)
	}
}

// seeCall is each answer of a hook.
func (l *Laws) seeCall(c Call) {
	v := l.read(c)
	if v == nil || l.broken != nil {
		return
	}
	l.judgeRepetition(v)
	l.judgeHaste(v)
	if v.job != nil {
		l.judgeChildren(v)
		l.judgeCheckpoints(v)
		l.judgeRescue(v)
		l.judgeStatus(v)
		l.judgeLosses(v)
		l.judgeCost(v, v.job.Status.Cost, v.status.Cost)
		return
	}
	l.judgePlan(v)
	l.judgeCost(v, v.pool.Status.Cost, v.poolStatus.Cost)
	l.judgeZones(v)
	l.judgeSilence(v)
	l.judgeBlame(v)
	l.judgeGone(v)
}
