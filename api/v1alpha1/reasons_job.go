package v1alpha1

// Conditions of a SpotInstanceJob beside Ready and SpecValid. Those that report trouble are there only while it lasts.
const (
	// ConditionComplete is True when a replica has completed the training. Final.
	ConditionComplete = "Complete"
	// ConditionFailed is True when the job has failed. Final.
	ConditionFailed = "Failed"
	// ConditionCheckpointingStalled is True when checkpoints fail or nobody makes them.
	ConditionCheckpointingStalled = "CheckpointingStalled"
	// ConditionRestoreFailed is True when a checkpoint image would not run and is no longer used.
	ConditionRestoreFailed = "RestoreFailed"
	// ConditionNoUsableCheckpoint is True when a replica had to start over from the template's image.
	ConditionNoUsableCheckpoint = "NoUsableCheckpoint"
	// ConditionCheckpointsMayNotRestore is True when the template's pod has what a checkpoint does not hold.
	ConditionCheckpointsMayNotRestore = "CheckpointsMayNotRestore"
	// ConditionLosingVMs is True when VMs are lost again and again before they get anything done.
	ConditionLosingVMs = "LosingVMs"
	// ConditionGPUsIdle is True when a pod asks for fewer GPUs than its VM has: they are paid for and not used.
	ConditionGPUsIdle = "GPUsIdle"
	// ConditionCheaperOnDemand is True when all replicas together cost more an hour, as spot VMs, than one on-demand VM.
	ConditionCheaperOnDemand = "CheaperOnDemand"
	// ConditionCheckpointsTooOften is True when checkpoints take longer than the interval between them.
	ConditionCheckpointsTooOften = "CheckpointsTooOften"
	// ConditionGraceExceedsNotice is True when a training that saves itself asks for more time to do so than it has before its VM goes.
	ConditionGraceExceedsNotice = "GraceExceedsNotice"
	// ConditionIgnoredFields is True when the spec has fields that are accepted and not used.
	ConditionIgnoredFields = "IgnoredFields"
)

// Reasons of a SpotInstanceJob's Ready condition.
const (
	ReasonAllReplicasTraining = "AllReplicasTraining" // True
	ReasonSpecInvalid         = "SpecInvalid"         // see SpecValid
	ReasonPoolNotFound        = "PoolNotFound"        // the SpotInstanceVM does not exist, or is being deleted
	ReasonReplicasPending     = "ReplicasPending"     // replicas have not started yet
	ReasonRecovering          = "Recovering"          // replicas are lost and being restored
	ReasonBackingOff          = "BackingOff"          // replicas failed and wait for their next attempt
	ReasonSuspending          = "Suspending"          // a last checkpoint is being made
	ReasonSuspended           = "Suspended"           // True: spec.suspend, so that no replica is wanted
	ReasonComplete            = "Complete"            // True: see Complete
	ReasonFailed              = "Failed"              // see Failed
)

// Reasons of the other conditions of a SpotInstanceJob.
const (
	ReasonTrainingCompleted    = "TrainingCompleted"    // Complete
	ReasonBackoffLimitExceeded = "BackoffLimitExceeded" // Failed: every replica failed more than backoffLimit times
	ReasonDeadlineExceeded     = "DeadlineExceeded"     // Failed: activeDeadlineSeconds
	ReasonPodFailurePolicy     = "PodFailurePolicy"     // Failed: a FailJob rule matched; IgnoredFields: a rule for preemptions
	ReasonCheckpointsFail      = "CheckpointsFail"      // CheckpointingStalled
	ReasonAgentSilent          = "AgentSilent"          // CheckpointingStalled: no agent looked at a checkpoint
	ReasonAgentKeepsFinalizer  = "AgentKeepsFinalizer"  // CheckpointingStalled: deletion hangs
	ReasonImageExcluded        = "ImageExcluded"        // RestoreFailed
	ReasonStartedOver          = "StartedOver"          // NoUsableCheckpoint
	ReasonUnsavedState         = "UnsavedState"         // CheckpointsMayNotRestore: volumes, shared memory, connections
	ReasonPodDoesNotFit        = "PodDoesNotFit"        // SpecValid: no VM of the pool can run a pod: labels, zones or size; VMsUsable of the pool says so, too
	ReasonFewerGPUsRequested   = "FewerGPUsRequested"   // GPUsIdle
	ReasonIntervalTooShort     = "IntervalTooShort"     // CheckpointsTooOften
	ReasonReplicasCostMore     = "ReplicasCostMore"     // CheaperOnDemand
	ReasonQuickLosses          = "QuickLosses"          // LosingVMs
	ReasonRestartPolicy        = "RestartPolicy"        // IgnoredFields: the kubelet restarts nothing in place
	ReasonFieldRewritten       = "FieldRewritten"       // IgnoredFields: the operator sets it
	ReasonCheckpointStorage    = "CheckpointStorage"    // IgnoredFields
	ReasonCheckpointMethod     = "CheckpointMethod"     // IgnoredFields: fields for method Container
	ReasonNoticeTooShort       = "NoticeTooShort"       // GraceExceedsNotice
	ReasonTemplateSuspended    = "TemplateSuspended"    // Ready, True: jobTemplate.spec.suspend
)

