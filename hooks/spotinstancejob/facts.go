package spotinstancejob

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// observed is all that decide knows.
type observed struct {
	now      time.Time
	job      *v1alpha1.SpotInstanceJob
	template template
	invalid  *specError  // non-nil: the spec cannot be run, and says why
	pool     *poolFacts  // nil: the named pool does not exist
	attempts []attempt   // by replica, then attempt; terminating Jobs included
	holders  []holder    // pods that may run, by name; their Jobs may be gone
	backups  []backup    // by creation, then name; terminating ones included
	ledger   ledger      // merged from all attempts
	prices   *cost.Table // nil: the user gave none
}

// poolFacts is what the job knows of its pool: labels to ask for, and what its status says of VMs.
type poolFacts struct {
	deleting    bool
	taints      []corev1.Taint
	gpu         string              // "type/count", or empty
	gpus        int64               // of each VM; 0: the pool does not tell
	gpuResource corev1.ResourceName // that pods ask for to have them; empty: the pool does not tell
	machineType string
	vmImage     string
	tcp         bool            // its VMs tell CRIU what becomes of TCP connections
	spot        bool            // it buys spot VMs, at least while there are some
	notice      time.Duration   // that its VMs ask GCE for
	choices     []cost.VM       // what a VM of the pool may be, by zone
	trouble     string          // why it does not have all its VMs, unless they are on their way
	full        string          // the field of its spec that allows no more VMs than the pool has, all of them Ready; empty: it may have more, or waits for some
	most        int32           // VMs that this field allows
	noCapacity  bool            // no zone can be asked for a VM now
	onTheirWay  comingVMs       // that have been made and are not Ready yet
	passesOver  bool            // a VM is Ready and free, and the scheduler binds no pod that waits to it
	fit         nodefit.Pool    // what its Nodes have for pods
	held        map[string]hold // by Job: for whose pods the pool buys no VM
	vms         map[string]vm
}

// hold is until when the pool buys no VM for a pod, and what the scheduler had said of it.
type hold struct {
	until time.Time
	words string
}

// vm is one entry of the pool's status.
type vm struct {
	state    v1alpha1.InstanceState
	since    time.Time
	unneeded bool          // it goes, or is gone, because nothing ran on it any more
	rejects  bool          // it goes, or is gone, because its kubelet rejected pods
	notice   time.Duration // that GCE gives before it stops the VM
	stops    time.Time     // when GCE stops it, as its notice says, or until when its pool waits at least; zero: nobody has told
	priced   cost.VM       // what its price depends on
	spot     bool          // as GCE sold it
}

// attempt is one child Job and its pod.
type attempt struct {
	name      string
	replica   int32
	attempt   int32
	created   time.Time
	deleting  bool // the Job is: we dropped it, or somebody deleted it
	complete  bool // condition Complete
	failed    bool // condition FailureTarget or Failed
	ended     time.Time
	final     bool      // no attempt follows its failure
	suspended bool      // somebody else set its spec.suspend
	podsSince time.Time // since when the Job controller may make a pod
	active    bool      // the Job controller counts a pod that has not ended
	// terminating: the Job controller counts a pod that is being deleted and has not ended
	terminating bool

	restoredFrom string            // CheckpointBackup, or empty for the template
	images       map[string]string // by container, when restored
	image        string            // of the first container, when restored
	inherited    time.Duration     // training contained in images
	gpu          string            // that images were made on
	hasBase      bool              // its pod lets the kubelet pull what images were made from

	stuckSince time.Time // since when it cannot start, as status remembers; zero: it does not
	lostSince  time.Time // when it lost its VM, or began to, as status remembers; zero: it did not
	previous   string    // phase that status had for this very attempt
	node       string    // of its pod, or the one in status when there is no pod
	pod        *podFacts // nil: none observed
	vm         vm        // of the pod's node, or the one in status when there is no pod; zero when the pool does not list it and status knows nothing
}

