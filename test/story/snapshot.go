package story

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Snapshot is what can be seen of a story at one moment.
type Snapshot struct {
	Jobs        []v1alpha1.SpotInstanceJob
	Pools       []v1alpha1.SpotInstanceVM
	Children    []batchv1.Job
	Checkpoints []Checkpoint
	Pods        []corev1.Pod
	Nodes       []corev1.Node // of pools
	Brought     []corev1.Node // by users, who have labelled them for a pool
	VMs         []gcefake.VM
	Operations  []gce.Operation // in flight
}

// Checkpoint is a CheckpointBackup as far as stories look at it.
type Checkpoint struct {
	Name    string
	Owner   string // name of the SpotInstanceJob
	Reason  string // scheduled, preemption or suspend
	Replica string // that was frozen
	Child   string // the Job of its pod
	Image   string // what a pod runs to go on from it
	Phase   string
	Leaving bool // somebody has deleted it
}

const completed = "Completed"

// AnnotationReason is on a CheckpointBackup: why it was made.
const AnnotationReason = "training.dcnlab.com/checkpoint-reason"

// Job is the SpotInstanceJob of this name, or nil.
func (s Snapshot) Job(name string) *v1alpha1.SpotInstanceJob {
	i := slices.IndexFunc(s.Jobs, func(j v1alpha1.SpotInstanceJob) bool { return j.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Jobs[i]
}

// Pool is the SpotInstanceVM of this name, or nil.
func (s Snapshot) Pool(name string) *v1alpha1.SpotInstanceVM {
	i := slices.IndexFunc(s.Pools, func(p v1alpha1.SpotInstanceVM) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Pools[i]
}

// Child is the Job of the newest attempt of a replica that is not being deleted. The replica is written JOB/N.
func (s Snapshot) Child(replica string) (*batchv1.Job, error) {
	job, number, found := strings.Cut(replica, "/")
	if !found {
		return nil, fmt.Errorf("%s is no replica: write JOB/N", replica)
	}
	var newest *batchv1.Job
	for i := range s.Children {
		child := &s.Children[i]
		if ownerOf(child) != job || child.Labels[v1alpha1.LabelReplica] != number || child.DeletionTimestamp != nil {
			continue
		}
		if newest == nil || attemptOf(child) > attemptOf(newest) {
			newest = child
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("replica %s has no Job", replica)
	}
	return newest, nil
}

// Pod is the newest pod of the newest attempt of a replica.
func (s Snapshot) Pod(replica string) (*corev1.Pod, error) {
	child, err := s.Child(replica)
	if err != nil {
		return nil, err
	}
	var newest *corev1.Pod
	for i := range s.Pods {
		pod := &s.Pods[i]
		if owner := metav1.GetControllerOf(pod); owner == nil || owner.UID != child.UID {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest = pod
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("replica %s has no pod", replica)
	}
	return newest, nil
}

// VM is the VM that the newest pod of a replica is on.
func (s Snapshot) VM(replica string) (string, error) {
	pod, err := s.Pod(replica)
	if err == nil && pod.Spec.NodeName == "" {
		err = fmt.Errorf("replica %s is on no VM", replica)
	}
	if err != nil {
		return "", err
	}
	return pod.Spec.NodeName, nil
}

// VMNamed is the VM that is written POOL/N, N being its number from 0 in the order of creation.
func (s Snapshot) VMNamed(name string) *gcefake.VM {
	i := slices.IndexFunc(s.VMs, func(vm gcefake.VM) bool { return shortVM(vm.Name) == name })
	if i < 0 {
		return nil
	}
	return &s.VMs[i]
}

// shortVM is a VM's name in stories: pool-1a2b3c-0 is pool/0.
func shortVM(name string) string {
	parts := strings.Split(name, "-")
	if len(parts) < 3 {
		return name
	}
	last := len(parts) - 1
	return strings.Join(parts[:last-1], "-") + "/" + parts[last]
}

// shortChild is the name of an attempt's Job in stories: attempt 2 of replica 0 is resnet/0.2.
func shortChild(child *batchv1.Job) string {
	return ownerOf(child) + "/" + child.Labels[v1alpha1.LabelReplica] + "." + child.Labels[v1alpha1.LabelAttempt]
}

func ownerOf(o metav1.Object) string {
	if owner := metav1.GetControllerOf(o); owner != nil {
		return owner.Name
	}
	return ""
}

func attemptOf(child *batchv1.Job) int {
	n, _ := strconv.Atoi(child.Labels[v1alpha1.LabelAttempt]) // labels of ours are numbers
	return n
}
