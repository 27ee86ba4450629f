package spotinstancevm

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// statusOf is what a decision makes of the pool's status.
func statusOf(pool *v1alpha1.SpotInstanceVM, o observed, d decision) v1alpha1.SpotInstanceVMStatus {
	conditions := conditionsOf(pool.Status.Conditions, o, d)
	status := v1alpha1.SpotInstanceVMStatus{
		Conditions:         conditions,
		Phase:              phaseOf(o, d, conditions),
		DesiredReplicas:    int32(d.desired),
		Preemptions:        d.preemptions,
		ObservedGeneration: o.generation,

		Machine:         o.machine,
		OtherNodeLabels: o.otherLabels,
		LentNodes:       int32(len(o.lent)),

		CredentialsSecretRef: o.secretRef,
		SpotUnavailableSince: stamp(d.dry),
		Cost:                 d.spent,
	}
	if o.finalizing {
		status.DesiredReplicas = 0
	}
	perZone := map[string]int{}
	status.ProvisionedInstances = slices.Grow(status.ProvisionedInstances, len(d.machines))
	for _, m := range d.machines {
		status.ProvisionedInstances = append(status.ProvisionedInstances, entryOf(m))
		if isCounted(m) {
			status.Replicas++
			perZone[m.zone]++
		}
		if isReady(m) {
			status.ReadyReplicas++
		}
	}
	noteLacks(pool.Status, &status, o, d)
	status.Placement = placementOf(perZone)
	status.UnschedulableReplicas = heldOf(o, d)
	for _, z := range d.zones {
		status.Zones = append(status.Zones, v1alpha1.ZoneStatus{
			Zone: z.name, BlockedUntil: stamp(z.until), Reason: z.reason, Message: z.message,
			StandardBlockedUntil: stamp(z.standardUntil), LastLossTime: stamp(z.lastLoss),
		})
	}
	return status
}

// heldOf are the replicas for which no VM is bought for a while.
func heldOf(o observed, d decision) []v1alpha1.UnschedulableReplica {
	var held []v1alpha1.UnschedulableReplica
	for _, w := range d.wants {
		if w.isHeld(o.now) {
			held = append(held, v1alpha1.UnschedulableReplica{JobName: w.attempt, Until: *stamp(w.heldUntil), Message: w.heldFor})
		}
	}
	return held
}

// render is the answer to Metacontroller. A pool has no children.
func render(pool *v1alpha1.SpotInstanceVM, status v1alpha1.SpotInstanceVMStatus, d decision) webhook.Response {
	return webhook.Response{
		Status:             status,
		Children:           []any{},
		ResyncAfterSeconds: d.resync.Seconds(),
		Finalized:          d.finalized,
		Log:                logOf(pool, status, d),
	}
}

// placementOf is for kubectl get, whose columns cannot show a list.
func placementOf(perZone map[string]int) string {
	var zones []string
	for _, zone := range slices.Sorted(maps.Keys(perZone)) {
		zones = append(zones, fmt.Sprintf("%s:%d", zone, perZone[zone]))
	}
	return strings.Join(zones, ",")
}

// isCounted tells whether a VM exists, or is being created, and is not on its way out.
func isCounted(m machine) bool {
	switch m.state {
	case v1alpha1.InstanceStopping, v1alpha1.InstanceDeleting, v1alpha1.InstanceGone:
		return false
	default:
		return true
	}
}

func entryOf(m machine) v1alpha1.VMInstanceStatus {
	entry := v1alpha1.VMInstanceStatus{
		Name:              m.name,
		InstanceID:        m.seen.instanceID,
		Zone:              m.zone,
		ProvisioningModel: m.seen.model,
		MachineType:       m.seen.machine,
		InternalIP:        m.seen.internalIP,
		ExternalIP:        m.seen.externalIP,
		State:             m.state,
		JoinedCluster:     m.joined,
		CreationTime:      stamp(m.seen.created),
		RequestID:         m.requestID,
		Operation:         m.operation,
		Since:             stamp(m.since),
		Reason:            m.reason,
		IdleSince:         stamp(m.idleSince),
		PassedOverSince:   stamp(m.passedOver),
	}
	if m.hasNode {
		entry.NodeName = m.name
	}
	if m.seen.noticed {
		entry.PreemptionNotice = &metav1.Duration{Duration: m.seen.notice}
	}
	return entry
}

// phaseOf sums up.
func phaseOf(o observed, d decision, conditions []metav1.Condition) v1alpha1.PoolPhase {
	ready, alive := 0, 0
	for _, m := range d.machines {
		if isReady(m) {
			ready++
		}
		if m.state != v1alpha1.InstanceGone {
			alive++
		}
	}
	switch {
	case o.finalizing:
		return v1alpha1.PoolDeleting
	case isInvalid(conditions):
		return v1alpha1.PoolInvalid
	case d.desired == 0 && alive == 0:
		return v1alpha1.PoolIdle
	case ready >= d.desired:
		return v1alpha1.PoolReady
	case blame(conditions) != nil:
		return v1alpha1.PoolDegraded
	default:
		return v1alpha1.PoolProvisioning
	}
}

// logOf says what changed and what was done, for the call's log line.
func logOf(pool *v1alpha1.SpotInstanceVM, status v1alpha1.SpotInstanceVMStatus, d decision) []slog.Attr {
	before := map[string]v1alpha1.InstanceState{}
	for _, entry := range pool.Status.ProvisionedInstances {
		before[entry.Name] = entry.State
	}
	var changes, operations, failures []string
	for _, entry := range status.ProvisionedInstances {
		if entry.State != before[entry.Name] {
			changes = append(changes, fmt.Sprintf("%s %s>%s %s", entry.Name, before[entry.Name], entry.State, entry.Reason))
		}
	}
	for _, op := range d.operations[:min(len(d.operations), maxMutations)] {
		operations = append(operations, string(op.verb)+" "+op.vm)
	}
	for _, failed := range d.failures {
		failures = append(failures, string(failed.verb)+" "+failed.vm+": "+failed.err.Error())
	}
	return []slog.Attr{
		slog.String("phase", string(pool.Status.Phase)+">"+string(status.Phase)),
		slog.Int("desired", d.desired), slog.Int("ready", int(status.ReadyReplicas)),
		slog.Any("changes", changes), slog.Any("operations", operations), slog.Any("failures", failures),
		slog.Float64("resync", d.resync.Round(time.Millisecond).Seconds()),
	}
}
