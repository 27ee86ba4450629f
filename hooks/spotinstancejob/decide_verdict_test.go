package spotinstancejob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func ready(name string) fact { return aVM(name, v1alpha1.InstanceReady, 3*time.Hour) }

func stopping(name string, since time.Duration) fact {
	return aVM(name, v1alpha1.InstanceStopping, since)
}

func gone(name string, since time.Duration) fact { return aVM(name, v1alpha1.InstanceGone, since) }

// startError is how a container ends that the runtime could not start: with a start in 1970.
func startError(since time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		exited("vm-0", time.Hour, 128, since)(job, pod)
		pod.Status.ContainerStatuses[0].State.Terminated.Reason = "StartError"
		pod.Status.ContainerStatuses[0].State.Terminated.StartedAt = stamp(time.Unix(0, 0))
		jobIs(batchv1.JobFailed, since)(job, pod)
	}
}

// rejectedPod is a pod that the kubelet did not admit.
func rejectedPod(since time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		on("vm-0", time.Hour)(job, pod)
		pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "UnexpectedAdmissionError"
		jobIs(batchv1.JobFailed, since)(job, pod)
	}
}

// initFailed is a pod whose init container exited with 1.
func initFailed(since time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		on("vm-0", time.Hour)(job, pod)
		pod.Status.Phase = corev1.PodFailed
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, StartedAt: stamp(ago(2 * since)), FinishedAt: stamp(ago(since))},
		}}}
		jobIs(batchv1.JobFailed, since)(job, pod)
	}
}

// notStarted is a pod on a node whose container waits for its image.
func notStarted(since time.Duration) part { return on("vm-0", since) }

