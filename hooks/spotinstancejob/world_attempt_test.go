package spotinstancejob

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// part is one thing to tell of an attempt.
type part func(*batchv1.Job, *corev1.Pod)

// anAttempt is a Job of the replica and its pod, which no scheduler has seen yet. Its ledger knows of all before it.
func anAttempt(replica, number int32, parts ...part) fact {
	return func(w *world) {
		name := jobName(&w.job, replica, number)
		labels := map[string]string{
			v1alpha1.LabelJobUID: string(w.job.UID), v1alpha1.LabelReplica: fmt.Sprint(replica), v1alpha1.LabelAttempt: fmt.Sprint(number),
		}
		job := batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ml", Name: name, UID: types.UID("uid-" + name), Labels: labels, Annotations: map[string]string{},
			CreationTimestamp: stamp(ago(4 * time.Hour)),
		}}
		job.Spec.Template.Spec.Containers = []corev1.Container{{Name: "trainer", Image: "acme/train:1"}}
		if number > 1 {
			job.Annotations[annotationLedger] = fmt.Sprintf(`{"replicas":{"%d":{"through":%d}}}`, replica, number-1)
		}
		yes := true
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ml", Name: name + "-abcde", UID: types.UID(podUID(replica, number)), Labels: labels, CreationTimestamp: stamp(ago(4 * time.Hour)),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: name, UID: job.UID, Controller: &yes}},
		}}
		pod.Spec.Containers = job.Spec.Template.Spec.Containers
		pod.Status.Phase = corev1.PodPending
		for _, tell := range parts {
			tell(&job, &pod)
		}
		w.jobs = append(w.jobs, job)
		if pod.Name != "" {
			w.pods = append(w.pods, pod)
		}
	}
}

func podUID(replica, number int32) string { return fmt.Sprintf("pod-r%d-a%d", replica, number) }

func on(node string, since time.Duration) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Spec.NodeName = node
		podCondition(pod, corev1.PodScheduled, since)
	}
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType, since time.Duration) {
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: stamp(ago(since))})
}

// trains on a node since.
func trains(node string, since time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		on(node, since)(job, pod)
		podCondition(pod, corev1.PodReady, since)
		pod.Status.Phase = corev1.PodRunning
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "trainer", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(ago(since))}},
		}}
	}
}

// exited with the code, so long ago, after it trained since.
func exited(node string, since time.Duration, code int32, end time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		trains(node, since)(job, pod)
		pod.Status.Conditions = pod.Status.Conditions[:1] // not Ready any more
		pod.Status.Phase = corev1.PodFailed
		if code == 0 {
			pod.Status.Phase = corev1.PodSucceeded
		}
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: "Error", StartedAt: stamp(ago(since)), FinishedAt: stamp(ago(end)),
		}}
	}
}

func jobIs(kind batchv1.JobConditionType, since time.Duration) part {
	return func(job *batchv1.Job, _ *corev1.Pod) {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: stamp(ago(since))})
	}
}

// failed on a healthy VM, so long ago, after it trained since.
func failedOn(node string, since, end time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		exited(node, since, 1, end)(job, pod)
		jobIs(batchv1.JobFailed, end)(job, pod)
	}
}

func completedOn(node string, since, end time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		exited(node, since, 0, end)(job, pod)
		jobIs(batchv1.JobComplete, end)(job, pod)
	}
}

// podDeleted is a pod whose deletion, with 30 s of grace, was asked for so long ago.
func podDeleted(since time.Duration) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		at, grace := stamp(ago(since).Add(30*time.Second)), int64(30)
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &at, &grace
	}
}

func disrupted(since time.Duration) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) { podCondition(pod, corev1.DisruptionTarget, since) }
}

func noPod(_ *batchv1.Job, pod *corev1.Pod) { pod.Name = "" }

func jobDeleting(job *batchv1.Job, _ *corev1.Pod) {
	at := stamp(ago(time.Second))
	job.DeletionTimestamp = &at
}

func final(job *batchv1.Job, _ *corev1.Pod) {
	job.Annotations[v1alpha1.AnnotationFinalAttempt] = "true"
}

func carries(ledger string) part {
	return func(job *batchv1.Job, _ *corev1.Pod) { job.Annotations[annotationLedger] = ledger }
}

// restored from a checkpoint that holds so much training.
func restored(backup string, inherited time.Duration) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		job.Annotations[annotationRestoredFrom] = backup
		job.Annotations[annotationInherited] = formatSeconds(inherited)
		job.Annotations[annotationGPU] = "nvidia-tesla-a100/1"
		job.Spec.Template.Spec.Containers = []corev1.Container{{Name: "trainer", Image: imageOf(backup)}}
		pod.Spec.Containers = job.Spec.Template.Spec.Containers
	}
}

func imageOf(backup string) string { return "registry.acme.io/checkpoints:" + backup }

// helperEnded is a second container that ended long ago while the first trains on.
func helperEnded(_ *batchv1.Job, pod *corev1.Pod) {
	pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: "fetcher", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{StartedAt: stamp(ago(3 * time.Hour)), FinishedAt: stamp(ago(170 * time.Minute))},
	}})
}
