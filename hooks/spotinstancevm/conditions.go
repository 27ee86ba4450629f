package spotinstancevm

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// conditionsOf are the pool's conditions, as they were where nothing changed. No text holds a time.
func conditionsOf(before []metav1.Condition, o observed, d decision) []metav1.Condition {
	now := []metav1.Condition{
		problemCondition(before, o, d, v1alpha1.ConditionSpecValid, runnable(o.settings)),
		problemCondition(before, o, d, v1alpha1.ConditionCredentialsValid, "Google Cloud accepts the credentials"),
		problemCondition(before, o, d, v1alpha1.ConditionJoinDataValid, "VMs can join this cluster"),
		zonesCondition(o),
		capacityCondition(o, d),
		joiningCondition(o, d),
	}
	if unusable := usableCondition(o, d); unusable != nil {
		now = append(now, *unusable)
	}
	if o.silent {
		now = append(now, condition(v1alpha1.ConditionNoticeGiven, false, v1alpha1.ReasonNoticeRefused,
			"GCE refuses scheduling.preemptionNoticeDuration here, so VMs are bought without a notice and are seen preempted when they stop: set spec.preemptionNotice to 0s if that is to stay"))
	}
	if o.settings.fallback {
		now = append(now, spotCondition(o, d))
	}
	if unknown := costCondition(o); unknown != nil {
		now = append(now, *unknown)
	}
	ready := readyCondition(o, d, now)
	if progress := progressCondition(ready, now); progress != nil {
		now = append(now, *progress)
	}
	now = append([]metav1.Condition{ready}, now...)
	kept := slices.DeleteFunc(slices.Clone(before), func(c metav1.Condition) bool {
		return meta.FindStatusCondition(now, c.Type) == nil || !webhook.IsWritable(c.LastTransitionTime)
	})
	for _, c := range now {
		c.ObservedGeneration = o.generation
		c.LastTransitionTime = *stamp(o.moment())
		meta.SetStatusCondition(&kept, c)
	}
	return kept
}

func condition(kind string, isTrue bool, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	if isTrue {
		c.Status = metav1.ConditionTrue
	}
	return c
}

// problemCondition is False with the first problem's reason and the messages of all.
func problemCondition(before []metav1.Condition, o observed, d decision, kind, fine string) metav1.Condition {
	var reason string
	var messages []string
	for _, p := range o.problems {
		if p.condition == kind {
			messages = append(messages, p.message)
			if reason == "" {
				reason = p.reason
			}
		}
	}
	if len(messages) > 0 {
		return condition(kind, false, reason, strings.Join(messages, "; "))
	}
	if d.refusal != nil && d.refusal.condition() == kind {
		return d.refusal.as(before, kind, o.id.project)
	}
	if kind == v1alpha1.ConditionJoinDataValid && o.finalizing {
		return condition(kind, true, v1alpha1.ReasonValid, "no VM will join any more")
	}
	return condition(kind, true, v1alpha1.ReasonValid, fine)
}

// condition is the type of the condition that a refusal belongs to.
func (r refusal) condition() string {
	if r.kind == gce.Forbidden {
		return v1alpha1.ConditionCredentialsValid
	}
	return v1alpha1.ConditionSpecValid
}

// as is the condition of a refusal: with GCE's words if they are at hand, else as it was.
func (r refusal) as(before []metav1.Condition, kind, project string) metav1.Condition {
	if was := meta.FindStatusCondition(before, kind); r.err == nil && was != nil && was.Reason == v1alpha1.ReasonRefusedByGCE {
		return *was
	}
	message := "GCE refused the last VM (" + string(r.kind) + ")"
	field, said := "spec.gcp", ""
	if r.err != nil {
		said = r.err.Error()
		message = "GCE refused to " + r.err.Call + ": " + r.err.Message
		field = fieldOf(r.err.Message)
	}
	if kind == v1alpha1.ConditionCredentialsValid {
		remedy := remedyOf(said, project, "grant the service account what is missing")
		return condition(kind, false, v1alpha1.ReasonRefusedByGCE, message+": "+remedy+"; it is tried again from time to time")
	}
	remedy := remedyOf(said, project, "mend the field, or what it names")
	return condition(kind, false, v1alpha1.ReasonRefusedByGCE, field+": "+message+": "+remedy+"; it is tried again from time to time")
}

