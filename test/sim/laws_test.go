package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// court is a world in which no hook is called: tests write the objects, and answer in the hooks' place.
type court struct {
	*World
	*testing.T
	job  *v1alpha1.SpotInstanceJob
	pool *v1alpha1.SpotInstanceVM
}

func newCourt(t *testing.T) *court {
	w := &court{World: New(Config{Timing: RealTiming()}), T: t}
	pool, err := poolOf(story.Command{Name: "pool", Args: []string{"pool"}})
	require.NoError(t, err)
	job, err := jobOf(story.Command{Name: "job", Args: []string{"job"}, Options: map[string]string{"replicas": "1"}})
	require.NoError(t, err)
	w.Laws.ear.listen()
	w.pool, w.job = pool, job
	w.create(pool)
	w.create(job)
	return w
}

func (w *court) create(o Object) {
	w.Helper()
	_, err := w.API.Create(o)
	require.NoError(w, err)
}

// attempt is a Job of the job, with a pod that runs on vm-0.
func (w *court) attempt(name, replica string) *batchv1.Job {
	labels := map[string]string{
		v1alpha1.LabelJobUID: string(w.job.UID), v1alpha1.LabelReplica: replica, v1alpha1.LabelAttempt: "1",
		v1alpha1.LabelPool: v1alpha1.PoolID(Namespace, "pool"),
	}
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, Labels: labels, OwnerReferences: w.owner("SpotInstanceJob", "job", w.job.UID)},
	}
	w.create(job)
	started := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: w.API.timestamp()}}
	w.create(&corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, Labels: labels, OwnerReferences: w.owner("Job", name, job.UID)},
		Spec:       corev1.PodSpec{NodeName: "vm-0", Containers: []corev1.Container{{Name: "trainer"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "trainer", State: started}}},
	})
	return job
}

func (w *court) owner(kind, name string, uid types.UID) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: kind, Name: name, UID: uid, Controller: new(true)}}
}

// checkpoint is a completed CheckpointBackup with so many seconds of training in its image.
func (w *court) checkpoint(name string, seconds int) *Backup {
	b := &Backup{
		TypeMeta: metav1.TypeMeta{APIVersion: "migration.dcnlab.com/v1", Kind: "CheckpointBackup"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: name, OwnerReferences: w.owner("SpotInstanceJob", "job", w.job.UID),
			Annotations: map[string]string{annotatedInherited: fmt.Sprint(seconds), annotatedGPU: "nvidia-l4/1"},
		},
		Spec: BackupSpec{
			Registry: &BackupRegistry{URL: "docker.io"}, Containers: []BackupContainer{{"trainer", "sim/job:" + name}},
		},
		Status: BackupStatus{Phase: phaseCompleted, BuiltImages: []BuiltImage{{ContainerName: "trainer", ImageName: "sim/job:" + name}}},
	}
	w.create(b)
	w.Images.Push("docker.io/sim/job:"+name, time.Duration(seconds)*time.Second, false)
	return b
}

func stub(kind, name string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":%q,"metadata":{"namespace":"default","name":%q}}`, kind, name)
}

// whole is a new Job of replica 0 that starts from a checkpoint.
func whole(name, from string) string {
	return fmt.Sprintf(`{"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"default","name":%q,"labels":{"training.dcnlab.com/replica":"0"},`+
		`"annotations":{"training.dcnlab.com/restored-from":%q}},"spec":{"template":{"spec":{"containers":[{"name":"trainer","image":"docker.io/sim/job:%s"}]}}}}`, name, from, from)
}

// rescue is a new checkpoint of a pod that answers a loss.
func (w *court) rescue(pod string) string {
	uid := w.API.Get(Key{"Pod", Namespace, pod}).Object.GetUID()
	return fmt.Sprintf(`{"apiVersion":"migration.dcnlab.com/v1","kind":"CheckpointBackup","metadata":{"namespace":"default","name":"of-%s",`+
		`"annotations":{"training.dcnlab.com/checkpoint-reason":"preemption","training.dcnlab.com/pod-uid":%q}},"spec":{}}`, pod, uid)
}

// answer lets the laws see an answer of the job's hook to what the API holds now.
func (w *court) answer(status v1alpha1.SpotInstanceJobStatus, children ...string) {
	w.say(keyOf(w.job), w.job.UID, status, "["+strings.Join(children, ",")+"]")
}

