package cluster

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// backupResource is the checkpoint agent's kind.
var backupResource = schema.GroupVersionResource{Group: "migration.dcnlab.com", Version: "v1", Resource: "checkpointbackups"}

// backupFinalizer is put on every CheckpointBackup by every agent, and taken off by any.
const backupFinalizer = "checkpointbackup.migration.dcnlab.com/finalizer"

// backup is a CheckpointBackup as far as the agent acts on it.
type backup struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Schedule string `json:"schedule"`
		StopPod  bool   `json:"stopPod"`
		PodRef   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"podRef"`
		Registry *struct {
			URL        string `json:"url"`
			Repository string `json:"repository"`
		} `json:"registry"`
		Containers []backupContainer `json:"containers"`
	} `json:"spec"`
	Status backupStatus `json:"status"`
}

type backupContainer struct {
	Name  string `json:"name"`
	Image string `json:"image"` // repository:tag without the registry
}

type backupStatus struct {
	Phase              string       `json:"phase,omitempty"`
	Message            string       `json:"message,omitempty"`
	ObservedGeneration int64        `json:"observedGeneration,omitempty"`
	BuiltImages        []builtImage `json:"builtImages,omitempty"`
}

type builtImage struct {
	ContainerName string      `json:"containerName"`
	ImageName     string      `json:"imageName"`
	BuildTime     metav1.Time `json:"buildTime"`
	Pushed        bool        `json:"pushed"`
}

func backupOf(object *unstructured.Unstructured) (backup, error) {
	var b backup
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &b); err != nil {
		return backup{}, fmt.Errorf("read CheckpointBackup %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return b, nil
}

// podNamespace is where the pod is: the backup's own namespace unless it says another.
func (b backup) podNamespace() string {
	if b.Spec.PodRef.Namespace != "" {
		return b.Spec.PodRef.Namespace
	}
	return b.Namespace
}

// fullImage is the name that a pod pulls the image of a container by. Without a registry it stays on the node.
func (b backup) fullImage(container backupContainer) string {
	if b.Spec.Registry == nil {
		return "localhost/" + container.Image
	}
	url := strings.TrimPrefix(strings.TrimPrefix(b.Spec.Registry.URL, "https://"), "http://")
	return strings.TrimSuffix(url, "/") + "/" + container.Image
}
