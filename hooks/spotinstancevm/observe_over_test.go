package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Exit 0, or the last failure that backoffLimit allows, is the end of a replica if the SpotInstanceJob says so: trainers that trap SIGTERM exit 0
// on a VM that dies.
func TestWhoSaysThatATrainingIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		ended batchv1.JobConditionType
		says  func(*fakeKube, string)
		want  int32
	}{
		"nobody has judged yet":            {batchv1.JobComplete, func(*fakeKube, string) {}, 1},
		"its end is not clear yet":         {batchv1.JobComplete, func(k *fakeKube, job string) { k.judged[job] = v1alpha1.ReplicaEnding }, 1},
		"lost with its VM":                 {batchv1.JobComplete, func(k *fakeKube, job string) { k.judged[job] = v1alpha1.ReplicaLost }, 1},
		"succeeded":                        {batchv1.JobComplete, func(k *fakeKube, job string) { k.judged[job] = v1alpha1.ReplicaSucceeded }, 0},
		"another replica succeeded":        {batchv1.JobComplete, func(k *fakeKube, _ string) { k.judged["another"] = v1alpha1.ReplicaSucceeded }, 1},
		"failed, and a next one follows":   {batchv1.JobFailed, func(k *fakeKube, job string) { k.judged[job] = v1alpha1.ReplicaBackingOff }, 1},
		"failed for good":                  {batchv1.JobFailed, func(k *fakeKube, job string) { k.judged[job] = v1alpha1.ReplicaFailed }, 0},
		"the whole job is over":            {batchv1.JobFailed, func(k *fakeKube, _ string) { k.phase = v1alpha1.JobFailed }, 0},
		"the SpotInstanceJob is gone":      {batchv1.JobComplete, func(k *fakeKube, _ string) { k.jobUID = "" }, 0},
		"it is another one of this name":   {batchv1.JobComplete, func(k *fakeKube, _ string) { k.jobUID = "other" }, 0},
		"the API server does not tell":     {batchv1.JobComplete, func(k *fakeKube, _ string) { k.jobDown = true }, 1},
		"it has not told for five minutes": {batchv1.JobComplete, func(k *fakeKube, _ string) { k.jobDown = true }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t, 1)
			w.train(w.vm(0))
			w.completeReplica()
			w.jobs[0].Annotations = map[string]string{v1alpha1.AnnotationFinalAttempt: "true"}
			w.jobs[0].Status.Conditions[0].Type = c.ended
			c.says(w.kube, w.jobs[0].Name)
			if name == "it has not told for five minutes" {
				w.clock.Advance(5*time.Minute + time.Second)
			}
			w.sync()
			require.Equal(t, c.want, w.pool.Status.DesiredReplicas)
		})
	}
}

// The verdict is read of Jobs that have ended, and once: what is over stays over.
func TestVerdictsAreReadOnce(t *testing.T) {
	w := ready(t, 2)
	w.train(w.vm(0))
	w.run(time.Minute)
	require.Zero(t, w.kube.reads, "nothing has ended")
	w.completeReplica()
	w.sync()
	require.Equal(t, 1, w.kube.reads)
	w.kube.judged[w.jobs[0].Name] = v1alpha1.ReplicaSucceeded
	w.sync()
	read := w.kube.reads
	w.kube.judged = map[string]string{}
	w.run(time.Minute)
	require.Equal(t, read, w.kube.reads)
	require.EqualValues(t, 1, w.pool.Status.DesiredReplicas)
}

// A trainer exits 0 on its dying VM. Its replacement is asked for before anybody has judged.
func TestExitZeroOnADyingVMIsDemand(t *testing.T) {
	w := ready(t, 1)
	w.train(w.vm(0))
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.run(3 * time.Second)
	require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
	w.completeReplica()
	w.sync()
	require.EqualValues(t, 1, w.pool.Status.DesiredReplicas)
	w.run(5 * time.Second)
	require.Equal(t, 2, w.inserts())
}

// Whatever becomes of the VM, a replica that is done wants none.
func TestAPodThatEndedLongBeforeItsVMLeftIsNoDemand(t *testing.T) {
	w := ready(t, 1)
	w.train(w.vm(0))
	w.completeReplica()
	w.kube.judged[w.jobs[0].Name] = v1alpha1.ReplicaSucceeded
	w.run(time.Minute)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.sync()
	w.sync()
	require.Zero(t, w.pool.Status.DesiredReplicas)
	require.Equal(t, 1, w.gce.Calls()[gcefake.Insert], "nothing is bought for a replica that is done")
}