func (w *court) say(k Key, uid types.UID, status any, children string) {
	w.Meta.cache.relist()
	data, err := json.Marshal(status)
	require.NoError(w, err)
	body := fmt.Sprintf(`{"status":%s,"children":%s,"resyncAfterSeconds":0,"finalized":false}`, data, children)
	w.Laws.seeCall(Call{Path: "/sync", Parent: k, UID: uid, Request: []byte("same"), Answer: []byte(body), Code: 200, At: w.Clock.Now()})
}

// plan lets the laws see an answer of the pool's hook.
func (w *court) plan(entries ...v1alpha1.VMInstanceStatus) {
	w.say(keyOf(w.pool), w.pool.UID, v1alpha1.SpotInstanceVMStatus{ProvisionedInstances: entries}, "[]")
}

// planWhile is such an answer that tells until when the VM's zone is blocked.
func (w *court) planWhile(entry v1alpha1.VMInstanceStatus, until time.Time) {
	blocked := v1alpha1.ZoneStatus{Zone: entry.Zone, BlockedUntil: &metav1.Time{Time: until}}
	w.say(keyOf(w.pool), w.pool.UID, v1alpha1.SpotInstanceVMStatus{
		ProvisionedInstances: []v1alpha1.VMInstanceStatus{entry}, Zones: []v1alpha1.ZoneStatus{blocked},
	}, "[]")
}

// blame lets the pool's hook call the spec wrong for what GCE says.
func (w *court) blame(entry v1alpha1.VMInstanceStatus) {
	w.say(keyOf(w.pool), w.pool.UID, v1alpha1.SpotInstanceVMStatus{
		ProvisionedInstances: []v1alpha1.VMInstanceStatus{entry},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionSpecValid, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRefusedByGCE, LastTransitionTime: w.API.timestamp(),
		}},
	}, "[]")
}

func planned(name string) v1alpha1.VMInstanceStatus {
	return v1alpha1.VMInstanceStatus{Name: name, Zone: "us-central1-a", State: v1alpha1.InstancePlanned}
}

func (w *court) poolSays(entries ...v1alpha1.VMInstanceStatus) {
	require.NoError(w, w.API.Update(keyOf(w.pool), "", func(o Object) {
		o.(*v1alpha1.SpotInstanceVM).Status.ProvisionedInstances = entries
	}))
}

func (w *court) insert(name string) {
	spec := gce.InstanceSpec{
		Name: name, Zone: "us-central1-a", MachineType: "g2-standard-4", Image: "projects/sim/global/images/family/gpu", DiskSizeGB: 100,
		DiskType: "pd-balanced", ProvisioningModel: gce.ModelSpot, MaxRunDuration: time.Hour, Labels: map[string]string{labelOwner: string(w.pool.UID)},
	}
	_, err := w.GCE.Cloud(Project).Insert(w.Context(), spec, uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String())
	require.NoError(w, err)
}

func (w *court) jobSays(phase v1alpha1.JobPhase) {
	require.NoError(w, w.API.Update(keyOf(w.job), "", func(o Object) { o.(*v1alpha1.SpotInstanceJob).Status.Phase = phase }))
}