// Phases of one replica in status.jobStatuses.
const (
	ReplicaPending       = "Pending"       // no VM has room yet
	ReplicaStarting      = "Starting"      // on a VM, containers not running yet
	ReplicaRunning       = "Running"       // training
	ReplicaDoomed        = "Doomed"        // its VM is stopping or its Node is not Ready
	ReplicaLost          = "Lost"          // gone with its VM; a successor follows
	ReplicaEnding        = "Ending"        // ended moments ago; not known yet whether the VM took it down
	ReplicaBackingOff    = "BackingOff"    // failed; the next attempt follows after a back-off
	ReplicaRestoreFailed = "RestoreFailed" // the checkpoint image would not run; the next attempt follows
	ReplicaRejected      = "Rejected"      // the kubelet of its VM rejected the pod; the next attempt follows
	ReplicaFailed        = "Failed"        // failed for good
	ReplicaSucceeded     = "Succeeded"     // completed the training
)

// Why a replica does not train, in status.jobStatuses[].reason. Each replica that does not has exactly one. An Event of the
// SpotInstanceJob with this reason tells when it changes, unless to WaitForJob, which is over in a moment or becomes WaitChildRefused.
const (
	WaitNoCapacity        = "NoCapacity"           // no VM is free, and the pool cannot have another one: its conditions tell why
	WaitQuota             = "Quota"                // the same, and in each zone because a quota is used up
	WaitAtMaxReplicas     = "AtMaxReplicas"        // no VM is free, and the pool has all VMs that spec.maxReplicas, or spec.replicas, allows
	WaitForVM             = "WaitingForVM"         // no VM is free; the pool asks for one, or will as soon as it may
	WaitBooting           = "Booting"              // no VM is free; one has been made, and is not Ready yet
	WaitUnschedulable     = "Unschedulable"        // a VM is Ready and free, and the scheduler does not bind the pod to it
	WaitNoPod             = "NoPod"                // the Job has had no pod for PodGrace
	WaitSchedulingGated   = "SchedulingGated"      // the pod has scheduling gates
	WaitSuspendedByOthers = "SuspendedByOthers"    // somebody else set spec.suspend of the Job
	WaitForJob            = "WaitingForJob"        // its next Job was asked for, and is not there yet
	WaitChildRefused      = "ChildRefused"         // its next Job was asked for PodGrace ago and is not there: the API server refuses it
	WaitPoolMissing       = "PoolMissing"          // there is no such SpotInstanceVM
	WaitPoolDeleting      = "PoolDeleting"         // the SpotInstanceVM is being deleted
	WaitSpecInvalid       = "SpecInvalid"          // the spec cannot be run: see the condition SpecValid
	WaitStarting          = "Starting"             // the pod is on a VM, and its containers do not run yet
	WaitPullingImage      = "PullingImage"         // the same, and the kubelet pulls an image, or cannot
	WaitForCheckpoint     = "WaitingForCheckpoint" // its successor starts when a checkpoint is complete
	WaitSaving            = "Saving"               // it saves itself: its successor starts when its pod has ended, or its VM is gone
	WaitVMLost            = "VMLost"               // its VM is gone or going; a successor follows
	WaitRejected          = "Rejected"             // the kubelet of its VM rejected the pod; the next attempt follows
	WaitRestoreFailed     = "RestoreFailed"        // its checkpoint image would not run; a successor follows
	WaitEnding            = "Ending"               // it ended moments ago; whether its VM took it down is known soon
	WaitBackingOff        = "BackingOff"           // it failed; the next attempt follows later
	WaitSuspended         = "Suspended"            // spec.suspend
	WaitOver              = "Over"                 // the replica, or the whole job, has succeeded or failed
)
