package spotinstancejob

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// noon is the time of every sync in these tests. Times of facts are told as how long ago they were.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

func stamp(t time.Time) metav1.Time { return metav1.Time{Time: t} }

// world is what Metacontroller observed of one SpotInstanceJob.
type world struct {
	job     v1alpha1.SpotInstanceJob
	pool    *v1alpha1.SpotInstanceVM
	jobs    []batchv1.Job
	pods    []corev1.Pod
	backups []checkpointBackup
}

// fact changes a world.
type fact func(*world)

const plainTemplate = `{"spec":{` + plainPod + `}}`

const plainPod = `"template":{"spec":{"containers":[{"name":"trainer","image":"acme/train:1","resources":{"limits":{"nvidia.com/gpu":1}}}]}}`

// given is the job "train" with two replicas and checkpoints every 30 minutes, on the pool "a100" without VMs, and the
// facts, in order.
func given(facts ...fact) world {
	w := world{
		job: v1alpha1.SpotInstanceJob{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ml", Name: "train", UID: "uid-train", Generation: 1},
			Spec: v1alpha1.SpotInstanceJobSpec{
				SpotInstanceVMRef: corev1.LocalObjectReference{Name: "a100"},
				JobTemplate:       runtime.RawExtension{Raw: []byte(plainTemplate)},
				CheckpointConfig: v1alpha1.CheckpointConfig{
					CheckpointImageRepo: "registry.acme.io/checkpoints",
					CheckpointInterval:  v1alpha1.CheckpointInterval{Duration: 30 * time.Minute},
				},
			},
		},
		pool: &v1alpha1.SpotInstanceVM{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ml", Name: "a100", UID: "uid-a100"},
			Spec: v1alpha1.SpotInstanceVMSpec{
				GPU: &v1alpha1.GPUConfig{Type: "nvidia-tesla-a100", Count: 1},
				GCP: v1alpha1.GCPConfig{MachineType: "a2-highgpu-1g"},
			},
		},
	}
	for _, f := range facts {
		f(&w)
	}
	return w
}

// and is several facts told as one.
func and(facts ...fact) fact {
	return func(w *world) {
		for _, f := range facts {
			f(w)
		}
	}
}

func noPool(w *world) { w.pool = nil }

func poolDeleting(w *world) {
	at := stamp(ago(time.Second))
	w.pool.DeletionTimestamp = &at
}

func templateWith(spec string) fact {
	return func(w *world) {
		w.job.Spec.JobTemplate.Raw = []byte(`{"spec":{` + spec + plainPod + `}}`)
	}
}

func replicas(n int32) fact { return func(w *world) { w.job.Spec.Replicas = &n } }

func retain(n int32) fact { return func(w *world) { w.job.Spec.CheckpointConfig.Retain = &n } }

func suspended(w *world) { w.job.Spec.Suspend = true }

// aVM is an entry of the pool's status, in its state for so long.
func aVM(name string, state v1alpha1.InstanceState, since time.Duration) fact {
	return func(w *world) {
		at := stamp(ago(since))
		entry := v1alpha1.VMInstanceStatus{Name: name, State: state, Since: &at, PreemptionNotice: &metav1.Duration{Duration: 2 * time.Minute}}
		if state == v1alpha1.InstanceNotReady {
			entry.Reason = v1alpha1.VMNodeNotReady
		}
		w.pool.Status.ProvisionedInstances = append(w.pool.Status.ProvisionedInstances, entry)
	}
}

// aSilentVM is one that its pool waits for.
func aSilentVM(name string) fact {
	return func(w *world) {
		aVM(name, v1alpha1.InstanceNotReady, time.Minute)(w)
		w.pool.Status.ProvisionedInstances[len(w.pool.Status.ProvisionedInstances)-1].Reason = ""
	}
}

// status is what status says of an attempt, as an earlier sync left it.
func status(replica, number int32, phase string, failures int32) fact {
	return func(w *world) {
		w.job.Status.JobStatuses = append(w.job.Status.JobStatuses, v1alpha1.JobReplicaStatus{
			Name: jobName(&w.job, replica, number), Replica: replica, Attempt: number, Phase: phase, Failures: failures,
		})
	}
}

func statusPhase(p v1alpha1.JobPhase) fact { return func(w *world) { w.job.Status.Phase = p } }

// checkpointPart is one thing to tell of a checkpoint.
type checkpointPart func(*checkpointBackup)

// aCheckpoint of a pod, asked for so long ago, when the pod had trained for progress in all.
func aCheckpoint(name string, replica, number int32, asked, progress time.Duration, parts ...checkpointPart) fact {
	return func(w *world) {
		b := checkpointBackup{
			Metadata: metav1.ObjectMeta{
				Namespace: "ml", Name: name, CreationTimestamp: stamp(ago(asked)),
				Labels: map[string]string{v1alpha1.LabelReplica: fmt.Sprint(replica), v1alpha1.LabelAttempt: fmt.Sprint(number)},
				Annotations: map[string]string{
					annotationPodUID: podUID(replica, number), annotationReason: string(reasonScheduled),
					annotationInherited: "0", annotationStartedAt: ago(asked + progress).Format(time.RFC3339),
					annotationGPU: "nvidia-tesla-a100/1",
				},
			},
			Spec: backupSpec{
				Registry:   &backupRegistry{URL: "registry.acme.io", Repository: "checkpoints"},
				Containers: []backupContainer{{Name: "trainer", Image: "checkpoints:" + name}},
			},
		}
		for _, tell := range parts {
			tell(&b)
		}
		w.backups = append(w.backups, b)
	}
}

// done with all images so long ago.
func done(since time.Duration) checkpointPart {
	return func(b *checkpointBackup) {
		b.Status.Phase = "Completed"
		for _, c := range b.Spec.Containers {
			b.Status.BuiltImages = append(b.Status.BuiltImages, builtImage{ContainerName: c.Name, ImageName: c.Image, BuildTime: stamp(ago(since))})
		}
	}
}

func inPhase(phase string) checkpointPart {
	return func(b *checkpointBackup) { b.Status.Phase = phase }
}

func ofGPU(gpu string) checkpointPart {
	return func(b *checkpointBackup) { b.Metadata.Annotations[annotationGPU] = gpu }
}

func afterFailures(n int) checkpointPart {
	return func(b *checkpointBackup) { b.Metadata.Annotations[annotationFailedBefore] = fmt.Sprint(n) }
}

func backupDeleting(since time.Duration) checkpointPart {
	return func(b *checkpointBackup) { at := stamp(ago(since)); b.Metadata.DeletionTimestamp = &at }
}
