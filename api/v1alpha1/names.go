package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Labels. What anything selects by has hashes, UIDs or numbers for values, so that they always fit; full names go into annotations.
const (
	// LabelPool is on the Nodes, pods and Jobs of a pool; its value is PoolID. Every selector and nodeSelector uses it.
	LabelPool = "training.dcnlab.com/pool"
	// LabelPoolUID is on the Nodes of a pool and holds the pool's UID. It only proves ownership before a delete.
	LabelPoolUID = "training.dcnlab.com/pool-uid"
	// LabelNotice is on the Nodes of a pool and holds how many seconds before a VM is stopped GCE tells it. Absent: none.
	LabelNotice = "training.dcnlab.com/preemption-notice"
	// LabelJobUID is on the Jobs, pods and CheckpointBackups of a SpotInstanceJob and holds its UID.
	LabelJobUID = "training.dcnlab.com/job-uid"
	// LabelReplica is on the Jobs, pods and CheckpointBackups of a SpotInstanceJob: the replica, from 0.
	LabelReplica = "training.dcnlab.com/replica"
	// LabelAttempt is on the Jobs, pods and CheckpointBackups of a SpotInstanceJob: the attempt, from 1.
	LabelAttempt = "training.dcnlab.com/attempt"
	// LabelJobName is on the Jobs, pods and CheckpointBackups of a SpotInstanceJob, for its user: LabelValue of its name. Nothing selects
	// by it: children of an earlier version of the operator do not have it.
	LabelJobName = "training.dcnlab.com/job-name"
	// LabelPoolName is LabelValue of the pool's name, in the same places and for the same use.
	LabelPoolName = "training.dcnlab.com/pool-name"
)

// AnnotationFinalAttempt on a Job is "true" when no further attempt follows its failure: once it has failed,
// its replica asks for no VM.
const AnnotationFinalAttempt = "training.dcnlab.com/final-attempt"

// PodGrace is how long a Job may be without a pod and still count as a replica that wants a VM. The Job controller makes the pod within a
// second, unless a quota, a policy or a missing ServiceAccount forbids it. While there is no pod, no VM is of use.
const PodGrace = 30 * time.Second

// AnnotationSavesItself on a pod is "true" when its training saves itself: it is told by SIGTERM that its VM goes.
const AnnotationSavesItself = "training.dcnlab.com/saves-itself"

// VariableNotice is the environment variable of containers that save themselves: how many seconds they have from SIGTERM until they
// are killed.
const VariableNotice = "SPOT_NOTICE_SECONDS"

// AnnotationCredentials on a Job is "namespace/name" of the Secret that its SpotInstanceJob names for Google Cloud.
const AnnotationCredentials = "training.dcnlab.com/gcp-credentials"

// AnnotationAllowNamespaces on a Secret lists, separated by commas, the namespaces whose pools may use it; "*" is all.
const AnnotationAllowNamespaces = "training.dcnlab.com/allow-namespaces"

// TaintLeaving is put on a Node whose VM is about to go, so that nothing new lands on it.
const TaintLeaving = "training.dcnlab.com/leaving"

// What the node agent says once the metadata server of its VM has said that GCE takes the VM back, or is about to maintain
// its host, which ends a VM with GPUs, too.
const (
	// ConditionSpotPreempted is a condition of Nodes: False once the agent watches, True from the notice on, and absent
	// where no agent has started.
	ConditionSpotPreempted = "SpotPreempted"
	// ConditionPodPreempted is a condition of training pods: True from the notice on.
	ConditionPodPreempted = "training.dcnlab.com/Preempted"
	// ReasonNoNotice is the reason of SpotPreempted=False.
	ReasonNoNotice = "NoNotice"
	// ReasonNotice is the reason of both when the agent heard of the notice as it came: the VM has the whole of it left.
	ReasonNotice = "PreemptionNotice"
	// ReasonLateNotice is the reason of both when the agent found the notice there: the VM may be stopped at any moment.
	ReasonLateNotice = "PreemptionNoticeFound"
	// ReasonMaintenance is the reason of both when the agent heard that the host will be maintained: GCE says so an hour
	// before it stops a VM with GPUs, a minute before any other.
	ReasonMaintenance = "HostMaintenance"
	// TaintPreempted is put on the Node, so that nothing new lands on it.
	TaintPreempted = "training.dcnlab.com/preempted"
)

// PoolID is the value of LabelPool for a SpotInstanceVM: the first 16 hexadecimal digits of the SHA-256 of
// "namespace/name". A job can compute it from the pool's name alone.
func PoolID(namespace, name string) string {
	return Hash(namespace + "/" + name)[:16]
}

// LabelValue is an object's name as the value of a label, which holds 63 characters: a longer one is cut to 54, and the first 8
// hexadecimal digits of its SHA-256 follow.
func LabelValue(name string) string {
	if len(name) <= 63 {
		return name
	}
	return name[:54] + "-" + Hash(name)[:8]
}

// Hash is the SHA-256 of s in hexadecimal.
func Hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// FullMachineType is a machine type with its series. GCE's names of custom N1 machine types, such as custom-8-53248, lack it.
func FullMachineType(machineType string) string {
	if strings.HasPrefix(machineType, "custom-") {
		return "n1-" + machineType
	}
	return machineType
}
