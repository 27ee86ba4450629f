package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PoolPhase sums up the state of a SpotInstanceVM.
// +kubebuilder:validation:Enum=Idle;Provisioning;Ready;Degraded;Invalid;Deleting
type PoolPhase string

const (
	// PoolIdle means that no VM is wanted and none exists.
	PoolIdle PoolPhase = "Idle"
	// PoolProvisioning means that VMs are on their way and nothing is wrong.
	PoolProvisioning PoolPhase = "Provisioning"
	// PoolReady means that all VMs wanted are Ready.
	PoolReady PoolPhase = "Ready"
	// PoolDegraded means that VMs are missing and a condition tells why.
	PoolDegraded PoolPhase = "Degraded"
	// PoolInvalid means that the spec, a Secret or the credentials must be mended before a VM can be created.
	PoolInvalid PoolPhase = "Invalid"
	// PoolDeleting means that the pool is being deleted and its VMs go first.
	PoolDeleting PoolPhase = "Deleting"
)

// SpotInstanceVMStatus is what the operator observed.
type SpotInstanceVMStatus struct {
	// Sum of the conditions in one word.
	// +optional
	Phase PoolPhase `json:"phase,omitempty"`

	// Ready, with Reconciling or Stalled while it is False, and the troubles that a user can do something about.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// VMs that exist or are being created and are not on their way out.
	// +optional
	Replicas int32 `json:"replicas"`

	// VMs whose Node is Ready with its GPUs.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`

	// VMs wanted now.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`

	// Where the VMs counted by replicas are: zones with their number of VMs, such as us-central1-a:2,us-central1-b:1.
	// +optional
	Placement string `json:"placement,omitempty"`

	// One entry per VM, and for a while per VM that is gone. It is rebuilt from GCE and the Nodes on each sync.
	// +listType=map
	// +listMapKey=name
	// +optional
	ProvisionedInstances []VMInstanceStatus `json:"provisionedInstances,omitempty"`

	// One entry per zone of the spec.
	// +listType=map
	// +listMapKey=zone
	// +optional
	Zones []ZoneStatus `json:"zones,omitempty"`

	// Replicas that Ready VMs were bought for and could not take. No VM is bought for them for a while.
	// +listType=map
	// +listMapKey=jobName
	// +optional
	UnschedulableReplicas []UnschedulableReplica `json:"unschedulableReplicas,omitempty"`

	// What a VM of the pool has for pods, as far as it is known.
	// +optional
	Machine *MachineStatus `json:"machine,omitempty"`

	// Keys of labels that Nodes of the pool have been seen with and that nothing in the spec tells of: somebody in the cluster sets them.
	// A pod that asks for one of them is left to the scheduler.
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +optional
	OtherNodeLabels []string `json:"otherNodeLabels,omitempty"`

	// Nodes of the user's own that serve the pool.
	// +optional
	LentNodes int32 `json:"lentNodes,omitempty"`
	// How long VMs of this pool take from their creation until they are Ready: a mean in which the newest count most. Absent until one was.
	// +optional
	UsualStartTime *metav1.Duration `json:"usualStartTime,omitempty"`

	// Since when no zone has had a spot VM for this pool. Only with SpotWithStandardFallback.
	// +optional
	SpotUnavailableSince *metav1.Time `json:"spotUnavailableSince,omitempty"`

	// The Secret whose key has last worked for this pool; absent if that was the operator's own identity. When nobody names
	// credentials any more, as after the last job that did is gone, VMs that are not needed are deleted with this key, as
	// long as the Secret exists and is shared with this namespace. No VM is bought with it.
	// +optional
	CredentialsSecretRef *corev1.SecretReference `json:"credentialsSecretRef,omitempty"`

	// VMs that GCE preempted, ever.
	// +optional
	Preemptions int32 `json:"preemptions"`

	// What the pool's VMs have cost, each from its creation until it was gone. Absent without a price table.
	// +optional
	Cost *CostStatus `json:"cost,omitempty"`

	// Generation of the spec that this status answers; -1 before the first answer.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// InstanceState is the life of one VM as the pool sees it.
//
//	Planned ─► Creating ─► Joining ─► Ready ◄─► NotReady
//	                          any of them ─► Stopping ─► Gone
//	                                    └──► Deleting ─► Gone
//
// +kubebuilder:validation:Enum=Planned;Creating;Joining;Ready;NotReady;Stopping;Deleting;Gone;Unknown
type InstanceState string

const (
	// InstancePlanned means that the insert request is written down and will be sent by the next sync.
	InstancePlanned InstanceState = "Planned"
	// InstanceCreating means that the insert was sent and the VM is not RUNNING yet.
	InstanceCreating InstanceState = "Creating"
	// InstanceJoining means that the VM is RUNNING and its Node is not Ready with its GPUs yet.
	InstanceJoining InstanceState = "Joining"
	// InstanceReady means that the VM is RUNNING and its Node is Ready with its GPUs.
	InstanceReady InstanceState = "Ready"
	// InstanceNotReady means that the VM is RUNNING and its Node, once Ready, is not. While it has no reason it is waited for,
	// and its replicas may train on. With the reason NodeNotReady it was given up: another VM is bought, and its replicas are
	// doomed.
	InstanceNotReady InstanceState = "NotReady"
	// InstanceStopping means that the VM is noticed, being preempted, or was stopped: replicas on it are doomed.
	InstanceStopping InstanceState = "Stopping"
	// InstanceDeleting means that this operator deletes the VM.
	InstanceDeleting InstanceState = "Deleting"
	// InstanceGone means that a fresh list of its zone showed the VM absent: replicas on it are lost.
	InstanceGone InstanceState = "Gone"
	// InstanceUnknown means that its zone could not be read and its Node does not vouch for it, or that the cluster hears
	// nothing of most of the pool's VMs, of it neither.
	InstanceUnknown InstanceState = "Unknown"
)

// VMInstanceStatus is one VM.
type VMInstanceStatus struct {
	// Name of the VM and of its Node.
	Name string `json:"name"`

	// Numeric id that GCE gave the VM.
	// +optional
	InstanceID string `json:"instanceID,omitempty"`

	// Zone of the VM.
	// +optional
	Zone string `json:"zone,omitempty"`

	// SPOT or STANDARD.
	// +optional
	ProvisioningModel string `json:"provisioningModel,omitempty"`

	// GCE machine type.
	// +optional
	MachineType string `json:"machineType,omitempty"`

	// Internal IP address.
	// +optional
	InternalIP string `json:"internalIP,omitempty"`

	// External IP address.
	// +optional
	ExternalIP string `json:"externalIP,omitempty"`

	// Where the VM is in its life.
	// +optional
	State InstanceState `json:"state,omitempty"`

	// Whether the VM's Node has been Ready with its GPUs.
	// +optional
	JoinedCluster bool `json:"joinedCluster,omitempty"`

	// Name of the Node, once it exists.
	// +optional
	NodeName string `json:"nodeName,omitempty"`

	// When GCE created the VM.
	// +optional
	CreationTime *metav1.Time `json:"creationTime,omitempty"`

	// Notice that GCE gives this VM before it is preempted.
	// +optional
	PreemptionNotice *metav1.Duration `json:"preemptionNotice,omitempty"`

	// Request id of the insert: sending it again never makes a second VM.
	// +optional
	RequestID string `json:"requestID,omitempty"`

	// GCE operation in flight for this VM.
	// +optional
	Operation string `json:"operation,omitempty"`

	// Since when the VM is in this state.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// Why the VM is leaving or gone: Preempted, Stopped, Lost, RunLimit, SpotIsBack, JoinTimeout, NodeNotReady, NotNeeded,
	// RejectsPods, PoolDeleted, NameTaken, or the kind of failure of its insert, such as Stockout.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Why the VM serves no replica; empty while one trains on it, while it is Ready for the next one, and once it is gone: Requested,
	// NoAnswer, Booting, Joining, GPUsMissing, NotReady, GivenUp, ZoneUnreachable, Cordoned, Tainted, RejectsPods, Misplaced, Unschedulable, Idle, Draining,
	// Noticed, Moving, Stopping or Deleting.
	// +optional
	NotServing string `json:"notServing,omitempty"`

	// Since when it serves no replica for this reason.
	// +optional
	NotServingSince *metav1.Time `json:"notServingSince,omitempty"`

	// Since when nobody needs the VM. It is deleted idleTimeout later.
	// +optional
	IdleSince *metav1.Time `json:"idleSince,omitempty"`

	// Since when the scheduler passes this VM over: it is Ready and free, and a pod of the pool is unschedulable.
	// +optional
	PassedOverSince *metav1.Time `json:"passedOverSince,omitempty"`
}

// MachineStatus is the size of the pool's VMs. A pod that asks for more gets no VM.
type MachineStatus struct {
	// GCE machine type that this is about.
	MachineType string `json:"machineType"`

	// CPU architecture, in Kubernetes' words: amd64 or arm64.
	// +optional
	Architecture string `json:"architecture,omitempty"`

	// The most that pods can have: cpu, memory and ephemeral-storage, those that are known.
	// +optional
	Allocatable corev1.ResourceList `json:"allocatable,omitempty"`

	// Where allocatable is from. MachineType: Compute Engine says so of the machine type; a Node leaves less for pods. Node: the most that
	// Nodes of the pool have left for pods since the spec was last changed.
	// +optional
	Source MachineSource `json:"source,omitempty"`
}

// MachineSource is where the size of a VM is known from.
// +kubebuilder:validation:Enum=MachineType;Node
type MachineSource string

const (
	// MachineSourceType is Compute Engine's word for the machine type.
	MachineSourceType MachineSource = "MachineType"
	// MachineSourceNode is the allocatable of a Node.
	MachineSourceNode MachineSource = "Node"
)

// UnschedulableReplica is a replica whose pod the scheduler binds to none of the pool's VMs that are Ready and free.
type UnschedulableReplica struct {
	// Name of the child Job that the pod belongs to.
	JobName string `json:"jobName"`

	// No VM is bought for the replica before this time, unless the pool's spec is changed. A VM that comes free is still its own to take.
	Until metav1.Time `json:"until"`

	// What the scheduler said of the pod while those VMs were there.
	// +optional
	Message string `json:"message,omitempty"`
}

// ZoneStatus is one zone of the pool.
type ZoneStatus struct {
	// Name of the zone.
	Zone string `json:"zone"`

	// No VM is asked of this zone before this time.
	// +optional
	BlockedUntil *metav1.Time `json:"blockedUntil,omitempty"`

	// Why: Stockout, Unsupported, Quota, RateLimited or Unavailable, or what became of the last VM that was lost there before it
	// was Ready. Without blockedUntil: GCE has not said what became of an insert there.
	// +optional
	Reason string `json:"reason,omitempty"`

	// What GCE said, such as why it refuses the spec there, or which quota is used up and its limit. It may have said so of
	// another zone of the region.
	// +optional
	Message string `json:"message,omitempty"`

	// No on-demand VM is asked of this zone before this time, where those stand in for spot VMs.
	// +optional
	StandardBlockedUntil *metav1.Time `json:"standardBlockedUntil,omitempty"`

	// When GCE last had no place for a VM there, or took one back, within the last hour. Other zones are preferred.
	// +optional
	LastLossTime *metav1.Time `json:"lastLossTime,omitempty"`
}
