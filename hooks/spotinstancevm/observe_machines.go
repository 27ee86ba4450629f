package spotinstancevm

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// kubeletShutsDown is what a kubelet says in its Node's condition Ready during a graceful shutdown (KEP-2000).
const kubeletShutsDown = "node is shutting down"

// assemble puts what status remembers and what was read together, VM by VM.
func assemble(o *observed, r request, listings map[string]listing) {
	machines := recall(o.id, r.pool.Status.ProvisionedInstances)
	for _, plan := range plansOf(*o, r.answer) {
		if machines[plan.name] == nil {
			machines[plan.name] = &plan
		}
	}
	o.highest = -1
	spec := specHash(r.pool.Spec)
	for _, z := range o.zones {
		found, read := listings[z.name]
		if !read {
			continue
		}
		for _, instance := range found.instances {
			takeInstance(*o, machines, instance, spec)
		}
		for _, op := range found.operations {
			if ordinal, ours := o.id.ordinal(op.Target); ours {
				o.highest = max(o.highest, ordinal)
				takeOperation(machines, op, ordinal)
				o.takeForgotten(machines, op)
			}
		}
	}
	takeNodes(o, machines, r.nodes)
	takePods(o, machines, r.pods)
	for _, m := range machines {
		if m.presence == unknown && isRead(*o, m.zone) {
			m.presence = absent
		}
		if m.presence != present {
			m.gpus = o.settings.gpus // its own label was not read
		}
		m.mustShow = o.settings.mustShow(m.gpus)
		m.rejects = o.rejecting[m.name]
		m.dismissal = dismissalOf(*o, *m)
		o.machines = append(o.machines, *m)
	}
	slices.SortFunc(o.machines, func(a, b machine) int { return a.ordinal - b.ordinal })
}

// recall are the machines of status. Entries that cannot be VMs of the pool were written by somebody else.
func recall(id identity, entries []v1alpha1.VMInstanceStatus) map[string]*machine {
	machines := map[string]*machine{}
	for _, entry := range entries {
		ordinal, ours := id.ordinal(entry.Name)
		if !ours || entry.Zone == "" {
			continue
		}
		m := &machine{
			name: entry.Name, ordinal: ordinal, zone: entry.Zone, written: writtenOf(entry),
			state: entry.State, reason: entry.Reason, since: timeOf(entry.Since), idleSince: timeOf(entry.IdleSince),
			passedOver: timeOf(entry.PassedOverSince),
			joined:     entry.JoinedCluster, hasNode: entry.NodeName != "",
			requestID: id.insertID(entry.Name, entry.Zone), operation: entry.Operation,
			seen: seen{
				instanceID: entry.InstanceID, model: entry.ProvisioningModel,
				internalIP: entry.InternalIP, externalIP: entry.ExternalIP, created: timeOf(entry.CreationTime),
				machine: entry.MachineType,
			},
		}
		if entry.PreemptionNotice != nil {
			m.seen.notice, m.seen.noticed = entry.PreemptionNotice.Duration, true
		}
		machines[m.name] = m
	}
	return machines
}

func writtenOf(entry v1alpha1.VMInstanceStatus) written {
	return written{state: entry.State, idleSince: timeOf(entry.IdleSince)}
}

func takeInstance(o observed, machines map[string]*machine, i gce.Instance, spec string) {
	ordinal, ours := o.id.ordinal(i.Name)
	if !ours || i.Labels[labelPoolUID] != o.id.uid {
		return
	}
	m := machines[i.Name]
	if m == nil {
		m = &machine{name: i.Name, ordinal: ordinal, zone: i.Zone}
		machines[i.Name] = m
	}
	if m.presence == present {
		return // the same name in two zones: the other is taken in when this one is gone
	}
	m.presence, m.zone, m.status = present, i.Zone, i.Status
	m.requestID = o.id.insertID(i.Name, i.Zone)
	m.oldSpec = i.Labels[labelSpec] != spec
	m.gpus = gpusOf(i.Labels, o.settings.gpus)
	m.seen = seen{
		instanceID: i.ID, model: i.ProvisioningModel, internalIP: i.InternalIP, externalIP: i.ExternalIP,
		created: second(i.CreationTime), machine: i.MachineType, notice: i.PreemptionNotice, noticed: i.ProvisioningModel == gce.ModelSpot,
	}
	if i.MaxRunDuration > 0 {
		m.runsUntil = second(i.CreationTime).Add(i.MaxRunDuration)
	}
}

// isNoticeRefused is true of a VM that GCE refused for its preemption notice, as long as it is listed: for 10 minutes or so.
// Then it is asked again.
func isNoticeRefused(m machine) bool {
	return m.state == v1alpha1.InstanceGone && m.reason == string(gce.NoticeRefused)
}

