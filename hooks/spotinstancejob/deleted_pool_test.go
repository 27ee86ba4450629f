package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A pool is deleted under a job: its VMs go, then the pool itself, and the pods look for some seconds more as if they ran. Each loss counts
// once, whatever part of that the hook was called for, and nothing is said to run on a VM that is gone.
func TestLossesOfADeletedPoolAreCountedOnce(t *testing.T) {
	both := func(parts ...part) fact {
		return and(anAttempt(0, 1, append([]part{trains("vm-0", time.Hour)}, parts...)...), anAttempt(1, 1, append([]part{trains("vm-1", time.Hour)}, parts...)...))
	}
	vms := func(state v1alpha1.InstanceState) fact {
		return and(poolDeleting, aVM("vm-0", state, 10*time.Second), aVM("vm-1", state, 10*time.Second))
	}
	trainsOn, goes, isGone := both(), vms(v1alpha1.InstanceDeleting), vms(v1alpha1.InstanceGone)
	collected := both(podDeleted(time.Second))
	ended := both(noPod, jobIs(batchv1.JobFailed, time.Second))
	again := []fact{collected, noPool}
	for name, moments := range map[string][][]fact{
		"all of it":                               {{goes, trainsOn}, {isGone, trainsOn}, {noPool, trainsOn}, again, {noPool, ended}},
		"the pool is gone before its VMs are":     {{goes, trainsOn}, {noPool, trainsOn}, again, {noPool, ended}},
		"VMs are forgotten before the pool":       {{goes, trainsOn}, {isGone, trainsOn}, {poolDeleting, trainsOn}, again},
		"the pool is applied again":               {{goes, trainsOn}, {isGone, trainsOn}, {noPool, trainsOn}, {trainsOn}, {ready("vm-2"), trainsOn}, {ready("vm-2"), collected}},
		"it is gone, and the pods before the Job": {{goes, trainsOn}, {isGone, trainsOn}, {noPool, both(noPod)}, {noPool, ended}},
	} {
		t.Run(name, func(t *testing.T) {
			var job v1alpha1.SpotInstanceJobStatus
			for i, moment := range moments {
				w := given(moment...)
				w.job.Status = job
				o, d := w.decide(t)
				job = renderStatus(o, d)
				require.Equal(t, v1alpha1.JobRecovering, job.Phase, "moment %d", i)
				require.Zero(t, job.ActiveReplicas, "moment %d", i)
				require.LessOrEqual(t, job.Preemptions, int32(2), "moment %d", i)
				for _, a := range d.attempts {
					require.EqualValues(t, 2, a.ledger.sum().Losses, "moment %d", i)
					require.Equal(t, ago(10*time.Second), a.ledger.Replicas[a.replica].LastLoss, "moment %d", i)
				}
			}
			assert.EqualValues(t, 2, job.Preemptions)
		})
	}
}

// What status remembers of a VM is no more than a memory: the pool lists the VM, and it is well.
func TestVMThatIsListedAgain(t *testing.T) {
	w := given(replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour)), status(0, 1, v1alpha1.ReplicaDoomed, 0))
	w.job.Status.JobStatuses[0].LostSince = new(stamp(ago(time.Minute)))
	o, d := w.decide(t)
	assert.Equal(t, v1alpha1.JobRunning, d.phase)
	assert.Nil(t, renderStatus(o, d).JobStatuses[0].LostSince)
}

// The pool tells of a loss, then the Node, then the pod, each with a time of its own: status keeps the first.
func TestTimeOfALossStays(t *testing.T) {
	w := given(replicas(1), gone("vm-0", time.Second), anAttempt(0, 1, trains("vm-0", time.Hour)))
	status(0, 1, v1alpha1.ReplicaLost, 0)(&w)
	w.job.Status.JobStatuses[0].LostSince = new(stamp(ago(time.Minute)))
	o, d := w.decide(t)
	require.Equal(t, v1alpha1.ReplicaLost, renderStatus(o, d).JobStatuses[0].Phase)
	assert.Equal(t, new(stamp(ago(time.Minute))), renderStatus(o, d).JobStatuses[0].LostSince)
}
