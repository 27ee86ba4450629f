package spotinstancejob

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// rejectedBy is a pod that the kubelet of this VM rejected, after so many before it.
func rejectedBy(vm string, since time.Duration, onVM, inARow int32) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		rejectedPod(since)(job, pod)
		pod.Spec.NodeName, pod.Status.Message = vm, "Allocate failed"
		job.Annotations[annotationLedger] = fmt.Sprintf(`{"replicas":{"0":{"through":%d,"rejections":{"vm":"vm-0","onVM":%d,"inARow":%d}}}}`, inARow, onVM, inARow)
	}
}

// leaves is a VM that its pool deletes, since its kubelet rejects pods.
func leaves(name string, since time.Duration) fact {
	return func(w *world) {
		aVM(name, v1alpha1.InstanceDeleting, since)(w)
		w.pool.Status.ProvisionedInstances[len(w.pool.Status.ProvisionedInstances)-1].Reason = v1alpha1.VMRejectsPods
	}
}

// A rejected pod is no preemption: the next attempt follows soon, and after two VMs the replica rests. All is told, and the number travels
// on the next Job.
func TestRejectedPods(t *testing.T) {
	const words = "; it said: UnexpectedAdmissionError: Allocate failed"
	for name, c := range map[string]struct {
		vm      fact
		attempt int32
		told    []part
		want    string
		says    string
		carried v1alpha1.Rejections // by the next attempt
	}{
		"not settled": {ready("vm-0"), 1, []part{rejectedBy("vm-0", 19*time.Second, 0, 0)}, "Pending; keep r0-a1; resync 1s", "replica 0 was rejected once by kubelets, by that of VM vm-0 at last, which is replaced after 3" + words, v1alpha1.Rejections{}},
		"once": {
			ready("vm-0"), 1,
			[]part{rejectedBy("vm-0", 20*time.Second, 0, 0)},
			"Recovering; keep r0-a1; start r0-a2",
			"replica 0 was rejected once by kubelets, by that of VM vm-0 at last, which is replaced after 3" + words,
			v1alpha1.Rejections{VM: "vm-0", OnVM: 1, InARow: 1},
		},
		"three times": {
			ready("vm-0"), 3,
			[]part{rejectedBy("vm-0", time.Minute, 2, 2)},
			"Recovering; keep r0-a3; start r0-a4",
			"was rejected 3 times in a row by kubelets, by that of VM vm-0 at last, so another VM takes the place of that one" + words,
			v1alpha1.Rejections{VM: "vm-0", OnVM: 3, InARow: 3},
		},
		"by the VM that goes for it": {
			leaves("vm-0", 25*time.Second), 3,
			[]part{rejectedBy("vm-0", 30*time.Second, 2, 2)},
			"Recovering; keep r0-a3; start r0-a4",
			"was rejected 3 times in a row",
			v1alpha1.Rejections{VM: "vm-0", OnVM: 3, InARow: 3},
		},
		"by another VM": {
			ready("vm-1"), 4,
			[]part{rejectedBy("vm-1", time.Minute, 3, 3)},
			"Recovering; keep r0-a4; start r0-a5",
			"was rejected 4 times in a row by kubelets, by that of VM vm-1 at last, which is replaced after 3" + words,
			v1alpha1.Rejections{VM: "vm-1", OnVM: 1, InARow: 4},
		},
		"six times": {
			ready("vm-0"), 6,
			[]part{rejectedBy("vm-0", time.Minute, 2, 5)},
			"Recovering; keep r0-a6; resync 59m0s",
			"was rejected 6 times in a row by kubelets, by that of VM vm-0 at last, so no VM is bought for it before 2026-03-01T12:59:00Z; see kubectl describe node vm-0" + words,
			v1alpha1.Rejections{},
		},
		"an hour later": {
			ready("vm-9"), 6,
			[]part{rejectedBy("vm-0", time.Hour, 2, 5)},
			"Recovering; keep r0-a6; start r0-a7",
			"was rejected 6 times in a row",
			v1alpha1.Rejections{VM: "vm-0", OnVM: 3, InARow: 6},
		},
		"lost before it started": {
			gone("vm-1", time.Minute), 4,
			[]part{rejectedBy("vm-1", time.Minute, 3, 3), func(_ *batchv1.Job, p *corev1.Pod) { p.Status.Reason = "" }},
			"Recovering; keep r0-a4; start r0-a5",
			"lost its VM",
			v1alpha1.Rejections{VM: "vm-0", OnVM: 3, InARow: 3},
		},
		"failed after it started": {
			ready("vm-1"), 4,
			[]part{failedOn("vm-1", time.Hour, time.Minute), carries(`{"replicas":{"0":{"through":3,"rejections":{"vm":"vm-0","onVM":3,"inARow":3}}}}`)},
			"Recovering; keep r0-a4; start r0-a5",
			"failed",
			v1alpha1.Rejections{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(replicas(1), c.vm, anAttempt(0, c.attempt, c.told...)).decide(t)
			require.Equal(t, c.want, told(o, d))
			assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), c.says)
			isLoss := name == "lost before it started"
			assert.Equal(t, isLoss, renderStatus(o, d).Preemptions > 0)
			for _, a := range d.attempts {
				job := renderJob(o, a)
				carried := v1alpha1.ParseRejections(job.Annotations)
				carried.Said = ""
				assert.Equal(t, c.carried, carried)
			}
		})
	}
}

// What status says of a rejected pod stands when the pod is gone with its VM.
func TestRejectionIsRemembered(t *testing.T) {
	w := given(replicas(1), gone("vm-0", time.Minute), anAttempt(0, 6, rejectedBy("vm-0", 5*time.Minute, 2, 5), noPod))
	status(0, 6, v1alpha1.ReplicaRejected, 0)(&w)
	w.job.Status.JobStatuses[0].NodeName = "vm-0"
	o, d := w.decide(t)
	require.Equal(t, "Recovering; keep r0-a6; resync 55m0s", told(o, d))
	require.Equal(t, v1alpha1.WaitRejected, renderStatus(o, d).JobStatuses[0].Reason)
	require.Zero(t, renderStatus(o, d).Preemptions)
}
