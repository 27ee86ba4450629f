package spotinstancejob

import (
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// recall notes what status remembers of the attempt.
func (a *attempt) recall(statuses []v1alpha1.JobReplicaStatus) {
	for _, s := range statuses {
		if s.Name != a.name {
			continue
		}
		a.previous, a.node, a.stuckSince = s.Phase, s.NodeName, timeOf(s.StuckSince)
		if s.LostSince != nil && webhook.IsWritable(*s.LostSince) {
			a.lostSince = s.LostSince.Time
		}
	}
}

// remembered is what is known of an attempt's VM that its pool does not list any more, or whose pool is gone: a VM that was leaving did
// not come back. That its pod still looks as if it ran means that nobody has collected it yet.
func (v vm) remembered(a attempt) vm {
	switch {
	case v.state != "" || a.lostSince.IsZero():
		return v
	case a.previous == v1alpha1.ReplicaLost:
		return vm{state: v1alpha1.InstanceGone, since: a.lostSince}
	case a.previous == v1alpha1.ReplicaDoomed && (a.pod == nil || a.pod.noticed.IsZero()): // a pod that has its notice tells itself
		return vm{state: v1alpha1.InstanceDeleting, since: a.lostSince}
	}
	return v
}

// refusedAt is when the newest refusal of a replica's next Job was counted; zero: none was, or status does not say so in a way that
// can be written again.
func refusedAt(status *v1alpha1.JobReplicaStatus) time.Time {
	if status.RefusedAt == nil || !webhook.IsWritable(*status.RefusedAt) {
		return time.Time{}
	}
	return status.RefusedAt.Time
}
