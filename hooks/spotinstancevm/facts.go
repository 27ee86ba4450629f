package spotinstancevm

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// presence is what is known of a VM's existence. That a zone could not be read does not make its VMs absent.
type presence int

const (
	unknown presence = iota // its zone could not be read
	absent                  // a complete list of its zone does not show it
	present
)

// observed is all that decide knows: one pool, at one moment.
type observed struct {
	now        time.Time // whole seconds
	deletedAt  time.Time // when the pool was deleted; zero: it is not being deleted
	id         identity
	settings   settings
	generation int64
	finalizing bool
	edited     bool // the spec has changed since status was written

	wants      []want        // replicas of training jobs that want a VM, by job and replica
	machines   []machine     // by ordinal
	forgotten  []machine     // whose end the zones' operations tell, and status does not
	lent       []node        // that the user gave to the pool, and that serve: they are never touched
	strays     []node        // Nodes of the pool without a machine
	zones      []zone        // those of the spec first, in their order; then all others that may hold a VM
	highest    int           // the highest ordinal seen anywhere; -1 for none
	problems   []problem     // what keeps VMs from being created
	everywhere bool          // one list over all zones of the project was read, and machines hold what it showed
	silent     bool          // GCE refused the preemption notice lately: VMs are bought without
	isMass     bool          // many VMs are silent, over all pools of this server: see decide_silence.go
	isStuck    bool          // the scheduler passes over VMs of many pools of this server: see decide_unschedulable.go
	grace      time.Duration // how long a silent VM is waited for
	hopeless   bool          // the cloud cannot be asked with any credentials at hand, and will not be
	counted    int32         // preemptions so far, as status has it
	usualStart time.Duration // of earlier VMs, as status has it; 0: not known
	dry        time.Time     // since when no zone had spot VMs, as status has it; zero: they have

	machine     *v1alpha1.MachineStatus // what a VM has for pods; nil: nobody has told
	isSizeNew   bool                    // machine was read in this sync
	otherLabels []string                // keys of labels that Nodes have been seen with, besides those of the spec
	rejecting   map[string]string       // by VM: what its kubelet said of the last pod, if it rejected RejectionsPerVM of one replica in a row

	secretRef *corev1.SecretReference // whose key has last worked; nil: none, or the operator's own identity has

	spent        *v1alpha1.CostStatus // as status has it; nil: nothing was reckoned yet
	prices       *cost.Table          // nil: the user gave none
	priceTrouble string               // why the table could not be read again
}

// machine is one VM of the pool: what status remembers of it, and what was read of it now.
type machine struct {
	name    string
	ordinal int
	zone    string

	// What status remembers.
	written    written // its entry as the request has it
	state      v1alpha1.InstanceState
	reason     string // why it leaves or is gone
	since      time.Time
	idleSince  time.Time
	passedOver time.Time // since when the scheduler passes it over, see decide_unschedulable.go; zero: it does not
	joined     bool
	hasNode    bool // its Node has existed
	requestID  string
	operation  string
	seen       seen

	// What was read now.
	presence  presence
	status    string         // GCE's, when present
	oldSpec   bool           // made from an earlier spec
	gpus      int64          // that it has
	mustShow  int64          // of the pool's GPU resource, before it is Ready
	runsUntil time.Time      // GCE deletes it then; zero: never
	insert    *gce.Operation // its insert; nil: not listed
	doubt     *gce.Error     // of a plan: the newest answer to its insert, which leaves the outcome open; nil: none in this sync
	removal   *gce.Operation // the newest delete of it; nil: not listed
	preempted bool           // GCE's own operation says so
	stopped   bool           // somebody's stop or delete, or GCE's end of its run, is listed
	dismissal string         // why this operator deleted it, told from that delete; empty: it did not
	node      *node          // nil: none
	told      bool           // a pod on it was told by the node agent that GCE takes the VM back: before the Node is
	pods      int            // of training jobs, bound to its Node and not finished
	dying     int            // those of them that are being deleted
	rejects   string         // what its kubelet says of the pods that it rejects, if it has rejected too many; empty: it has not
	savers    int            // those of them that save themselves, and were not told to end
	freeAt    time.Time      // a pod that finished is still looked at until then; zero: none did

	abandon bool   // found now: it may be given up for its silence
	leaving bool   // decided now: it goes as soon as it is empty
	heldBy  string // found now: a pod that keeps it from going, namespace/name

	matched   bool // found now, if pods ask for zones: a replica is on it, or can take it; see decide_fit.go
	misplaced bool // found now: it is free, and no replica that waits can use it
}

// written is what status says of a VM: the order for what is done with it. Zero: it has no entry.
type written struct {
	state     v1alpha1.InstanceState
	idleSince time.Time
}

// seen is what GCE told of a VM, when it last did.
type seen struct {
	instanceID string
	model      string
	internalIP string
	externalIP string
	created    time.Time
	machine    string // type
	notice     time.Duration
	noticed    bool // notice was told, even if zero
}

// node is a Node that proved, by providerID and pool UID, to belong to one of the pool's VMs.
type node struct {
	name      string
	uid       string
	zone      string
	ready     bool
	shutsDown bool // its kubelet says so
	gpus      int64
	cordoned  bool

	allocatable corev1.ResourceList

	tainted string // a taint of somebody else's that can keep pods off it; empty: none
	leaving bool   // has TaintLeaving
	closed  bool   // has TaintPreempted, from its node agent
	agent   bool   // a node agent watches for GCE's notice there, and would tell
	noticed bool   // and has heard that GCE takes the VM back
}

// zone is one zone where VMs of the pool are or may be.
type zone struct {
	name    string
	wanted  bool // the spec names it
	read    bool // its VMs, and its operations if they matter, are known completely
	failure error

	// What status remembers, and then what is so now.
	block
	standardUntil time.Time // no on-demand VM is asked of it before, where those stand in for spot VMs
	lastLoss      time.Time // GCE had no place there for a VM, or none any more; zero: not lately
	doubtful      bool      // the Node of a spot VM there is not Ready: the kubelet is faster than GCE's list
	hinted        bool      // GCE has told, with a refusal elsewhere, that it has VMs there
	awaited       bool      // what became of an insert there is not known
}

// block keeps VMs from being asked of a zone.
type block struct {
	until   time.Time // zero: nothing does
	reason  string
	message string // what GCE said of it that is worth telling
}

// problem keeps VMs from being created until the user does something.
type problem struct {
	condition string // type
	reason    string
	message   string // field, what is wrong, remedy
}