// Each law is broken by what it forbids, and by nothing in the same world that it allows.
func TestLawsCanBeBroken(t *testing.T) {
	over := v1alpha1.SpotInstanceJobStatus{Phase: v1alpha1.JobSucceeded}
	going := v1alpha1.SpotInstanceJobStatus{Phase: v1alpha1.JobRunning}
	failed := v1alpha1.SpotInstanceJobStatus{JobStatuses: []v1alpha1.JobReplicaStatus{{Name: "one", Failures: 1}}}
	gone := v1alpha1.VMInstanceStatus{Name: "pool-0", Zone: "us-central1-a", State: v1alpha1.InstanceGone}
	for name, c := range map[string]struct {
		law             string
		allowed, broken func(*court)
	}{
		"refused": {"answers-are-given", func(w *court) { w.answer(going) }, func(w *court) {
			w.Laws.seeCall(Call{Path: "/sync", Parent: keyOf(w.job), UID: w.job.UID, Code: 500})
		}},
		"null child":   {"answers-make-sense", func(w *court) { w.answer(going) }, func(w *court) { w.answer(going, "null") }},
		"other child":  {"answers-make-sense", func(w *court) { w.answer(going) }, func(w *court) { w.answer(going, stub("Pod", "one")) }},
		"whim":         {"same-facts-same-answer", func(w *court) { w.answer(going); w.answer(going) }, func(w *court) { w.answer(failed) }},
		"stub in full": {"stubs-are-bare", func(w *court) { w.attempt("one", "0"); w.answer(going, stub("Job", "one")) }, func(w *court) { w.answer(going, whole("one", "none")) }},
		"dropped": {"wanted-attempts-stay", func(w *court) {
			w.create(&corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: "vm-0"}})
			w.attempt("one", "0")
			w.answer(going, stub("Job", "one"))
		}, func(w *court) { w.answer(going) }},
		"in flight":     {"checkpoints-in-flight-stay", (*court).inFlight, func(w *court) { w.answer(going, stub("Job", "one")) }},
		"best deleted":  {"best-checkpoint-stays", (*court).twoCheckpoints, func(w *court) { w.answer(going, stub("CheckpointBackup", "low")) }},
		"best not used": {"best-checkpoint-is-used", (*court).twoCheckpoints, func(w *court) { w.answer(going, whole("two", "low"), stub("CheckpointBackup", "high")) }},
		"lesser saved": {"most-trained-is-saved", func(w *court) {
			w.attempt("one", "0")
			w.Clock.Jump(w.Clock.Now().Add(time.Minute))
			w.attempt("two", "1")
			w.answer(going, stub("Job", "one"), stub("Job", "two"), w.rescue("one"))
		}, func(w *court) { w.answer(going, stub("Job", "one"), stub("Job", "two"), w.rescue("two")) }},
		"success": {"success-is-true", func(w *court) { w.Laws.programEnded(w.podOf("0"), 0, true); w.answer(over) }, func(w *court) {
			clear(w.Laws.jobs)
			w.answer(over)
		}},
		"loss": {"losses-are-no-failures", func(w *court) { w.Laws.programEnded(w.podOf("0"), 1, true); w.answer(failed) }, func(w *court) {
			clear(w.Laws.jobs)
			w.Laws.programEnded(w.podOf("0"), 1, false)
			w.answer(failed)
		}},
		"two at once":  {"one-at-a-time", func(w *court) { w.saver("one", "0"); w.saver("two", "1") }, func(w *court) { w.saver("three", "0") }},
		"back to life": {"the-end-is-final", func(w *court) { w.Laws.programEnded(w.podOf("0"), 0, true); w.jobSays(over.Phase); w.answer(over) }, func(w *court) { w.answer(going) }},
		"another end":  {"one-end", func(w *court) { w.jobSays(v1alpha1.JobFailed) }, func(w *court) { w.jobSays(v1alpha1.JobSucceeded) }},
		"counter": {"counters-only-grow", func(w *court) {
			require.NoError(w, w.API.Update(keyOf(w.job), "", func(o Object) { o.(*v1alpha1.SpotInstanceJob).Status.Preemptions = 1 }))
			w.answer(v1alpha1.SpotInstanceJobStatus{Preemptions: 1})
		}, func(w *court) { w.answer(going) }},
		"loss twice": {"losses-add-up", func(w *court) {
			w.answer(v1alpha1.SpotInstanceJobStatus{Preemptions: 2, RecentLosses: []v1alpha1.JobLossStatus{{}, {Attempt: 1}}})
		}, func(w *court) {
			w.answer(v1alpha1.SpotInstanceJobStatus{Preemptions: 2, RecentLosses: []v1alpha1.JobLossStatus{{}, {}}})
		}},
		"money": {"counters-only-grow", func(w *court) {
			spent := &v1alpha1.CostStatus{SpentUSD: "2", OnDemandUSD: "6"}
			require.NoError(w, w.API.Update(keyOf(w.job), "", func(o Object) { o.(*v1alpha1.SpotInstanceJob).Status.Cost = spent }))
			w.answer(v1alpha1.SpotInstanceJobStatus{Cost: spent})
		}, func(w *court) {
			w.answer(v1alpha1.SpotInstanceJobStatus{Cost: &v1alpha1.CostStatus{SpentUSD: "1", OnDemandUSD: "6"}})
		}},
		"created after": {"the-end-is-final", func(w *court) { w.attempt("one", "0") }, func(w *court) { w.jobSays(over.Phase); w.attempt("two", "0") }},
		"name again":    {"no-name-twice", func(w *court) { w.attempt("one", "0"); w.API.Remove(Key{"Job", Namespace, "one"}) }, func(w *court) { w.attempt2("one") }},
		"plan":          {"no-vm-too-many", func(w *court) { w.attempt("one", "0"); w.plan(planned("pool-0")) }, func(w *court) { w.plan(planned("pool-0"), planned("pool-1")) }},
		"blocked zone": {"blocked-zones-are-left-alone", func(w *court) {
			w.attempt("one", "0")
			w.planWhile(planned("pool-0"), w.Clock.Now().Add(time.Second)) // it is only in the answer
		}, func(w *court) {
			until := metav1.NewTime(w.Clock.Now().Add(time.Second))
			require.NoError(w, w.API.Update(keyOf(w.pool), "", func(o Object) {
				o.(*v1alpha1.SpotInstanceVM).Status.Zones = []v1alpha1.ZoneStatus{{Zone: "us-central1-a", BlockedUntil: &until}}
			}))
			w.planWhile(planned("pool-0"), until.Time)
		}},
		"blamed spec": {"a-zones-no-is-the-zones", func(w *court) {
			w.attempt("one", "0")
			w.Laws.refused("pool-0", "us-central1-a", gce.NotFound, false)
			w.blame(planned("pool-0"))
		}, func(w *court) {
			w.Clock.Jump(w.Clock.Now().Add(3*time.Hour + time.Second))
			w.blame(planned("pool-0"))
		}},
		"blamed for another region": {"a-zones-no-is-the-zones", func(w *court) { w.attempt("one", "0"); w.Laws.refused("pool-0", "us-west1-a", gce.NotFound, true) }, func(w *court) { w.blame(planned("pool-0")) }},
		"second VM": {"no-vm-too-many", func(w *court) {
			w.attempt("one", "0")
			w.poolSays(planned("pool-0"), planned("pool-1"))
			w.insert("pool-0")
		}, func(w *court) { w.insert("pool-1") }},
		"not written": {"written-before-sent", func(w *court) { w.attempt("one", "0"); w.poolSays(planned("pool-0")); w.insert("pool-0") }, func(w *court) { w.insert("pool-1") }},
		"pool let go": {"no-pool-let-go", func(w *court) { w.attempt("one", "0"); w.poolSays(planned("pool-0")); w.insert("pool-0") }, func(w *court) { w.API.Remove(keyOf(w.pool)) }},
		"orphan":      {"no-vm-without-pool", func(w *court) { w.attempt("one", "0"); w.poolSays(planned("pool-0")); w.API.Remove(keyOf(w.pool)) }, func(w *court) { w.insert("pool-0") }},
		"called gone": {"unread-is-not-gone", func(w *court) {
			w.attempt("one", "0")
			w.poolSays(planned("pool-0"))
			w.insert("pool-0")
			w.plan(planned("pool-0"))
		}, func(w *court) {
			w.Clock.Jump(w.Clock.Now().Add(5 * time.Second))
			w.plan(gone)
		}},
		"base not pulled": {"base-images-are-pulled", func(w *court) { w.restoreOnCRIO(true) }, func(w *court) { w.restoreOnCRIO(false) }},
		"hot loop":        {"no-hot-loop", func(w *court) { w.repeat(100, func(int) { w.plan() }) }, func(w *court) { w.repeat(100, func(int) { w.plan() }) }},
		"never silent": {"quiet-worlds-are-silent", func(w *court) { w.repeat(15, func(i int) { w.poolSays(planned(fmt.Sprint(i))) }) }, func(w *court) {
			w.repeat(15, func(i int) { w.poolSays(planned(fmt.Sprint("again", i))) })
		}},
		"stuck": {"training-goes-on", func(w *court) { w.Laws.sample(); w.Clock.Jump(w.start.Add(time.Hour)); w.Laws.sample() }, func(w *court) {
			w.Clock.Jump(w.start.Add(3 * time.Hour))
			w.Laws.sample()
		}},
		"useless VM": {"useless-vms-go", (*court).oneVM, func(w *court) { w.Advance(30 * time.Minute) }},
		"no reason": {"waits-have-true-reasons", func(w *court) { w.saysWait(v1alpha1.WaitForJob); w.alone(time.Hour) }, func(w *court) {
			w.saysWait("")
			w.Advance(6 * time.Minute)
		}},
		"untrue reason": {"waits-have-true-reasons", func(w *court) { w.saysWait(v1alpha1.WaitForVM); w.alone(4 * time.Minute) }, func(w *court) { w.Advance(2 * time.Minute) }},
		"unknown reason": {"waits-have-true-reasons", func(w *court) { w.saysWait(v1alpha1.WaitForJob); w.alone(time.Hour) }, func(w *court) {
			w.saysWait("Moody")
			w.Advance(6 * time.Minute)
		}},
		"unnamed replica": {"waits-have-true-reasons", func(w *court) { w.alone(4 * time.Minute) }, func(w *court) { w.Advance(2 * time.Minute) }},
		"too early":       {"replaced-before-removed", func(w *court) { w.ended(); w.answer(going, stub("Job", "one"), whole("two", "")) }, func(w *court) { w.answer(going, whole("two", "")) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCourt(t)
			c.allowed(w)
			require.NoError(t, w.Laws.Broken())
			w.Laws.asked[w.job.UID] = w.forgetting(c.law)
			c.broken(w)
			require.Error(t, w.Laws.Broken())
			law, _, _ := strings.Cut(w.Laws.Broken().Error(), ": ")
			assert.Equal(t, c.law, law, w.Laws.Broken())
		})
	}
}

