package v1alpha1

// Conditions of a SpotInstanceVM beside Ready and SpecValid. All are there on every pool; True is good. While one of
// SpecValid, CredentialsValid and JoinDataValid is False, no VM is created and those that exist are kept.
const (
	// ConditionCredentialsValid is False when Google Cloud cannot be used as the pool, its jobs or the operator say:
	// its message names the Secret and the remedy.
	ConditionCredentialsValid = "CredentialsValid"
	// ConditionJoinDataValid is False when a VM could not join this cluster: a join value is missing, malformed or a
	// placeholder, or the token has expired.
	ConditionJoinDataValid = "JoinDataValid"
	// ConditionZonesReachable is False when a zone could not be read. VMs there are neither created nor deleted, and
	// count for as long as their Nodes are Ready. Unknown without credentials.
	ConditionZonesReachable = "ZonesReachable"
	// ConditionCapacityAvailable is False when VMs are missing and no zone of the spec may be asked now.
	ConditionCapacityAvailable = "CapacityAvailable"
	// ConditionVMsJoining is False after VMs were bought that did not become Ready Nodes: its message names the
	// command that shows their serial console. The next start waits 1, 2, 4 ... 30 minutes.
	ConditionVMsJoining = "VMsJoining"
	// ConditionVMsUsable is there, and False, while a VM is Ready and no replica can use it: its message tells which and why, in the
	// scheduler's words if it is the scheduler that refuses.
	ConditionVMsUsable = "VMsUsable"
	// ConditionNoticeGiven is there, and False, while VMs are bought without the preemption notice that the spec asks for.
	ConditionNoticeGiven = "NoticeGiven"
	// ConditionSpotAvailable is there for SpotWithStandardFallback. It is False while no zone has spot VMs, or on-demand VMs
	// still stand in for them.
	ConditionSpotAvailable = "SpotAvailable"
	// ConditionCostKnown is there, and False, while there is a price table and VMs of the pool are not reckoned by it: its
	// message names the line to mend or to add.
	ConditionCostKnown = "CostKnown"
)

// Reasons of a SpotInstanceVM's Ready condition. A False condition that keeps VMs from coming lends it its own reason
// and message.
const (
	ReasonAllVMsReady  = "AllVMsReady"  // True: as many as wanted
	ReasonNoVMsWanted  = "NoVMsWanted"  // True: none wanted, none missing
	ReasonProvisioning = "Provisioning" // False: VMs are on their way
	ReasonNodesSilent  = "NodesSilent"  // False: most VMs run, by GCE's word, and the cluster does not hear them
	ReasonPoolDeleting = "Deleting"     // False: the VMs go first, then the pool
)

// Reasons of SpecValid, CredentialsValid and JoinDataValid.
const (
	ReasonRefusedByGCE        = "RefusedByGCE"        // SpecValid, CredentialsValid: GCE said no, and will again
	ReasonZoneUnknown         = "ZoneUnknown"         // SpecValid: GCE knows no such zone
	ReasonSecretNotFound      = "SecretNotFound"      // CredentialsValid, JoinDataValid
	ReasonSecretUnreadable    = "SecretUnreadable"    // CredentialsValid, JoinDataValid: the API server did not give it
	ReasonSecretNotShared     = "SecretNotShared"     // CredentialsValid: the other namespace does not allow this one
	ReasonKeyMissing          = "KeyMissing"          // CredentialsValid: the Secret lacks a key
	ReasonOwnIdentityDenied   = "OwnIdentityDenied"   // CredentialsValid: nobody names a key, and the operator's own identity may not buy here
	ReasonCredentialsUnusable = "CredentialsUnusable" // CredentialsValid: no client can be made of them
	ReasonJoinValueMalformed  = "JoinValueMalformed"  // JoinDataValid: a typo or a placeholder
	ReasonJoinTokenExpired    = "JoinTokenExpired"    // JoinDataValid: cluster-info is not signed with it
	ReasonClusterInfoMissing  = "ClusterInfoMissing"  // JoinDataValid: not a cluster that kubeadm can join
)