func zonesCondition(o observed) metav1.Condition {
	var unread []string
	for _, z := range o.zones {
		if z.failure != nil && gce.KindOf(z.failure) != gce.Invalid {
			unread = append(unread, z.name+" ("+failureText(z.failure)+")")
		}
	}
	switch {
	case len(unread) > 0:
		return condition(v1alpha1.ConditionZonesReachable, false, v1alpha1.ReasonZoneUnreachable,
			"GCE did not list the VMs of "+strings.Join(unread, ", ")+": nothing is created or deleted there until it does")
	case !slices.ContainsFunc(o.zones, func(z zone) bool { return z.read }):
		return metav1.Condition{
			Type: v1alpha1.ConditionZonesReachable, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotConnected,
			Message: "no zone was read: see CredentialsValid and SpecValid",
		}
	default:
		return condition(v1alpha1.ConditionZonesReachable, true, v1alpha1.ReasonReachable, "all zones were read")
	}
}

// failureText is an error of a read without the parts that differ from one time to the next.
func failureText(err error) string {
	return string(gce.KindOf(err))
}

func joiningCondition(o observed, d decision) metav1.Condition {
	if len(d.starts.rounds) == 0 || d.refusal != nil {
		return condition(v1alpha1.ConditionVMsJoining, true, v1alpha1.ReasonJoining, "VMs become Ready Nodes")
	}
	if suspect, found := withoutGPUs(d.machines); found {
		return condition(v1alpha1.ConditionVMsJoining, false, v1alpha1.ReasonGPUsMissing, gpusMissingText(o.settings, suspect))
	}
	suspect := d.starts.rounds[len(d.starts.rounds)-1]
	if isNameTaken(suspect) {
		return condition(v1alpha1.ConditionVMsJoining, false, v1alpha1.ReasonStartsFail, fmt.Sprintf(
			"GCE says of one name after the other that it is taken, of %s in %s at last: delete the VMs of these names in project %s, which are not this pool's", suspect.name, suspect.zone, o.id.project))
	}
	when := "while the next one starts, see why"
	for _, m := range d.machines {
		if m.state == v1alpha1.InstanceCreating || m.state == v1alpha1.InstanceJoining {
			suspect, when = m, "see why"
		}
	}
	return condition(v1alpha1.ConditionVMsJoining, false, v1alpha1.ReasonStartsFail, fmt.Sprintf(
		"%s in a row did not become a Ready Node: %s with: gcloud compute instances get-serial-port-output %s --zone %s --project %s",
		times(len(d.starts.rounds)), when, suspect.name, suspect.zone, o.id.project))
}

func gpusMissingText(s settings, m machine) string {
	text := fmt.Sprintf("Node %s is Ready and shows %d of %d %s: install the GPU driver on the VM image and NVIDIA's device plugin in the cluster, or, if that calls the GPUs otherwise, set spec.gpu.resourceName",
		m.name, m.node.gpus, m.mustShow, s.gpuResource)
	if isUnknownSeries(s) {
		text += ", or use another spec.gcp.machineType, if " + s.machineType + " comes without GPUs"
	}
	return text
}

// withoutGPUs is a VM that waits for nothing but its GPUs.
func withoutGPUs(machines []machine) (machine, bool) {
	for _, m := range machines {
		if m.node != nil && m.node.ready && !m.joined && m.node.gpus < m.mustShow {
			return m, true
		}
	}
	return machine{}, false
}

func times(rounds int) string {
	if rounds == 1 {
		return "1 start"
	}
	return fmt.Sprintf("%d starts", rounds)
}