// restoreOnCRIO lets a kubelet create a restored pod on a fresh VM, with a volume that lets it pull the base image or without.
func (w *court) restoreOnCRIO(pulls bool) {
	w.Runtimes.kind = runtimeCRIO
	w.Images.store("docker.io/sim/job:x", content{base: "docker.io/acme/resnet:v1"})
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "trainer", Image: "docker.io/sim/job:x"}}}}
	if pulls {
		pod.Spec.Volumes = []corev1.Volume{{Name: "base", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "acme/resnet:v1"}}}}
	}
	w.Runtimes.create(&guest{has: map[string]bool{}}, pod)
}

// forgetting lets the next answer be the first, so that it breaks no law but the one that is asked for.
func (w *court) forgetting(law string) *askedPast {
	if law == "same-facts-same-answer" {
		return w.Laws.asked[w.job.UID]
	}
	return nil
}

func (w *court) repeat(times int, do func(int)) {
	for i := range times {
		do(i)
	}
}

func (w *court) podOf(replica string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
		v1alpha1.LabelJobUID: string(w.job.UID), v1alpha1.LabelReplica: replica,
	}}}
}

// attempt2 creates a Job of a name that was used, whose pod is still there.
func (w *court) attempt2(name string) {
	w.create(&batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, OwnerReferences: w.owner("SpotInstanceJob", "job", w.job.UID)},
	})
}