// TestVerdicts has one case for each thing that can have become of an attempt, in the order in which judge looks.
func TestVerdicts(t *testing.T) {
	type parts = []part
	cases := map[string]struct {
		vm   fact
		told parts
		past string // phase that status gives this attempt; "" when status does not know it
		want verdict
	}{
		"no pod yet": {ready("vm-0"), parts{noPod}, "", pending},
		"no pod any more, and the Job has not noticed": {gone("vm-0", time.Minute), parts{noPod}, v1alpha1.ReplicaLost, lost},
		"no node yet":                          {ready("vm-0"), nil, "", pending},
		"container not started":                {ready("vm-0"), parts{notStarted(time.Hour)}, "", starting},
		"running":                              {ready("vm-0"), parts{trains("vm-0", time.Hour)}, "", running},
		"running on a node of somebody's own":  {ready("vm-0"), parts{trains("other", time.Hour)}, "", running},
		"running where the zone is unreadable": {aVM("vm-0", v1alpha1.InstanceUnknown, time.Minute), parts{trains("vm-0", time.Hour)}, "", running},
		"VM noticed":                           {stopping("vm-0", time.Second), parts{trains("vm-0", time.Hour)}, "", doomed},
		"VM not ready, and waited for":         {aSilentVM("vm-0"), parts{trains("vm-0", time.Hour)}, "", running},
		"VM not ready":                         {aVM("vm-0", v1alpha1.InstanceNotReady, time.Second), parts{trains("vm-0", time.Hour)}, "", doomed},
		"VM being deleted":                     {aVM("vm-0", v1alpha1.InstanceDeleting, time.Second), parts{trains("vm-0", time.Hour)}, "", doomed},
		"VM gone":                              {gone("vm-0", time.Second), parts{trains("vm-0", time.Hour)}, "", lost},
		"pod deleted by somebody":              {ready("vm-0"), parts{trains("vm-0", time.Hour), podDeleted(time.Second)}, "", lost},

		"exit 0, Job not complete yet":                      {ready("vm-0"), parts{exited("vm-0", time.Hour, 0, time.Minute), jobIs(batchv1.JobSuccessCriteriaMet, time.Minute)}, "", ending},
		"complete, not settled":                             {ready("vm-0"), parts{completedOn("vm-0", time.Hour, 19*time.Second)}, "", ending},
		"complete":                                          {ready("vm-0"), parts{completedOn("vm-0", time.Hour, 20*time.Second)}, "", succeeded},
		"complete, pod not observed":                        {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), noPod}, "", succeeded},
		"complete, pod not observed, was doomed":            {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), noPod}, v1alpha1.ReplicaDoomed, lost},
		"complete on a VM that was stopping: SIGTERM":       {stopping("vm-0", 2*time.Minute), parts{completedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"complete just before the VM was stopping":          {stopping("vm-0", 45*time.Second), parts{completedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"complete long before the VM was stopping":          {stopping("vm-0", 10*time.Second), parts{completedOn("vm-0", time.Hour, time.Minute)}, "", succeeded},
		"complete long before the VM was gone":              {gone("vm-0", 10*time.Second), parts{completedOn("vm-0", time.Hour, time.Minute)}, "", succeeded},
		"complete, pod not observed, others go on":          {and(ready("vm-0"), anAttempt(1, 1, trains("vm-1", time.Hour))), parts{completedOn("vm-0", time.Hour, time.Minute), noPod}, "", lost},
		"complete of a deleted pod":                         {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), podDeleted(80 * time.Second)}, "", lost},
		"complete, its pod deleted a while later":           {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), podDeleted(10 * time.Second)}, "", succeeded},
		"complete, nothing is known of the VM":              {aVM("vm-0", v1alpha1.InstanceUnknown, time.Hour), parts{completedOn("vm-0", time.Hour, time.Minute)}, "", ending},
		"complete of a disrupted pod":                       {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), disrupted(80 * time.Second)}, "", lost},
		"success stays success when the VM goes":            {gone("vm-0", 50*time.Second), parts{completedOn("vm-0", time.Hour, time.Minute)}, v1alpha1.ReplicaSucceeded, succeeded},
		"loss stays loss when its pod and VM are forgotten": {ready("vm-1"), parts{completedOn("vm-0", time.Hour, time.Minute), noPod}, v1alpha1.ReplicaLost, lost},
		"complete, pod not observed, already replaced":      {ready("vm-0"), parts{completedOn("vm-0", time.Hour, time.Minute), noPod, carries(`{"replicas":{"0":{"through":1}}}`)}, "", lost},
		"status alone makes no success":                     {ready("vm-0"), parts{trains("vm-0", time.Hour)}, v1alpha1.ReplicaSucceeded, running},

		"exit 1, Job not failed yet":                     {ready("vm-0"), parts{exited("vm-0", time.Hour, 1, time.Minute)}, "", ending},
		"failed, not settled":                            {ready("vm-0"), parts{failedOn("vm-0", time.Hour, 19*time.Second)}, "", ending},
		"failed":                                         {ready("vm-0"), parts{failedOn("vm-0", time.Hour, 20*time.Second)}, "", failed},
		"failed, Job only on its way":                    {ready("vm-0"), parts{exited("vm-0", time.Hour, 1, time.Minute), jobIs(batchv1.JobFailureTarget, time.Minute)}, "", failed},
		"failed, and the pod is seen as it was before":   {ready("vm-0"), parts{trains("vm-0", time.Hour), jobIs(batchv1.JobFailed, time.Minute)}, "", ending},
		"complete, and the pod is seen as it was before": {ready("vm-0"), parts{trains("vm-0", time.Hour), jobIs(batchv1.JobComplete, time.Minute)}, "", ending},
		"failed, pod not observed":                       {ready("vm-0"), parts{failedOn("vm-0", time.Hour, time.Minute), noPod}, "", lost},
		"failed of a deleted pod":                        {ready("vm-0"), parts{failedOn("vm-0", time.Hour, time.Minute), podDeleted(80 * time.Second)}, "", lost},
		"failed of a disrupted pod":                      {ready("vm-0"), parts{failedOn("vm-0", time.Hour, time.Minute), disrupted(80 * time.Second)}, "", lost},
		"failed on a stopping VM":                        {stopping("vm-0", 2*time.Minute), parts{failedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"failed on a VM not ready":                       {aVM("vm-0", v1alpha1.InstanceNotReady, 55*time.Second), parts{failedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"failed on a VM that is gone":                    {gone("vm-0", 55*time.Second), parts{failedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"failed where nothing is known of the VM":        {aVM("vm-0", v1alpha1.InstanceUnknown, time.Hour), parts{failedOn("vm-0", time.Hour, time.Minute)}, "", lost},
		"failed long before the VM was stopping":         {stopping("vm-0", 10*time.Second), parts{failedOn("vm-0", time.Hour, time.Minute)}, "", failed},
		"failure stays failure in back-off":              {gone("vm-0", 50*time.Second), parts{failedOn("vm-0", time.Hour, time.Minute)}, v1alpha1.ReplicaBackingOff, failed},
		"failure stays failure for good":                 {gone("vm-0", 50*time.Second), parts{failedOn("vm-0", time.Hour, time.Minute)}, v1alpha1.ReplicaFailed, failed},
		"rejected by the kubelet":                        {ready("vm-0"), parts{rejectedPod(time.Minute)}, "", rejected},
		"the template's image cannot start":              {ready("vm-0"), parts{startError(time.Minute)}, "", failed},
		"an init container fails":                        {ready("vm-0"), parts{initFailed(time.Minute)}, "", failed},
		"restored, fails within 2 min":                   {ready("vm-0"), parts{restored("x", time.Hour), failedOn("vm-0", 5*time.Minute, 4*time.Minute)}, "", restoreFailed},
		"restored, fails after 2 min":                    {ready("vm-0"), parts{restored("x", time.Hour), failedOn("vm-0", 6*time.Minute, 4*time.Minute)}, "", failed},
		"restored, cannot start":                         {ready("vm-0"), parts{restored("x", time.Hour), startError(time.Minute)}, "", restoreFailed},
		"restored, not running for 14 min":               {ready("vm-0"), parts{restored("x", time.Hour), notStarted(14 * time.Minute)}, "", starting},
		"restored, not running for 15 min":               {ready("vm-0"), parts{restored("x", time.Hour), notStarted(15 * time.Minute)}, "", restoreFailed},
		"restored, rejected by the kubelet":              {ready("vm-0"), parts{restored("x", time.Hour), rejectedPod(time.Minute)}, "", rejected},
		"restored, failed with its VM":                   {stopping("vm-0", 70*time.Second), parts{restored("x", time.Hour), failedOn("vm-0", 2*time.Minute, time.Minute)}, "", lost},
		"restore failure stays when the VM goes later":   {gone("vm-0", 50*time.Second), parts{restored("x", time.Hour), failedOn("vm-0", 2*time.Minute, time.Minute)}, v1alpha1.ReplicaRestoreFailed, restoreFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := given(c.vm, anAttempt(0, 1, c.told...))
			if c.past != "" {
				status(0, 1, c.past, 0)(&w)
			}
			o, err := observe(w.request(t), noon)
			require.NoError(t, err)
			require.Equal(t, c.want, surveyOf(o).verdicts[o.attempts[0].name])
		})
	}
}

// TestEndOfTraining has the times that losses and back-offs are counted from.
func TestEndOfTraining(t *testing.T) {
	helper := func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: "fetcher", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{StartedAt: stamp(ago(time.Hour)), FinishedAt: stamp(ago(50 * time.Minute))},
		}})
	}
	cases := map[string]struct {
		vm   fact
		told []part
		want time.Time
	}{
		"still running":                                {ready("vm-0"), []part{trains("vm-0", time.Hour)}, time.Time{}},
		"a helper ended, the trainer runs":             {ready("vm-0"), []part{trains("vm-0", time.Hour), helper}, time.Time{}},
		"container exited":                             {ready("vm-0"), []part{failedOn("vm-0", time.Hour, time.Minute)}, ago(time.Minute)},
		"pod deleted: from the request, not the grace": {ready("vm-0"), []part{trains("vm-0", time.Hour), podDeleted(time.Minute)}, ago(time.Minute)},
		"VM noticed, pod deleted later":                {stopping("vm-0", 2*time.Minute), []part{trains("vm-0", time.Hour), podDeleted(time.Minute)}, ago(2 * time.Minute)},
		"VM gone":                                      {gone("vm-0", time.Minute), []part{trains("vm-0", time.Hour)}, ago(time.Minute)},
		"VM being deleted":                             {aVM("vm-0", v1alpha1.InstanceDeleting, time.Minute), []part{trains("vm-0", time.Hour)}, ago(time.Minute)},
		"failed, then the VM went":                     {gone("vm-0", time.Minute), []part{failedOn("vm-0", time.Hour, 10*time.Minute)}, ago(10 * time.Minute)},
		"only the Job tells":                           {ready("vm-0"), []part{failedOn("vm-0", time.Hour, time.Minute), noPod}, ago(time.Minute)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, err := observe(given(c.vm, anAttempt(0, 1, c.told...)).request(t), noon)
			require.NoError(t, err)
			require.True(t, c.want.Equal(o.attempts[0].end()), "want %s, got %s", c.want, o.attempts[0].end())
		})
	}
}

// TestCompleteWithoutAPod: what pushed it, if anything did, is not to be seen any more. Status remembers where it ran.
func TestCompleteWithoutAPod(t *testing.T) {
	unneeded := func(w *world) { w.pool.Status.ProvisionedInstances[0].Reason = v1alpha1.VMNotNeeded }
	for name, c := range map[string]struct {
		vm   fact
		want verdict
	}{
		"its VM is Ready":                   {ready("vm-0"), succeeded},
		"its VM is forgotten":               {ready("vm-1"), succeeded},
		"its VM is stopping":                {stopping("vm-0", time.Second), lost},
		"its VM is gone":                    {gone("vm-0", time.Second), lost},
		"its VM is gone, since it was idle": {and(gone("vm-0", time.Second), unneeded), succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(c.vm, anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute), noPod), status(0, 1, v1alpha1.ReplicaRunning, 0))
			w.job.Status.JobStatuses[0].NodeName = "vm-0"
			o, d := w.decide(t)
			require.Equal(t, c.want, surveyOf(o).verdicts[o.attempts[0].name])
			if c.want == succeeded {
				require.Equal(t, "vm-0", renderStatus(o, d).JobStatuses[0].NodeName, "it is remembered")
			}
		})
	}
}
