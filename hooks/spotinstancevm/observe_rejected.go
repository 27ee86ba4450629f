package spotinstancevm

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// rejectingVMs are the VMs that rejected RejectionsPerVM pods of one replica in a row, with their kubelets' words. The job hook counts them
// and writes the number on each new Job; the pod of that Job may be one more.
func rejectingVMs(r request) map[string]string {
	rejecting := map[string]string{}
	for _, job := range r.jobs {
		if !isAttempt(job) {
			continue
		}
		so := v1alpha1.ParseRejections(job.Annotations)
		if pod := r.podOf[job.UID]; pod != nil {
			if hasStarted(*pod) {
				continue
			}
			if said := nodefit.Rejection(pod); said != "" {
				so = so.And(pod.Spec.NodeName, said)
			}
		}
		if so.OnVM >= v1alpha1.RejectionsPerVM {
			rejecting[so.VM] = so.Said
		}
	}
	return rejecting
}

// isResting tells whether a replica's pods were rejected so often in a row that its next attempt follows an hour later: no VM is kept or
// bought for it meanwhile. Its last pod may be gone with the VM that rejected it.
func isResting(job batchv1.Job, pod *corev1.Pod) bool {
	before := v1alpha1.ParseRejections(job.Annotations)
	isRejected := pod == nil || nodefit.Rejection(pod) != ""
	return before.InARow > 0 && isRejected && jobIs(job, batchv1.JobFailed) && before.And("", "").IsRest()
}
