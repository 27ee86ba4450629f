package sim

import (
	"fmt"
	"slices"
	"time"

	json "github.com/go-json-experiment/json/v1"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const (
	refusalsCount = 2 * time.Hour    // since GCE had no VM: a zone is not asked for an hour at most, and then refuses again
	holdsCount    = 75 * time.Minute // since a VM was free beside a pod that does not fit: for an hour none is bought for it
)

// truths are when the reasons are true for which a replica waits.
var truths = map[string]func(waiter) bool{
	v1alpha1.WaitNoCapacity:    waiter.isRefusedVMs,
	v1alpha1.WaitQuota:         waiter.isRefusedVMs,
	v1alpha1.WaitAtMaxReplicas: func(w waiter) bool { return w.mayBeBound() && w.isPoolFull() },
	v1alpha1.WaitForVM:         func(w waiter) bool { return w.mayBeBound() && !w.isFreeVM() },
	v1alpha1.WaitUnschedulable: func(w waiter) bool { return w.isUnbound() && w.since(w.laws.demand.beside[w.poolUID()]) < holdsCount },
	v1alpha1.WaitNoPod:         func(w waiter) bool { return w.isLive() && w.pod == nil },
	v1alpha1.WaitSchedulingGated: func(w waiter) bool {
		return w.isUnbound() && len(w.pod.Spec.SchedulingGates) > 0
	},
	v1alpha1.WaitSuspendedByOthers: func(w waiter) bool { return w.attempt != nil && isSuspended(w.attempt) },
	v1alpha1.WaitForJob:            waiter.mayBeReplaced,
	v1alpha1.WaitChildRefused:      waiter.mayBeReplaced,
	v1alpha1.WaitBooting:           func(w waiter) bool { return w.mayBeBound() && w.isVMBooting() },
	v1alpha1.WaitPullingImage:      waiter.isStarting,
	v1alpha1.WaitRestoreFailed:     waiter.mayBeReplaced,
	v1alpha1.WaitRejected:          waiter.mayBeReplaced,
	v1alpha1.WaitSaving:            func(w waiter) bool { return w.job.Spec.SavesItself() },
	v1alpha1.WaitPoolMissing:       func(w waiter) bool { return w.pool == nil },
	v1alpha1.WaitPoolDeleting:      func(w waiter) bool { return w.pool == nil || w.pool.DeletionTimestamp != nil },
	v1alpha1.WaitSpecInvalid:       waiter.asksForMore,
	v1alpha1.WaitStarting:          waiter.isStarting,
	v1alpha1.WaitForCheckpoint:     waiter.isCheckpointing,
	v1alpha1.WaitVMLost:            waiter.isLost,
	v1alpha1.WaitEnding: func(w waiter) bool {
		return w.attempt != nil && hasEnded(w.attempt) || w.pod != nil && isTerminal(w.pod)
	},
	v1alpha1.WaitBackingOff: func(w waiter) bool { return w.attempt != nil && hasEnded(w.attempt) },
	v1alpha1.WaitSuspended:  func(w waiter) bool { return w.job.Spec.Suspend },
	v1alpha1.WaitOver:       func(w waiter) bool { return w.attempt != nil && hasEnded(w.attempt) },
}

// String is what is really there.
func (w waiter) String() string {
	if w.attempt == nil {
		return "it has no Job"
	}
	if w.pod == nil {
		return fmt.Sprintf("Job %s has no pod (suspended %v, ended %v)", w.attempt.Name, isSuspended(w.attempt), hasEnded(w.attempt))
	}
	vms := "no VM is free"
	if w.isFreeVM() {
		vms = "a VM is free"
	}
	return fmt.Sprintf("pod %s is %s on %q (deleted %v), and %s", w.pod.Name, w.pod.Status.Phase, w.pod.Spec.NodeName, w.pod.DeletionTimestamp != nil, vms)
}

func (w waiter) since(t time.Time) time.Duration { return w.laws.world.Clock.Now().Sub(t) }

// isLive tells whether the replica has an attempt that may have a pod.
func (w waiter) isLive() bool {
	return w.attempt != nil && !hasEnded(w.attempt) && !isSuspended(w.attempt)
}

// isUnbound tells whether the replica's pod waits for a Node.
func (w waiter) isUnbound() bool { return w.isLive() && w.pod != nil && isUnbound(w.pod) }

// mayBeBound tells whether the replica's pod waits for a Node, or will be there in a moment.
func (w waiter) mayBeBound() bool {
	return w.isUnbound() || w.isLive() && w.pod == nil && w.laws.idleFor(w.attempt) < v1alpha1.PodGrace
}

// isRefusedVMs tells whether GCE had no VM for the replica lately.
func (w waiter) isRefusedVMs() bool {
	return w.mayBeBound() && !w.isFreeVM() && w.since(w.laws.demand.lost) < refusalsCount
}

// isFreeVM tells whether a VM of the pool is free.
func (w waiter) isFreeVM() bool {
	if w.pool == nil {
		return false
	}
	for _, vm := range w.laws.vmsOf(w.pool) {
		if w.laws.isFree(w.pool, vm) {
			return true
		}
	}
	return false
}

// mayBeReplaced tells whether the replica has no attempt that goes on.
func (w waiter) mayBeReplaced() bool { return w.attempt == nil || hasEnded(w.attempt) || w.isLost() }

// isVMBooting tells whether a VM of the pool is not Ready yet.
func (w waiter) isVMBooting() bool {
	if w.pool == nil {
		return false
	}
	return slices.ContainsFunc(w.laws.vmsOf(w.pool), func(vm gcefake.VM) bool {
		node := w.laws.node(vm.Name)
		return node == nil || !isReadyNode(node) || isBroken(node) || w.pool.Spec.GPU != nil && showsNoGPU(node)
	})
}

func showsNoGPU(node *corev1.Node) bool {
	return node.Status.Allocatable.Name(resourceGPU, "").IsZero()
}

func (w waiter) poolUID() (uid types.UID) {
	if w.pool != nil {
		uid = w.pool.UID
	}
	return uid
}

// isPoolFull tells whether the pool has as many VMs as its spec allows.
func (w waiter) isPoolFull() bool {
	if w.pool == nil {
		return false
	}
	most := 10
	if w.pool.Spec.MaxReplicas != nil {
		most = int(*w.pool.Spec.MaxReplicas)
	}
	if w.pool.Spec.Replicas != nil {
		most = min(most, int(*w.pool.Spec.Replicas))
	}
	return len(w.laws.vmsOf(w.pool)) >= most
}

// asksForMore tells whether the pod of the job asks for what VMs of the pool may not have: a label, or more GPUs.
func (w waiter) asksForMore() bool {
	pod := templatePod(w.job)
	isTooLarge := w.pool != nil && w.pool.Spec.GPU != nil && gpusOf(&corev1.Pod{Spec: pod}) > int64(w.pool.Spec.GPU.Count)
	return len(pod.NodeSelector) > 0 || isTooLarge
}

// templatePod is what the pods of a job are made of, as far as it can be read.
func templatePod(job *v1alpha1.SpotInstanceJob) corev1.PodSpec {
	var template batchv1.Job
	_ = json.Unmarshal(job.Spec.JobTemplate.Raw, &template) // of a template that makes no sense there is none
	return template.Spec.Template.Spec
}

// isStarting tells whether the replica's pod is on a Node, and does not run yet.
func (w waiter) isStarting() bool {
	return w.isLive() && w.pod != nil && w.pod.Spec.NodeName != "" && !isTerminal(w.pod)
}

// isCheckpointing tells whether a checkpoint of the job is being made.
func (w waiter) isCheckpointing() bool {
	for _, r := range w.laws.world.API.List("CheckpointBackup") {
		owner := r.owner()
		if owner == nil || owner.UID != w.job.UID || isBeingDeleted(r) {
			continue
		}
		switch As[*Backup](r).Status.Phase {
		case phaseCompleted, phaseFailed, "CompletedPodDeleted", "CompletedWithError":
		default:
			return true
		}
	}
	return false
}

// isLost tells whether the replica's VM is gone or going, or its pod was made to leave it.
func (w waiter) isLost() bool {
	if w.attempt == nil {
		return false
	}
	if w.pod == nil {
		return hasEnded(w.attempt)
	}
	if w.pod.DeletionTimestamp != nil || isDisrupted(w.pod) {
		return true
	}
	node := w.laws.node(w.pod.Spec.NodeName)
	vm, exists := w.laws.world.GCE.Instance(w.pod.Spec.NodeName)
	return w.pod.Spec.NodeName != "" && (node == nil || !isReadyNode(node) || !exists || vm.Status != "RUNNING" || vm.Noticed)
}

func isDisrupted(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