// podFacts is what matters of a pod.
type podFacts struct {
	uid        string
	name       string
	node       string
	phase      corev1.PodPhase
	ready      bool
	deletedAt  time.Time // when its deletion was asked for; zero: it is not being deleted
	disrupted  bool      // condition DisruptionTarget
	noticed    time.Time // when the node agent said that GCE takes the VM back; zero: it did not
	noticedFor string    // its reason
	scheduled  time.Time
	gated      bool      // scheduling gates keep it from the scheduler
	unbound    string    // why the scheduler does not bind it, in its words; empty: it has, or has said nothing
	started    time.Time // start of the first container; zero: never
	ended      time.Time // last end of a container, once all have ended
	conditions []corev1.PodCondition
	exits      []containerExit // init containers included
	waits      []containerWait // containers that do not run yet, or could not be started; init containers apart
	message    string          // why it ended or does not start, for the user
	failure    string          // how a container failed, and its last words
	rejected   string          // why the kubelet rejected the pod, in its words; empty: it did not

	isPrepared   bool      // its volumes are mounted and its network is there: images are pulled next
	initializing bool      // init containers run
	initialized  time.Time // when they had run; zero: nobody says
}

// containerWait is why a container does not run, in the kubelet's and the runtime's words.
type containerWait struct{ reason, message string }

// containerExit is how a container failed.
type containerExit struct {
	container string
	code      int32
}

// backup is one child CheckpointBackup.
type backup struct {
	name         string
	replica      int32
	attempt      int32
	podUID       string
	reason       checkpointReason
	created      time.Time
	deletedAt    time.Time         // zero: it is not being deleted
	message      string            // of the agent: why it failed
	phase        string            // as the agent wrote it; empty: no agent has looked at it
	complete     bool              // the agent is done and every container has its image
	failed       bool              // the agent gave up, or completed without an image
	frozenUntil  time.Time         // zero: not known; it is while images are built, and later if the agent says so
	built        time.Time         // when the last of its images was, by the agent's clock; when complete
	completed    time.Time         // when complete
	images       map[string]string // by container, with registry host, when complete
	image        string            // of the first container
	progress     time.Duration     // training contained in it
	gpu          string
	failedBefore int32
}

// usable backups can be restored on the pool's VMs.
func (b backup) usable(o observed) bool {
	return b.complete && b.deletedAt.IsZero() && !o.ledger.excludes(b.name) && o.pool.has(b.gpu)
}

// has is true when the pool's VMs have this GPU, or the pool is not known.
func (p *poolFacts) has(gpu string) bool { return p == nil || p.gpu == gpu }

// hasGPUs is true when the pool's VMs have any, as far as is known.
func (p *poolFacts) hasGPUs() bool { return p != nil && p.gpu != "" }

// progress is the training done by a running attempt until t, and what it inherited for any other.
func (a attempt) progress(t time.Time) time.Duration {
	if a.pod == nil || a.pod.started.IsZero() {
		return a.inherited
	}
	return a.inherited + max(0, t.Sub(a.pod.started))
}

// end is when the attempt stopped training, or zero while it has not: the first sign of it, since after a VM's end come
// those of its pod and its Job.
func (a attempt) end() time.Time {
	if a.vm.leaving() {
		return a.firstEnd(a.vm.since)
	}
	return a.firstEnd()
}

// firstEnd is the first sign that the attempt does not run any more, or zero while there is none.
func (a attempt) firstEnd(signs ...time.Time) time.Time {
	signs = append(signs, a.ended)
	if a.pod != nil {
		signs = append(signs, a.pod.ended, a.pod.deletedAt)
	}
	if a.vm.state == v1alpha1.InstanceGone {
		signs = append(signs, a.vm.since)
	}
	var first time.Time
	for _, sign := range signs {
		if !sign.IsZero() && (first.IsZero() || sign.Before(first)) {
			first = sign
		}
	}
	return first
}

// trains is true while the attempt's containers run, as far as is known.
func (a attempt) trains() bool { return a.started() && !a.pod.over() }

// started is true once the attempt's containers have run.
func (a attempt) started() bool { return a.pod != nil && !a.pod.started.IsZero() }

// age is the time from since to now, never negative.
func (o observed) age(since time.Time) time.Duration { return max(0, o.now.Sub(since)) }

// attemptsOf lists the attempts of a replica whose Jobs are not being deleted, oldest first.
func (o observed) attemptsOf(replica int32) []attempt {
	var of []attempt
	for _, a := range o.attempts {
		if a.replica == replica && !a.deleting {
			of = append(of, a)
		}
	}
	return of
}
