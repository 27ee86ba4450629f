package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

var backups = schema.GroupVersionResource{Group: "migration.dcnlab.com", Version: "v1", Resource: "checkpointbackups"}

// finalizer is put on every CheckpointBackup by every agent, and taken off by any.
const finalizer = "checkpointbackup.migration.dcnlab.com/finalizer"

// agent acts on the CheckpointBackups of pods of one Node, one after the other.
type agent struct {
	node    string
	client  kubernetes.Interface
	objects dynamic.Interface
	kubelet *kubelet
	mirror  string
	log     *slog.Logger
	passed  map[string]bool // UIDs of backups that it has begun, or will never look at again
}

// backup is a CheckpointBackup as far as the agent reads and writes it.
type backup struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		StopPod bool `json:"stopPod"`
		PodRef  struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"podRef"`
		Registry *struct {
			URL       string    `json:"url"`
			SecretRef secretRef `json:"secretRef"`
		} `json:"registry"`
		Containers []container `json:"containers"`
	} `json:"spec"`
	Status status `json:"status"`
}

type secretRef struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"` // repository:tag without the registry
}

type status struct {
	Phase           string           `json:"phase,omitempty"`
	Message         string           `json:"message,omitempty"`
	CheckpointFiles []checkpointFile `json:"checkpointFiles,omitempty"`
	BuiltImages     []builtImage     `json:"builtImages,omitempty"`
}

type checkpointFile struct {
	ContainerName  string      `json:"containerName"`
	FilePath       string      `json:"filePath"`
	CheckpointTime metav1.Time `json:"checkpointTime"`
}

type builtImage struct {
	ContainerName string      `json:"containerName"`
	ImageName     string      `json:"imageName"`
	BuildTime     metav1.Time `json:"buildTime"`
	Pushed        bool        `json:"pushed"`
}

// registry is the host of the registry, as an image name has it.
func (b backup) registry() string {
	if b.Spec.Registry == nil {
		return "localhost"
	}
	url := strings.TrimPrefix(strings.TrimPrefix(b.Spec.Registry.URL, "https://"), "http://")
	return strings.TrimSuffix(url, "/")
}

// look does what is due.
func (a *agent) look(ctx context.Context) {
	list, err := a.objects.Resource(backups).List(ctx, metav1.ListOptions{})
	if err != nil {
		if !apierrors.IsNotFound(err) && ctx.Err() == nil {
			a.log.Warn("cannot list CheckpointBackups", "error", err)
		}
		return
	}
	for i := range list.Items {
		var b backup
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &b); err != nil {
			a.log.Warn("cannot read a CheckpointBackup", "name", list.Items[i].GetName(), "error", err)
			continue
		}
		a.handle(ctx, b)
	}
}

func (a *agent) handle(ctx context.Context, b backup) {
	behaviour, err := a.behaviourOf(ctx, b.Namespace)
	if err != nil {
		a.log.Warn("cannot tell how to behave", "namespace", b.Namespace, "error", err)
		return
	}
	if behaviour.mode == "Absent" {
		return
	}
	if b.DeletionTimestamp != nil {
		a.setFinalizer(ctx, b, false)
		return
	}
	a.setFinalizer(ctx, b, true)
	if a.passed[string(b.UID)] || b.Status.Phase != "" {
		return
	}
	pod := a.podOf(ctx, b)
	if pod == nil || pod.Spec.NodeName != a.node {
		return
	}
	a.passed[string(b.UID)] = true
	if pod.Status.Phase != corev1.PodRunning {
		return // the phase stays empty for ever, as with the real one
	}
	run := checkpoint{agent: a, backup: b, behaviour: behaviour, pod: pod}
	run.do(ctx)
}

// podOf is the pod that the backup is of. One that is missing is never looked for again.
func (a *agent) podOf(ctx context.Context, b backup) *corev1.Pod {
	namespace := b.Spec.PodRef.Namespace
	if namespace == "" {
		namespace = b.Namespace
	}
	pod, err := a.client.CoreV1().Pods(namespace).Get(ctx, b.Spec.PodRef.Name, metav1.GetOptions{})
	if err == nil {
		return pod
	}
	if apierrors.IsNotFound(err) {
		a.passed[string(b.UID)] = true
	} else {
		a.log.Warn("cannot read the pod of a CheckpointBackup", "name", b.Name, "error", err)
	}
	return nil
}

// setFinalizer adds or removes the agents' finalizer, if that changes anything.
func (a *agent) setFinalizer(ctx context.Context, b backup, want bool) {
	if slices.Contains(b.Finalizers, finalizer) == want {
		return
	}
	finalizers := slices.DeleteFunc(slices.Clone(b.Finalizers), func(f string) bool { return f == finalizer })
	if want {
		finalizers = append(finalizers, finalizer)
	}
	a.patch(ctx, b, map[string]any{"metadata": map[string]any{"finalizers": finalizers, "resourceVersion": b.ResourceVersion}})
}

// patch merges a change into the backup, and reports whether it is still the same object.
func (a *agent) patch(ctx context.Context, b backup, change map[string]any, subresources ...string) bool {
	content, err := json.Marshal(change)
	if err != nil {
		return false // it always encodes
	}
	for {
		object, err := a.objects.Resource(backups).Namespace(b.Namespace).
			Patch(ctx, b.Name, types.MergePatchType, content, metav1.PatchOptions{}, subresources...)
		switch {
		case err == nil:
			return object.GetUID() == b.UID
		case ctx.Err() != nil, apierrors.IsNotFound(err), apierrors.IsConflict(err):
			return false
		}
		a.log.Warn("cannot write a CheckpointBackup", "name", b.Name, "error", err)
		time.Sleep(time.Second)
	}
}
