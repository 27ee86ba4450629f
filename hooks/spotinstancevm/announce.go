package spotinstancevm

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	announceTimeout = time.Second
	evictionTime    = time.Minute // that a pod may take to go before the user hears of it
)

// announce tells the user, as Events, what befell VMs in this sync. An Event that does not get through is not repeated:
// status has it too.
func (h *Hook) announce(ctx context.Context, pool *v1alpha1.SpotInstanceVM, events []corev1.Event, prove prover) {
	if len(events) == 0 {
		return
	}
	if _, err := prove(); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	calls := make([]func(), len(events))
	for i, event := range of(pool, events) {
		calls[i] = func() { _ = h.kube.Event(ctx, event) }
	}
	h.together(calls)
}

// of is events with the pool as what they are about.
func of(pool *v1alpha1.SpotInstanceVM, events []corev1.Event) []corev1.Event {
	for i := range events {
		events[i].InvolvedObject = corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM",
			Namespace: pool.Namespace, Name: pool.Name, UID: pool.UID, ResourceVersion: pool.ResourceVersion,
		}
	}
	return events
}

// eventsOf is what is new since status was written.
func eventsOf(o observed, d decision) []corev1.Event {
	before := map[string]string{}
	for _, m := range o.machines {
		before[m.name] = m.reason
	}
	var events []corev1.Event
	for _, m := range d.machines {
		if m.heldBy != "" && o.now.Sub(m.idleSince) > o.settings.idleTimeout+evictionTime {
			events = append(events, corev1.Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventVMKept, Message: fmt.Sprintf("VM %s in %s is not needed and is kept: pod %s is still on it and was not evicted: delete it, or see its PodDisruptionBudget", m.name, m.zone, m.heldBy)})
		}
		if m.reason == before[m.name] {
			continue
		}
		switch {
		case m.reason == v1alpha1.VMPreempted:
			events = append(events, corev1.Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventVMPreempted, Message: fmt.Sprintf("VM %s in %s was preempted", m.name, m.zone)})
		case m.state == v1alpha1.InstanceGone && (isRefusal(m.reason) || m.reason == string(gce.Unsupported)):
			events = append(events, corev1.Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventVMRefused, Message: fmt.Sprintf("GCE refused VM %s in %s (%s): %s; see the conditions", m.name, m.zone, m.reason, wordsOf(m))})
		case m.reason == v1alpha1.VMJoinTimeout:
			events = append(events, corev1.Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventVMStartFailed, Message: fmt.Sprintf("VM %s in %s did not become a Ready Node within joinTimeout and is deleted", m.name, m.zone)})
		}
	}
	return events
}

// lackEvents tell of VMs that serve no replica for another reason than the status before said.
func lackEvents(before v1alpha1.SpotInstanceVMStatus, o observed, d decision) []corev1.Event {
	was := map[string]string{}
	for _, entry := range before.ProvisionedInstances {
		was[entry.Name] = entry.NotServing
	}
	var events []corev1.Event
	for _, m := range d.machines {
		lack := lackOf(o, d, m)
		if lack.reason == "" || lack.reason == was[m.name] {
			continue
		}
		kind := corev1.EventTypeWarning
		if isUsual(lack.reason) {
			kind = corev1.EventTypeNormal
		}
		events = append(events, corev1.Event{Type: kind, Reason: lack.reason, Message: fmt.Sprintf("VM %s in %s %s", m.name, m.zone, lack.message)})
	}
	return events
}

// isUsual is true of what happens to each VM that does well.
func isUsual(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.NotServingRequested, v1alpha1.NotServingBooting, v1alpha1.NotServingJoining, v1alpha1.NotServingIdle,
		v1alpha1.NotServingDraining, v1alpha1.NotServingMoving, v1alpha1.NotServingDeleting,
	}, reason)
}