// ended is an attempt whose Job has failed.
func (w *court) ended() {
	w.attempt("one", "0")
	require.NoError(w, w.API.Update(Key{"Job", Namespace, "one"}, "", func(o Object) {
		o.(*batchv1.Job).Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
	}))
}

// inFlight is an attempt on a Ready VM, and a checkpoint of it that is being made.
func (w *court) inFlight() {
	w.attempt("one", "0")
	w.poolSays(v1alpha1.VMInstanceStatus{Name: "vm-0", Zone: "us-central1-a", State: v1alpha1.InstanceReady})
	w.checkpoint("now", 0)
	pod := w.API.Get(Key{"Pod", Namespace, "one"})
	require.NoError(w, w.API.Update(Key{"CheckpointBackup", Namespace, "now"}, "", func(o Object) {
		o.(*Backup).Status = BackupStatus{Phase: phaseCheckpointing}
		o.GetAnnotations()["training.dcnlab.com/pod-uid"] = string(pod.Object.GetUID())
	}))
	w.answer(v1alpha1.SpotInstanceJobStatus{}, stub("Job", "one"), stub("CheckpointBackup", "now"))
}

// twoCheckpoints are one with much training and one with little, of which the better stays and is used.
func (w *court) twoCheckpoints() {
	w.checkpoint("low", 100)
	w.checkpoint("high", 1000)
	w.answer(v1alpha1.SpotInstanceJobStatus{}, whole("two", "high"), stub("CheckpointBackup", "high"))
}