func gpusOf(labels map[string]string, fallback int64) int64 {
	n, err := strconv.ParseInt(labels[labelGPUs], 10, 64)
	if err != nil {
		return fallback
	}
	return n
}

// takeOperation notes what an operation says of its VM. Operations come newest first. One whose VM is known to nobody is
// news only while it is on its way.
func takeOperation(machines map[string]*machine, op gce.Operation, ordinal int) {
	m := machines[op.Target]
	if m == nil {
		if op.Type != "insert" || op.Done {
			return
		}
		m = &machine{name: op.Target, ordinal: ordinal, zone: op.Zone}
		machines[op.Target] = m
	}
	if isPlanned(*m) && m.written == (written{}) && op.Type == "insert" && !op.Done {
		m.zone, m.requestID = op.Zone, op.RequestID // another server was faster with a plan of its own
	}
	if op.Zone != m.zone || isOther(*m, op) {
		return
	}
	if m.seen.instanceID == "" {
		m.seen.instanceID = op.TargetID
	}
	switch op.Type {
	case "insert":
		if m.insert == nil {
			m.insert = &op
		}
	case "delete":
		if m.removal == nil {
			m.removal = &op
		}
		m.stopped = m.stopped || op.Error == nil
	case "compute.instances.preempted":
		m.preempted = true
	case "stop", "compute.instances.deferredDelete", "compute.instances.deferredStop":
		m.stopped = m.stopped || op.Error == nil
	}
}

// takeForgotten notes what the end of a VM says of its zone that nobody knows of any more: status was lost, or an older one
// was written over it.
func (o *observed) takeForgotten(machines map[string]*machine, op gce.Operation) {
	end := machine{zone: op.Zone, state: v1alpha1.InstanceGone, seen: seen{model: o.settings.model}}
	switch {
	case machines[op.Target] != nil || !op.Done:
		return
	case op.Type == "insert" && op.Error != nil:
		end.reason, end.since, end.insert = failureReason(op.Error.Kind), second(op.EndTime), &op
	case op.Type == "compute.instances.preempted":
		end.reason, end.since, end.joined = v1alpha1.VMPreempted, second(op.InsertTime), true
	default:
		return
	}
	o.forgotten = append(o.forgotten, end)
}

// isOther tells whether an operation is about another VM of this name.
func isOther(m machine, op gce.Operation) bool {
	return m.seen.instanceID != "" && op.TargetID != "" && m.seen.instanceID != op.TargetID
}

// dismissalOf is why this operator deleted a VM, for a status that has lost it: an older one was written over the one that
// said so. The request id shows whose delete it is, and GCE's own times whether it came before the VM had joined in time.
func dismissalOf(o observed, m machine) string {
	switch {
	case m.removal == nil || m.removal.RequestID != o.id.deleteID(m.name, m.seen.instanceID, ""):
		return ""
	case !m.joined && m.removal.InsertTime.Sub(m.seen.created) > o.settings.joinTimeout:
		return v1alpha1.VMJoinTimeout
	case !o.deletedAt.IsZero() && !m.removal.InsertTime.Before(o.deletedAt):
		return v1alpha1.VMPoolDeleted
	default:
		return v1alpha1.VMNotNeeded
	}
}

func takeNodes(o *observed, machines map[string]*machine, nodes []corev1.Node) {
	for _, n := range nodes {
		found, ours := nodeOf(o.id, n)
		found.cordoned, found.tainted = n.Spec.Unschedulable, foreignTaint(n.Spec.Taints, o.settings.taints)
		if !ours {
			continue
		}
		found.gpus, found.allocatable = gpusOn(n, o.settings.gpuResource), n.Status.Allocatable
		if ordinal, ok := o.id.ordinal(found.name); ok {
			o.highest = max(o.highest, ordinal)
		}
		if m := machines[found.name]; m != nil && m.zone == found.zone {
			m.node = &found
			continue
		}
		o.strays = append(o.strays, found)
	}
}

// nodeOf is a Node that proves to be of this pool: by the pool's UID, and by the providerID of one of its VMs.
func nodeOf(id identity, n corev1.Node) (node, bool) {
	zone, ok := id.zoneOf(n.Spec.ProviderID, n.Name)
	if !ok || n.Labels[v1alpha1.LabelPoolUID] != id.uid || n.DeletionTimestamp != nil {
		return node{}, false
	}
	found := node{name: n.Name, uid: string(n.UID), zone: zone}
	for _, c := range n.Status.Conditions {
		isTrue := c.Status == corev1.ConditionTrue
		found.ready = found.ready || isTrue && c.Type == corev1.NodeReady
		found.shutsDown = found.shutsDown || c.Type == corev1.NodeReady && c.Message == kubeletShutsDown
		found.agent = found.agent || c.Type == v1alpha1.ConditionSpotPreempted
		found.noticed = found.noticed || isTrue && c.Type == v1alpha1.ConditionSpotPreempted
	}
	for _, taint := range n.Spec.Taints {
		found.leaving = found.leaving || taint.Key == v1alpha1.TaintLeaving
		found.closed = found.closed || taint.Key == v1alpha1.TaintPreempted
	}
	return found, true
}

