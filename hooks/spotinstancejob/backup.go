package spotinstancejob

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkpointBackup is the part of CheckpointBackup (migration.dcnlab.com/v1) that this hook writes and reads. The
// kind and its checkpoint agent belong to another project, the stateful migration operator.
type checkpointBackup struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`
	Spec            backupSpec        `json:"spec"`
	Status          backupStatus      `json:"status,omitzero"`
}

type backupSpec struct {
	Schedule    string            `json:"schedule"` // a cron line, or "immediately" for one checkpoint
	PodRef      podRef            `json:"podRef"`
	ResourceRef resourceRef       `json:"resourceRef"`
	Registry    *backupRegistry   `json:"registry,omitempty"`
	Containers  []backupContainer `json:"containers"` // without any, the agent makes nothing and says Completed
}

type podRef struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type resourceRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
}

type backupRegistry struct {
	URL        string                  `json:"url"`
	Repository string                  `json:"repository"`
	SecretRef  *corev1.SecretReference `json:"secretRef,omitempty"`
}

type backupContainer struct {
	Name  string `json:"name"`
	Image string `json:"image"` // repository:tag, without the registry host
}

type backupStatus struct {
	Phase           string           `json:"phase,omitempty"`
	BuiltImages     []builtImage     `json:"builtImages,omitempty"`
	CheckpointFiles []checkpointFile `json:"checkpointFiles,omitempty"`
	Message         string           `json:"message,omitempty"`
}

// checkpointFile is what the kubelet made of one container.
type checkpointFile struct {
	CheckpointTime metav1.Time `json:"checkpointTime,omitzero"` // end of the kubelet's call, by the agent's clock
}

type builtImage struct {
	ContainerName string      `json:"containerName"`
	ImageName     string      `json:"imageName"` // equals backupContainer.Image
	BuildTime     metav1.Time `json:"buildTime"`
}

const (
	backupAPIVersion = "migration.dcnlab.com/v1"
	backupKind       = "CheckpointBackup"
)