// readyCondition is True when no VM is missing; else it says which other condition is to blame, if any.
func readyCondition(o observed, d decision, others []metav1.Condition) metav1.Condition {
	ready := 0
	for _, m := range d.machines {
		if isReady(m) {
			ready++
		}
	}
	count := fmt.Sprintf("%d of %d VMs are Ready", ready, d.desired)
	culprit := blame(others)
	switch {
	case o.finalizing:
		return deletingCondition(o, d, culprit)
	case isInvalid(others):
		return condition(v1alpha1.ConditionReady, false, culprit.Reason, culprit.Message)
	case ready >= d.desired && d.desired == 0:
		return condition(v1alpha1.ConditionReady, true, v1alpha1.ReasonNoVMsWanted, "no VM is wanted"+cappedText(o))
	case ready >= d.desired:
		return condition(v1alpha1.ConditionReady, true, v1alpha1.ReasonAllVMsReady, count+cappedText(o))
	case isWaitedFor(d.machines):
		return condition(v1alpha1.ConditionReady, false, v1alpha1.ReasonNodesSilent, count+silenceText(o)+cappedText(o))
	case culprit != nil:
		return condition(v1alpha1.ConditionReady, false, culprit.Reason, count+": "+culprit.Message+cappedText(o))
	default:
		return condition(v1alpha1.ConditionReady, false, v1alpha1.ReasonProvisioning, count+cappedText(o)+comingText(o, d))
	}
}

// cappedText tells of replicas, of jobs or of spec.replicas, that get no VM since the pool may have no more.
func cappedText(o observed) string {
	waiting := asked(o) - wanted(o)
	if waiting == 0 {
		return ""
	}
	who := "replicas wait"
	if waiting == 1 {
		who = "replica waits"
	}
	return fmt.Sprintf("; at maxReplicas %d: %d %s: raise spec.maxReplicas to buy more VMs", o.settings.maximum, waiting, who)
}

// isWaitedFor tells whether the cluster does not hear a VM that runs.
func isWaitedFor(machines []machine) bool {
	return slices.ContainsFunc(machines, func(m machine) bool { return m.state == v1alpha1.InstanceNotReady && !m.isAbandoned() })
}

func silenceText(o observed) string {
	if o.isMass {
		return ": GCE says that the others run, and the cluster does not hear them, nor many VMs of other pools. They may train on, " +
			"so they are waited for, and one new VM at a time is tried: see whether VMs reach the API server, and whether it is overloaded"
	}
	return ": GCE says that the others run, and their Nodes are not Ready. They may train on, so they are waited for " +
		"for up to a minute, then replaced a few at a time: kubectl describe node tells what their kubelets said last"
}

func deletingCondition(o observed, d decision, culprit *metav1.Condition) metav1.Condition {
	left := 0
	for _, m := range d.machines {
		if m.state != v1alpha1.InstanceGone {
			left++
		}
	}
	message := fmt.Sprintf("%d VMs are left to delete", left)
	if o.hopeless {
		message = fmt.Sprintf("no credentials at hand may delete the VMs: mend them, or delete what this shows: gcloud compute instances list --project %s --filter labels.%s=%s ; then remove the finalizers of this object",
			o.id.project, labelPoolUID, o.id.uid)
	}
	if culprit != nil {
		message += ": " + culprit.Message
	}
	return condition(v1alpha1.ConditionReady, false, v1alpha1.ReasonPoolDeleting, message)
}

// isInvalid tells whether the user has to mend something before a VM can be created.
func isInvalid(conditions []metav1.Condition) bool {
	for _, kind := range []string{v1alpha1.ConditionSpecValid, v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionJoinDataValid} {
		if meta.IsStatusConditionFalse(conditions, kind) {
			return true
		}
	}
	return false
}

// blame is the first condition that can keep VMs from coming.
func blame(conditions []metav1.Condition) *metav1.Condition {
	for _, kind := range []string{
		v1alpha1.ConditionSpecValid, v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionJoinDataValid,
		v1alpha1.ConditionCapacityAvailable, v1alpha1.ConditionVMsJoining, v1alpha1.ConditionZonesReachable,
	} {
		if c := meta.FindStatusCondition(conditions, kind); c != nil && c.Status == metav1.ConditionFalse {
			return c
		}
	}
	return nil
}
