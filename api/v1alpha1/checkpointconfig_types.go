package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CheckpointConfig says who saves the training, and if that is the checkpoint agent, when it makes checkpoints and where their
// images go.
//
// +kubebuilder:validation:XValidation:rule="has(self.method) && self.method == 'Application' || has(self.checkpointImageRepo)",message="set checkpointConfig.checkpointImageRepo to an image repository, or checkpointConfig.method to Application if the training saves itself"
// +kubebuilder:validation:XValidation:rule="has(self.method) && self.method == 'Application' || has(self.checkpointInterval)",message="set checkpointConfig.checkpointInterval to auto or a duration, or checkpointConfig.method to Application if the training saves itself"
type CheckpointConfig struct {
	// Who saves the training. Container: the checkpoint agent freezes the whole container into an image, and the
	// next attempt starts from it. Application: the training itself, into a bucket or a volume, and the next attempt
	// of jobTemplate finds it there. Before its VM goes its pod is told by SIGTERM, and the next one starts when it has
	// ended. All other fields are for Container. Immutable.
	// +kubebuilder:default=Container
	// +kubebuilder:validation:Enum=Container;Application
	// +optional
	Method CheckpointMethod `json:"method,omitempty"`

	// Image repository that checkpoint images are pushed to, such as docker.io/acme/checkpoints.
	// A name without a registry host means docker.io. Required with method Container.
	// +kubebuilder:validation:MinLength=1
	// +optional
	CheckpointImageRepo string `json:"checkpointImageRepo,omitempty"`

	// Time between two checkpoints of one replica, such as 30m. N replicas take turns, so that a fresh
	// checkpoint appears every interval/N. With "auto" it follows from how long this job's checkpoints hold
	// the training up and how often it has to go back to one; status.autoInterval shows it. Required with method Container.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == 'auto' || self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('1s')",message="checkpointInterval must be auto or a duration of at least 1s, such as 30m or 1h30m"
	// +optional
	CheckpointInterval CheckpointInterval `json:"checkpointInterval,omitzero"`

	// Secret of this namespace with the keys username, password and registry that the checkpoint agent pushes
	// with. Unset: the agent's own, which is Secret registry-credentials of namespace stateful-migration; to name
	// that one here is the same as nothing. A Secret of any other namespace is refused.
	// +optional
	CheckpointRepoCredentialRef *corev1.SecretReference `json:"checkpointRepoCredentialRef,omitempty"`

	// Accepted for compatibility and not used: the checkpoint agent stores checkpoints as images only.
	// +optional
	CheckpointStorage *CheckpointStorageConfig `json:"checkpointStorage,omitempty"`

	// How many completed checkpoints are kept, best first.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	// +optional
	Retain *int32 `json:"retain,omitempty"`

	// How long a checkpoint may take before it is given up. A checkpoint given up blocks nothing and is
	// still used if it completes later.
	// +kubebuilder:default="15m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('1s')",message="timeout must be a duration of at least 1s, such as 15m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// What is checkpointed when a VM is preempted. Auto: the replica that saves most training. None: nothing;
	// the lost replica restarts from the best checkpoint at hand.
	// +kubebuilder:default=Auto
	// +kubebuilder:validation:Enum=Auto;None
	// +optional
	OnPreemption PreemptionCheckpoint `json:"onPreemption,omitempty"`

	// Whether a pod that starts from a checkpoint has a volume of type image for each image of jobTemplate, so that the
	// kubelet pulls it: CRI-O restores a checkpoint only if that image is on the VM. No container mounts it. Set it to
	// false if an admission policy of your cluster refuses such volumes, and pull the images in the SpotInstanceVM's
	// spec.startupScript. Unset: true.
	// +optional
	PullBaseImages *bool `json:"pullBaseImages,omitempty"`
}

// CheckpointMethod says who saves the training.
type CheckpointMethod string

const (
	// CheckpointContainer has the checkpoint agent freeze containers into images.
	CheckpointContainer CheckpointMethod = "Container"
	// CheckpointApplication leaves it to the training.
	CheckpointApplication CheckpointMethod = "Application"
)

// SavesItself is true of a training that no checkpoint agent saves: it says so, or has no checkpointConfig.
func (s SpotInstanceJobSpec) SavesItself() bool {
	return s.CheckpointConfig.Method == CheckpointApplication || s.CheckpointConfig == CheckpointConfig{}
}

// PreemptionCheckpoint says what is checkpointed when a VM is preempted.
type PreemptionCheckpoint string

const (
	// PreemptionCheckpointAuto checkpoints the replica that saves most training.
	PreemptionCheckpointAuto PreemptionCheckpoint = "Auto"
	// PreemptionCheckpointNone makes no checkpoint on preemption.
	PreemptionCheckpointNone PreemptionCheckpoint = "None"
)

// CheckpointStorageConfig is accepted for compatibility and not used.
type CheckpointStorageConfig struct {
	// Kind of storage, such as gcs. Not used.
	// +optional
	Type string `json:"type,omitempty"`
	// Bucket name. Not used.
	// +optional
	Bucket string `json:"bucket,omitempty"`
	// Prefix of object names in the bucket. Not used.
	// +optional
	PathPrefix string `json:"pathPrefix,omitempty"`
}
