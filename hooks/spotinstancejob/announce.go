package spotinstancejob

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// waitEvents tell of replicas that do not train for another reason than status said: one Event for each, with its remedy.
func waitEvents(o observed, d decision) []corev1.Event {
	if o.job.DeletionTimestamp != nil {
		return nil
	}
	was := map[int32]string{}
	for _, status := range o.job.Status.JobStatuses {
		was[status.Replica] = status.Reason
	}
	var events []corev1.Event
	for _, r := range d.replicas {
		if r.wait.reason == "" || r.wait.reason == v1alpha1.WaitForJob || r.wait.reason == was[r.number] {
			continue
		}
		kind := corev1.EventTypeWarning
		if isUsual(r.wait.reason) && d.phase != v1alpha1.JobFailed {
			kind = corev1.EventTypeNormal
		}
		events = append(events, corev1.Event{
			Type: kind, Reason: r.wait.reason, Message: fmt.Sprintf("replica %d, attempt %d, %s", r.number, r.attempts, r.wait.message),
			InvolvedObject: corev1.ObjectReference{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceJob",
				Namespace: o.job.Namespace, Name: o.job.Name, UID: o.job.UID, ResourceVersion: o.job.ResourceVersion,
			},
		})
	}
	return events
}

// isUsual is true of waits that belong to a training that goes well.
func isUsual(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.WaitForVM, v1alpha1.WaitBooting, v1alpha1.WaitStarting, v1alpha1.WaitPullingImage, v1alpha1.WaitForCheckpoint,
		v1alpha1.WaitEnding, v1alpha1.WaitSuspended, v1alpha1.WaitOver,
	}, reason)
}
