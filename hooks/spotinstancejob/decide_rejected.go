package spotinstancejob

import (
	"fmt"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A kubelet can reject a pod that the scheduler has bound to its Node: phase Failed, and no container ever starts. That is neither a loss of
// the VM nor a failure of the training:
//
//	the pod was rejected                              the next attempt follows 20 s later
//	RejectionsPerVM in a row, by one VM               the pool replaces that VM, see v1alpha1.Rejections
//	RejectionsPerRest in a row, whichever VMs         the next attempt follows an hour later, and no VM is kept or bought until then
//	a pod starts                                      the row has ended
//
// The number is in the ledger, and on each Job for the pool to read.

// rest is how long a replica rests, and asks for no VM, whose pods were rejected RejectionsPerRest times in a row.
const rest = time.Hour

// isRejected tells whether the kubelet rejected the attempt's pod.
func (a attempt) isRejected() bool { return a.rejectedWords() != "" }

// rejectedWords are why it did, in its words.
func (a attempt) rejectedWords() string {
	if a.pod == nil {
		return ""
	}
	return a.pod.rejected
}

// rejections are those in a row of a slot, its newest attempt included.
func (s *survey) rejections(of slot) v1alpha1.Rejections {
	so := s.ledger.Replicas[of.replica].Rejections
	if of.verdict == ending { // not counted yet
		so = so.And(of.newest.node, of.newest.pod.rejected)
	}
	return so
}

// waitAfterRejection is the wait of a replica whose pod the kubelet rejected.
func (s *survey) waitAfterRejection(of slot) wait {
	so := s.rejections(of)
	told := "was rejected " + timesInARow(so) + " by kubelets, by that of VM " + so.VM + " at last"
	switch {
	case so.IsRest():
		told += ", so no VM is bought for it before " + of.newest.end().Add(rest).UTC().Format(time.RFC3339) + "; see kubectl describe node " + so.VM
	case so.OnVM >= v1alpha1.RejectionsPerVM:
		told += ", so another VM takes the place of that one"
	default:
		told += fmt.Sprintf(", which is replaced after %d", v1alpha1.RejectionsPerVM)
	}
	return wait{v1alpha1.WaitRejected, told + "; it said: " + so.Said}
}

// rejectedBefore tells of a replica that waits why its last pod did not start, if a kubelet rejected it.
func (s *survey) rejectedBefore(replica int32) string {
	so := s.ledger.Replicas[replica].Rejections
	if so.InARow == 0 {
		return ""
	}
	return fmt.Sprintf("; it was rejected %s by kubelets, by that of VM %s at last; it said: %s", timesInARow(so), so.VM, so.Said)
}

func timesInARow(so v1alpha1.Rejections) string {
	if so.InARow == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times in a row", so.InARow)
}
