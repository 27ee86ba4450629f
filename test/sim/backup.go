package sim

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Backup is the checkpoint agent's kind CheckpointBackup, migration.dcnlab.com/v1, as far as the models need it.
type Backup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              BackupSpec   `json:"spec"`
	Status            BackupStatus `json:"status,omitzero"`
}

// BackupSpec is what to freeze and where to put it.
type BackupSpec struct {
	Schedule    string            `json:"schedule"`
	PodRef      BackupRef         `json:"podRef"`
	ResourceRef BackupRef         `json:"resourceRef"`
	Registry    *BackupRegistry   `json:"registry,omitempty"`
	Containers  []BackupContainer `json:"containers"`
}

// BackupRef names an object.
type BackupRef struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
}

// BackupRegistry is where images are pushed to.
type BackupRegistry struct {
	URL        string     `json:"url"`
	Repository string     `json:"repository"`
	SecretRef  *BackupRef `json:"secretRef,omitempty"`
}

// BackupContainer is one container, and its image as repository:tag.
type BackupContainer struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

// BackupStatus is what agents write.
type BackupStatus struct {
	Phase           string           `json:"phase,omitempty"`
	Message         string           `json:"message,omitempty"`
	BuiltImages     []BuiltImage     `json:"builtImages,omitempty"`
	CheckpointFiles []CheckpointFile `json:"checkpointFiles,omitempty"`
}

// CheckpointFile is what the kubelet made of one container.
type CheckpointFile struct {
	ContainerName  string      `json:"containerName"`
	CheckpointTime metav1.Time `json:"checkpointTime"`
}

// BuiltImage is one image that can be pulled.
type BuiltImage struct {
	ContainerName string      `json:"containerName"`
	ImageName     string      `json:"imageName"`
	BuildTime     metav1.Time `json:"buildTime"`
	Pushed        bool        `json:"pushed"`
}

// DeepCopyObject copies all of it.
func (b *Backup) DeepCopyObject() runtime.Object {
	c := *b
	b.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	c.Spec.Containers = append([]BackupContainer(nil), b.Spec.Containers...)
	c.Status.BuiltImages = append([]BuiltImage(nil), b.Status.BuiltImages...)
	c.Status.CheckpointFiles = append([]CheckpointFile(nil), b.Status.CheckpointFiles...)
	if b.Spec.Registry != nil {
		registry := *b.Spec.Registry
		c.Spec.Registry = &registry
	}
	return &c
}