// gpusOn is how many GPUs a Node shows as this resource.
func gpusOn(n corev1.Node, resource corev1.ResourceName) int64 {
	gpus := n.Status.Allocatable[resource]
	return gpus.Value()
}

// foreignTaint is a taint that can keep pods off a Node and that is neither in the pool's spec nor set by this operator, nor by Kubernetes
// for what the Node itself reports, such as memory pressure.
func foreignTaint(taints, own []corev1.Taint) string {
	for _, taint := range taints {
		isOwn := taint.Key == v1alpha1.TaintLeaving || taint.Key == v1alpha1.TaintPreempted || strings.HasPrefix(taint.Key, "node.kubernetes.io/") ||
			slices.ContainsFunc(own, func(t corev1.Taint) bool { return t.MatchTaint(&taint) })
		if !isOwn && taint.Effect != corev1.TaintEffectPreferNoSchedule {
			return taint.ToString()
		}
	}
	return ""
}

// lentTo are the Nodes that serve the pool and are not its VMs: the user has given them the pool's label. One that takes no
// more pods serves the replica that is on it.
func lentTo(o observed, r request) []node {
	var lent []node
	for _, n := range r.nodes {
		_, bought := n.Labels[v1alpha1.LabelPoolUID]
		if bought || n.DeletionTimestamp != nil {
			continue
		}
		isInUse := slices.ContainsFunc(r.pods, func(p corev1.Pod) bool { return p.Spec.NodeName == n.Name && !hasEnded(p) })
		hasGPUs := gpusOn(n, o.settings.gpuResource) >= o.settings.mustShow(o.settings.gpus)
		if isNodeReady(n) && hasGPUs && (isInUse || !n.Spec.Unschedulable) {
			lent = append(lent, node{name: n.Name, zone: n.Labels[corev1.LabelTopologyZone]})
		}
	}
	slices.SortFunc(lent, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return lent
}

func isNodeReady(n corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func takePods(o *observed, machines map[string]*machine, pods []corev1.Pod) {
	for _, pod := range pods {
		if pod.Spec.NodeName == "" {
			continue
		}
		if ordinal, ours := o.id.ordinal(pod.Spec.NodeName); ours {
			o.highest = max(o.highest, ordinal)
		}
		m := machines[pod.Spec.NodeName]
		if m != nil {
			m.joined = m.joined || hasStarted(pod) // though nobody may have looked at its Node in time
			m.told = m.told || isTold(pod)
		}
		switch {
		case m == nil:
		case hasEnded(pod):
			m.freeAt = later(m.freeAt, endOf(pod).Add(keepEnded))
		default:
			m.pods++
			if pod.DeletionTimestamp != nil {
				m.dying++
			} else if savesItself(pod) {
				m.savers++
			}
		}
	}
}

// savesItself tells whether the training in a pod saves itself when it is told to end.
func savesItself(pod corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationSavesItself] == "true"
}

// isTold tells whether the node agent has said, on a pod, that GCE takes the VM back.
func isTold(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == v1alpha1.ConditionPodPreempted && c.Status == corev1.ConditionTrue
	})
}

// endOf is when the last container of an ended pod ended; of one that the kubelet rejected, when it was bound; zero if neither is known.
func endOf(pod corev1.Pod) time.Time {
	var end time.Time
	if scheduled := podCondition(pod, corev1.PodScheduled); scheduled != nil && nodefit.Rejection(&pod) != "" {
		end = scheduled.LastTransitionTime.Time
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Terminated != nil {
			end = later(end, c.State.Terminated.FinishedAt.Time)
		}
	}
	return end
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// hasStarted tells whether a container of the pod runs or has run.
func hasStarted(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Running != nil || (c.State.Terminated != nil && !c.State.Terminated.StartedAt.IsZero())
	})
}

func hasEnded(pod corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// leavingTaint keeps new pods off a Node whose VM is about to go.
func leavingTaint() corev1.Taint {
	return corev1.Taint{Key: v1alpha1.TaintLeaving, Effect: corev1.TaintEffectNoSchedule}
}
