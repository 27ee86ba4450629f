package spotinstancevm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// lack is why a VM serves no replica. The zero lack is that of a VM that does, or that is Ready for the next one.
type lack struct {
	reason  string // one of v1alpha1.NotServing...
	message string // what is so since when, what to do, and when something happens by itself. It follows "VM NAME in ZONE"
}

// lackOf tells why a VM serves no replica. One that is gone is no VM any more: its reason tells why it went.
func lackOf(o observed, d decision, m machine) lack {
	switch m.state {
	case v1alpha1.InstancePlanned, v1alpha1.InstanceCreating, v1alpha1.InstanceJoining:
		return lackOfComing(o, d, m)
	case v1alpha1.InstanceReady:
		return lackOfReady(o, d, m)
	case v1alpha1.InstanceNotReady:
		return lackOfSilent(m)
	case v1alpha1.InstanceStopping, v1alpha1.InstanceDeleting:
		return lackOfLeaving(m)
	case v1alpha1.InstanceUnknown:
		return lack{v1alpha1.NotServingZoneUnreachable, "is not listed, since GCE did not list its zone, and its Node is not Ready: nothing is done to it until GCE lists the zone"}
	default:
		return lack{}
	}
}

func lackOfComing(o observed, d decision, m machine) lack {
	usual := ""
	if d.usualStart > 0 {
		usual = fmt.Sprintf("; VMs of this pool usually take %s from their creation until they are Ready", d.usualStart)
	}
	switch {
	case m.isUnanswered():
		return lack{v1alpha1.NotServingNoAnswer, "was asked of GCE, which has not said what became of that: if the zone shows no such VM at " +
			clock(m.since.Add(repeatUnanswered+awaitUnanswered)) + ", another zone is asked"}
	case m.state != v1alpha1.InstanceJoining:
		return lack{v1alpha1.NotServingRequested, "is asked of GCE and does not run yet" + usual}
	}
	until := fmt.Sprintf("; if it is not Ready at %s, it is deleted and another one is tried", clock(m.seen.created.Add(o.settings.joinTimeout)))
	switch {
	case m.node == nil:
		return lack{v1alpha1.NotServingBooting, fmt.Sprintf("runs since %s and has no Node yet%s%s; see what it does with: gcloud compute instances get-serial-port-output %s --zone %s --project %s",
			clock(m.since), usual, until, m.name, m.zone, o.id.project)}
	case !m.node.ready:
		return lack{v1alpha1.NotServingJoining, fmt.Sprintf("has a Node that is not Ready yet: kubectl describe node %s tells why%s%s", m.name, usual, until)}
	default:
		return lack{v1alpha1.NotServingGPUsMissing, "waits for its GPUs: " + gpusMissingText(o.settings, m) + until}
	}
}

// lackOfReady is in the words of VMsUsable, where that tells of the VM.
func lackOfReady(o observed, d decision, m machine) lack {
	goes := ""
	if !m.idleSince.IsZero() {
		goes = "; it is deleted at " + clock(m.idleSince.Add(o.settings.idleTimeout)) + ", or as soon as it is empty after that"
	}
	switch {
	case m.leaving && m.heldBy != "":
		return lack{v1alpha1.NotServingDraining, "is not needed, and waits for pod " + m.heldBy + " to leave it: delete it, or see its PodDisruptionBudget"}
	case m.leaving:
		return lack{v1alpha1.NotServingDraining, "is not needed, and is deleted as soon as it is empty"}
	case servesNobody(o, m) || m.misplaced:
		because, message := unfitText(o, m)
		return lack{because, "is Ready and of no use: " + message + goes}
	case !m.passedOver.IsZero():
		return lack{v1alpha1.NotServingUnschedulable, "is Ready and free, and the scheduler binds no pod to it" + saidOf(o, d) + goes}
	case !m.idleSince.IsZero():
		return lack{v1alpha1.NotServingIdle, "is Ready, and no replica needs it" + goes}
	default:
		return lack{}
	}
}

// saidOf is what the scheduler says of a pod that waits beside a VM, and what follows when.
func saidOf(o observed, d decision) string {
	i := slices.IndexFunc(d.wants, func(w want) bool { return w.isWaiting(o.now) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf(". It says of the pod of Job %s: %s", d.wants[i].attempt, d.wants[i].said)
}

func lackOfSilent(m machine) lack {
	describe := ": kubectl describe node " + m.name + " tells what its kubelet said last"
	if m.isAbandoned() {
		return lack{v1alpha1.NotServingGivenUp, "was given up, since its Node has not been Ready for long: another VM takes its place, and it is deleted when nothing on it is wanted any more" + describe}
	}
	return lack{v1alpha1.NotServingNotReady, "runs, by GCE's word, and its Node is not Ready. What trains there may train on, so it is waited for" + describe}
}

func lackOfLeaving(m machine) lack {
	switch {
	case m.state == v1alpha1.InstanceDeleting:
		return lack{v1alpha1.NotServingDeleting, "is being deleted (" + m.reason + ")"}
	case isDown(m.status) || m.status == "":
		return lack{v1alpha1.NotServingStopping, "stops (" + cmp.Or(m.reason, "nothing tells why yet") + "): what trained there continues on another VM"}
	case m.reason == v1alpha1.VMPreempted:
		return lack{v1alpha1.NotServingNoticed, "is taken back by GCE in a moment: what trains there goes on until then, and then on another VM"}
	default:
		return lack{v1alpha1.NotServingMoving, "runs until its replica has moved to another VM (" + m.reason + ")"}
	}
}

// usualStart is how long VMs take from their creation until they are Ready: a mean in which those that have just become Ready count
// most. It is rounded, so that it stays when little changes.
func usualStart(o observed, machines []machine) time.Duration {
	const most = 24 * time.Hour
	usual := min(max(0, o.usualStart), most)
	if o.finalizing {
		return usual
	}
	for _, m := range machines {
		took := o.now.Sub(m.seen.created)
		isNew := m.written.state == v1alpha1.InstanceCreating || m.written.state == v1alpha1.InstanceJoining
		if !isNew || !isReady(m) || m.seen.created.IsZero() || took <= 0 || took > most {
			continue
		}
		if usual == 0 {
			usual = took
		}
		usual = (3*usual + took) / 4
	}
	if usual < time.Minute {
		return usual.Round(time.Second)
	}
	return usual.Round(10 * time.Second)
}

// clock is a time in a message.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
