package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SpotInstanceJobSpec is what the user asks for.
//
// +kubebuilder:validation:XValidation:rule="(has(self.checkpointConfig) && !(has(self.checkpointConfig.method) && self.checkpointConfig.method == 'Application')) == (has(oldSelf.checkpointConfig) && !(has(oldSelf.checkpointConfig.method) && oldSelf.checkpointConfig.method == 'Application'))",message="checkpointConfig.method is immutable, and no checkpointConfig means Application: delete this SpotInstanceJob and apply it again to change who saves the training"
type SpotInstanceJobSpec struct {
	// Number of redundant replicas: each runs the whole training on a VM of its own, and the first
	// to succeed ends the job. Two survive the preemption of one without losing more than the time
	// since the last checkpoint of the other. Unset: 2, and 1 with checkpointConfig.method Application.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// The SpotInstanceVM of the same namespace whose VMs run the replicas. Immutable.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spotInstanceVMRef is immutable: delete this SpotInstanceJob and apply it again to train on another pool, from zero"
	// +kubebuilder:validation:XValidation:rule="has(self.name) && self.name != ''",message="set spotInstanceVMRef.name to the name of a SpotInstanceVM in this namespace"
	SpotInstanceVMRef corev1.LocalObjectReference `json:"spotInstanceVMRef"`

	// The Job (batch/v1 JobTemplateSpec) that one replica runs: one pod, restartPolicy Never; completionMode
	// Indexed takes completions 1. Every restart is decided by the operator, so that it can start from the best
	// checkpoint; backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished, suspend and podFailurePolicy
	// FailJob rules hold for the SpotInstanceJob as a whole. A preemption is never a failure, whatever
	// podFailurePolicy says of DisruptionTarget. Immutable.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="jobTemplate is immutable: delete this SpotInstanceJob and apply it again to train something else, from zero"
	JobTemplate runtime.RawExtension `json:"jobTemplate"`

	// When checkpoints are made, where their images go, and how many are kept. Unset: none are made, as with
	// method Application.
	// +optional
	CheckpointConfig CheckpointConfig `json:"checkpointConfig,omitzero"`

	// Secret with the key credentials.json: a Google service account key for the pool, used if the
	// SpotInstanceVM names none of its own. A Secret of another namespace must allow this one with the
	// annotation training.dcnlab.com/allow-namespaces.
	// +optional
	GCPCredentialsSecretRef *corev1.SecretReference `json:"gcpCredentialsSecretRef,omitempty"`

	// Stop training and give the VMs back. One last checkpoint is made first; setting it to false again
	// continues from the best checkpoint.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// JobPhase sums up the state of a SpotInstanceJob.
// +kubebuilder:validation:Enum=Pending;Running;Recovering;Suspended;Invalid;Succeeded;Failed
type JobPhase string

const (
	// JobPending means that no replica has trained yet.
	JobPending JobPhase = "Pending"
	// JobRunning means that every replica trains, or is on its way to its first start while others train.
	JobRunning JobPhase = "Running"
	// JobRecovering means that at least one replica that trained is lost and not training again yet.
	JobRecovering JobPhase = "Recovering"
	// JobSuspended means that spec.suspend holds and no replica is left.
	JobSuspended JobPhase = "Suspended"
	// JobInvalid means that no replica trains, and none will until the spec, or the pool's, is changed: see SpecValid.
	JobInvalid JobPhase = "Invalid"
	// JobSucceeded is final: one replica completed the training.
	JobSucceeded JobPhase = "Succeeded"
	// JobFailed is final: the training failed more often than backoffLimit allows, or past its deadline.
	JobFailed JobPhase = "Failed"
)

// SpotInstanceJobStatus is what the operator observed.
type SpotInstanceJobStatus struct {
	// Sum of the conditions in one word.
	// +optional
	Phase JobPhase `json:"phase,omitempty"`

	// Ready, with Reconciling or Stalled while it is False; SpecValid, Complete, Failed, and the troubles that a user can do
	// something about.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Replicas whose pod is running and ready on a healthy VM.
	// +optional
	ActiveReplicas int32 `json:"activeReplicas"`

	// Replicas that are wanted: spec.replicas, or what stands for it if it is unset.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas,omitempty"`

	// When the newest usable checkpoint image was built.
	// +optional
	LastCheckpointTime *metav1.Time `json:"lastCheckpointTime,omitempty"`

	// Image of the first container in the best checkpoint: what a lost replica would restart from now.
	// +optional
	LastCheckpointImage string `json:"lastCheckpointImage,omitempty"`

	// The interval between scheduled checkpoints of a replica, if checkpointInterval is auto.
	// +optional
	AutoInterval *AutoInterval `json:"autoInterval,omitempty"`

	// One entry per replica, in order.
	// +listType=atomic
	// +optional
	JobStatuses []JobReplicaStatus `json:"jobStatuses,omitempty"`

	// Attempts lost to preemption or another failure of their VM, ever.
	// +optional
	Preemptions int32 `json:"preemptions"`

	// Usable checkpoints completed, ever.
	// +optional
	Checkpoints int32 `json:"checkpoints"`

	// Seconds of training that were lost and done again, ever. Absent if the training saves itself: only it knows.
	// +optional
	LostSeconds *int64 `json:"lostSeconds,omitempty"`

	// The newest losses that a next attempt has followed, the newest first: 10 at most.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +optional
	RecentLosses []JobLossStatus `json:"recentLosses,omitempty"`

	// What is known of attempts whose Jobs were deleted before a next one was there, since the API server refused it. It is written as
	// in the annotation training.dcnlab.com/ledger of Jobs, and goes when a Job carries it.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Ledger string `json:"ledger,omitempty"`

	// What the job's replicas have cost: their VMs, from when a pod was bound to each until the pod ended or the VM was gone.
	// The start of a VM and its idle time are in the cost of the pool alone. Absent without a price table.
	// +optional
	Cost *CostStatus `json:"cost,omitempty"`

	// When the first pod started; after a suspension, the first since.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// When the job succeeded or failed.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// Generation of the spec that this status answers; -1 before the first answer.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// AutoInterval is the interval that the operator has chosen, and what it follows from.
type AutoInterval struct {
	// Time between two scheduled checkpoints of a replica. It stays while what it follows from would move it by
	// less than a quarter.
	Interval metav1.Duration `json:"interval"`

	// How long a checkpoint holds the training up: from its creation until its container was frozen into a
	// file, of the newest; if nobody saw that, until its images were built. Absent until there was one.
	// +optional
	CheckpointCost *metav1.Duration `json:"checkpointCost,omitempty"`

	// Mean time of training until a replica goes back to an earlier checkpoint, of all replicas together: it
	// lost its VM and no checkpoint was made in time, or the training failed. One in six hours is assumed
	// before anything is known.
	TimeBetweenRollbacks metav1.Duration `json:"timeBetweenRollbacks"`

	// The longest that a replica's newest attempt took from its creation to its training.
	// +optional
	RecoveryTime *metav1.Duration `json:"recoveryTime,omitempty"`
}

// JobReplicaStatus is one replica.
type JobReplicaStatus struct {
	// Name of the child Job of the replica's newest attempt.
	Name string `json:"name"`

	// Replica number, from 0.
	Replica int32 `json:"replica"`

	// Highest attempt number used, from 1: that of the named Job, unless a later one was dropped.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// Node that the pod runs on.
	// +optional
	NodeName string `json:"nodeName,omitempty"`

	// Pending, Starting, Running, Doomed, Lost, Ending, BackingOff, RestoreFailed, Rejected, Succeeded or Failed.
	// +optional
	Phase string `json:"phase,omitempty"`

	// Why the replica does not train; empty while it does. The message of the condition Ready tells more, and the remedy: NoCapacity,
	// Quota, AtMaxReplicas, WaitingForVM, Booting, Unschedulable, NoPod, SchedulingGated, SuspendedByOthers, WaitingForJob, ChildRefused, PoolMissing, PoolDeleting,
	// SpecInvalid, Starting, PullingImage, WaitingForCheckpoint, Saving, VMLost, Rejected, RestoreFailed, Ending, BackingOff, Suspended or Over.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Since when it does not train for this reason.
	// +optional
	WaitingSince *metav1.Time `json:"waitingSince,omitempty"`

	// When a Doomed or Lost attempt lost its VM, or its VM began to go. It is remembered here, since the SpotInstanceVM forgets VMs that are
	// gone, and all of them when it is deleted.
	// +optional
	LostSince *metav1.Time `json:"lostSince,omitempty"`

	// How often the API server has refused the replica's next Job, half a minute apart, while the Job of its last attempt is there, which is
	// over. The fourth time that Job is deleted: it may be what fills a quota of Jobs.
	// +optional
	Refusals int32 `json:"refusals,omitempty"`

	// When the newest of these refusals was counted.
	// +optional
	RefusedAt *metav1.Time `json:"refusedAt,omitempty"`

	// Image of the first container in the newest usable checkpoint of this replica.
	// +optional
	LastCheckpointImage string `json:"lastCheckpointImage,omitempty"`

	// Image that the attempt started from; empty for the template's own.
	// +optional
	RestoredFrom string `json:"restoredFrom,omitempty"`

	// Since when the attempt cannot start from its checkpoint image, for a reason that waiting does not cure.
	// +optional
	StuckSince *metav1.Time `json:"stuckSince,omitempty"`

	// Failures of the training itself in this replica, ever. Losses of VMs do not count.
	// +optional
	Failures int32 `json:"failures,omitempty"`

	// How the training last failed in this replica, or did not start from its checkpoint.
	// +optional
	LastFailure *JobFailureStatus `json:"lastFailure,omitempty"`
}

// JobFailureStatus is how an attempt failed. Its pod and its VM may be gone.
type JobFailureStatus struct {
	// Number of the attempt.
	Attempt int32 `json:"attempt"`

	// When it ended.
	Time metav1.Time `json:"time"`

	// The container, its exit code, and its last words: the termination message, or the last lines of its log. They are
	// cut to the last 1024 bytes. If a log may say what not everybody who reads this status should, set
	// terminationMessagePolicy File in jobTemplate.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
}

// JobLossStatus is an attempt that was lost with its VM, and what that cost.
type JobLossStatus struct {
	// Replica number.
	Replica int32 `json:"replica"`

	// Number of the attempt that was lost.
	Attempt int32 `json:"attempt"`

	// When the attempt ended, or its VM was noticed.
	Time metav1.Time `json:"time"`

	// Seconds of training that were lost: what the attempt had when it ended, less what the next one started with. An attempt
	// whose VM was noticed trains on until it ends, and what it trains after its last checkpoint is lost, too. Absent if the
	// training saves itself: only it knows.
	// +optional
	LostSeconds *int64 `json:"lostSeconds,omitempty"`

	// Image that the next attempt started from; empty for the template's own.
	// +optional
	RestoredFrom string `json:"restoredFrom,omitempty"`
}

// SpotInstanceJob is a training job that survives the preemption of its VMs.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=sij,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.activeReplicas
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.activeReplicas`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Last Checkpoint",type=date,JSONPath=`.status.lastCheckpointTime`
// +kubebuilder:printcolumn:name="Preemptions",type=integer,JSONPath=`.status.preemptions`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Spent USD",type=string,priority=1,JSONPath=`.status.cost.spentUSD`
// +kubebuilder:printcolumn:name="Saved USD",type=string,priority=1,JSONPath=`.status.cost.savedUSD`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type SpotInstanceJob struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What to run.
	Spec SpotInstanceJobSpec `json:"spec"`

	// What was observed. Until something was, observedGeneration is -1, so that nobody takes an object that was applied a moment ago
	// for one that is well.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SpotInstanceJobStatus `json:"status,omitempty"`
}

// SpotInstanceJobList is a list of SpotInstanceJobs.
//
// +kubebuilder:object:root=true
type SpotInstanceJobList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SpotInstanceJob `json:"items"`
}