// Reasons of the other conditions of a SpotInstanceVM.
const (
	ReasonReachable       = "Reachable"       // ZonesReachable, True
	ReasonZoneUnreachable = "ZoneUnreachable" // ZonesReachable
	ReasonNotConnected    = "NotConnected"    // ZonesReachable, Unknown: see CredentialsValid and SpecValid
	ReasonAvailable       = "Available"       // CapacityAvailable, True
	ReasonZonesExhausted  = "ZonesExhausted"  // CapacityAvailable: each zone failed moments ago; see status.zones
	ReasonNoAnswer        = "NoAnswer"        // CapacityAvailable: GCE has not said what became of an insert
	ReasonJoining         = "Joining"         // VMsJoining, True
	ReasonStartsFail      = "StartsFail"      // VMsJoining
	ReasonGPUsMissing     = "GPUsMissing"     // VMsJoining: Nodes are Ready without GPUs
	ReasonNodeCordoned    = "NodeCordoned"    // VMsUsable: somebody cordoned a Node
	ReasonNodeUnfit       = "NodeUnfit"       // VMsUsable: a Node has a foreign taint or has lost GPUs, and no pod lands there
	ReasonUnschedulable   = "Unschedulable"   // VMsUsable: the scheduler binds a pod to no VM that is Ready and free
	ReasonPodsRejected    = "PodsRejected"    // VMsUsable: the kubelet of a VM rejects one pod after the other
	ReasonNoticeRefused   = "NoticeRefused"   // NoticeGiven: GCE refuses scheduling.preemptionNoticeDuration
	ReasonPricesUnusable  = "PricesUnusable"  // CostKnown: the table cannot be read
	ReasonPriceMissing    = "PriceMissing"    // CostKnown: the table lacks a line
	ReasonSpotOnly        = "SpotOnly"        // SpotAvailable, True
	ReasonSpotUnavailable = "SpotUnavailable" // SpotAvailable: waiting for fallbackAfter to pass
	ReasonOnDemandInUse   = "OnDemandInUse"   // SpotAvailable: on-demand VMs stand in
)

// Reasons in status.provisionedInstances: why a VM is leaving or gone. Besides these it can be the kind of the failure
// that its insert ended with: Stockout, Unsupported, Quota, Invalid, NotFound, Forbidden, RateLimited or Unavailable. A VM
// that is Planned and Unavailable was asked for, and GCE has not said what became of that.
const (
	VMPreempted    = "Preempted"    // GCE took it back
	VMStopped      = "Stopped"      // somebody stopped or deleted it, or its run limit passed
	VMLost         = "Lost"         // it is gone and nothing tells why
	VMRunLimit     = "RunLimit"     // maxRunDuration is near
	VMJoinTimeout  = "JoinTimeout"  // no Ready Node with its GPUs within joinTimeout
	VMSpotIsBack   = "SpotIsBack"   // an on-demand VM whose work goes to a spot VM that is Ready
	VMNodeNotReady = "NodeNotReady" // its Node was not Ready for so long that the VM was given up
	VMNotNeeded    = "NotNeeded"    // beyond what is wanted
	VMRejectsPods  = "RejectsPods"  // its kubelet rejected several pods of one replica in a row
	VMPoolDeleted  = "PoolDeleted"  // the pool is being deleted
	VMNameTaken    = "NameTaken"    // a VM of somebody else has its name
	VMSuperseded   = "Superseded"   // it failed before the spec was edited, and is not held against the pool any more
)

// Why a VM serves no replica, in status.provisionedInstances[].notServing. Each VM that is not gone, and neither runs a replica nor is
// Ready for the next one, has exactly one. An Event of the SpotInstanceVM with this reason tells when it changes.
const (
	NotServingRequested       = "Requested"       // it is asked of GCE, and does not run yet
	NotServingNoAnswer        = "NoAnswer"        // GCE has not said what became of its insert
	NotServingBooting         = "Booting"         // it runs, and has no Node yet
	NotServingJoining         = "Joining"         // its Node is not Ready yet
	NotServingGPUsMissing     = "GPUsMissing"     // its Node is Ready and lacks GPUs: not yet, or not any more, so that no pod lands there
	NotServingNotReady        = "NotReady"        // its Node was Ready and is not: it is waited for, and what trains there may go on
	NotServingGivenUp         = "GivenUp"         // the same for so long that another VM takes its place
	NotServingZoneUnreachable = "ZoneUnreachable" // GCE did not list its zone, and its Node is not Ready
	NotServingCordoned        = "Cordoned"        // somebody cordoned its Node
	NotServingTainted         = "Tainted"         // its Node has a taint that spec.taints does not name, and no pod lands there
	NotServingRejects         = "RejectsPods"     // its kubelet rejected several pods of one replica in a row
	NotServingMisplaced       = "Misplaced"       // it is Ready in a zone where no pod that waits may run
	NotServingUnschedulable   = "Unschedulable"   // it is Ready and free, and the scheduler binds a pod that waits to no VM
	NotServingIdle            = "Idle"            // nobody needs it: it goes after idleTimeout
	NotServingDraining        = "Draining"        // the same, and it goes as soon as it is empty
	NotServingNoticed         = "Noticed"         // GCE takes it back; what trains there goes on until then
	NotServingMoving          = "Moving"          // its run limit is near, or a spot VM takes its place: what trains there moves
	NotServingStopping        = "Stopping"        // it stops
	NotServingDeleting        = "Deleting"        // this operator deletes it
)

// Reasons of Events on a SpotInstanceVM, besides those above.
const (
	EventVMPreempted   = "VMPreempted"
	EventVMStartFailed = "VMStartFailed"
	EventVMRefused     = "VMRefused"
	EventVMKept        = "VMKept" // nobody needs it, and a pod does not leave it
)
