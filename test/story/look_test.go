package story_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// still is a scene in which nothing moves.
type still struct {
	now    story.Snapshot
	past   []story.Change
	images map[string]time.Duration
	broken string
}

func (s still) Place() story.Place {
	return story.Place{Namespace: "ns", Project: "project", Zones: map[string]string{"a": "us-central1-a", "b": "us-central1-b"}}
}
func (s still) Now() story.Snapshot                                  { return s.now }
func (s still) Past() []story.Change                                 { return s.past }
func (s still) Await(check func() error) error                       { return check() }
func (s still) Throughout(_ time.Duration, check func() error) error { return check() }
func (s still) Content(image string) (progress time.Duration, broken, found bool) {
	progress, found = s.images[image]
	return progress, image == s.broken, found
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func owned(name, owner string, labels map[string]string) metav1.ObjectMeta {
	yes := true
	return metav1.ObjectMeta{Name: name, Labels: labels, OwnerReferences: []metav1.OwnerReference{{Name: owner, Controller: &yes}}}
}

// attempt is the Job of an attempt of replica 0.
func attempt(n int, image string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: owned(fmt.Sprintf("resnet-1a2b3c-r0-a%d", n), "resnet", map[string]string{v1alpha1.LabelReplica: "0", v1alpha1.LabelAttempt: fmt.Sprint(n)}),
		Spec:       batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}}},
	}
}

func frozen(name, replica, phase string) *story.Checkpoint {
	return &story.Checkpoint{Name: name, Owner: "resnet", Reason: "preemption", Replica: replica, Child: "of-" + replica, Image: "image-of-" + name, Phase: phase}
}

// restoredScene is a job of which replica 0 was restored from the checkpoint "old", two minutes after noon.
func restoredScene() still {
	second := attempt(2, "image-of-old")
	job := v1alpha1.SpotInstanceJob{ObjectMeta: metav1.ObjectMeta{Name: "resnet"}}
	two := int32(2)
	job.Spec.Replicas = &two
	job.Status = v1alpha1.SpotInstanceJobStatus{
		Phase: v1alpha1.JobRunning, ActiveReplicas: 1, Preemptions: 1, Checkpoints: 3,
		JobStatuses: []v1alpha1.JobReplicaStatus{{Name: second.Name, Attempt: 2, Phase: v1alpha1.ReplicaRunning, NodeName: "vm", RestoredFrom: "image-of-old", Failures: 1}},
		Conditions: []metav1.Condition{
			{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Recovering", Message: "VM pool-1a2b3c-0 in us-central1-a took resnet-1a2b3c-r0-a1 of ns/resnet"},
			{Type: "SpecValid", Status: metav1.ConditionTrue, Reason: "Valid"},
		},
	}
	vm := &gcefake.Event{Kind: gcefake.Created, VM: gcefake.VM{Instance: gce.Instance{Name: "pool-1a2b3c-0", Zone: "us-central1-a"}}}
	return still{
		now: story.Snapshot{Jobs: []v1alpha1.SpotInstanceJob{job}, Children: []batchv1.Job{*second}},
		past: []story.Change{
			{VM: vm, At: noon},
			{Child: attempt(1, "template"), At: noon, Version: 1},
			{Checkpoint: frozen("old", "1", ""), At: noon, Version: 2},
			{Checkpoint: frozen("old", "1", "Completed"), At: noon.Add(time.Minute), Version: 3},
			{Child: second, At: noon.Add(2 * time.Minute), Version: 4},
			{Child: attempt(1, "template"), Leaving: true, At: noon.Add(3 * time.Minute), Version: 5},
		},
		images: map[string]time.Duration{"image-of-old": time.Hour, "image-of-new": 2 * time.Hour},
	}
}

// look performs the command in this line.
func look(t *testing.T, at story.Scene, line string) (string, error) {
	t.Helper()
	s, err := story.Parse("line", line)
	require.NoError(t, err)
	return story.Look(at, s.Commands[0])
}

func TestWhatCanBeWaitedFor(t *testing.T) {
	at := restoredScene()
	for line, holds := range map[string]bool{
		"wait job resnet phase=Running active=1":                  true,
		"wait job resnet active=2":                                false,
		"wait job resnet checkpoints>=3 preemptions<=1":           true,
		"wait job resnet checkpoints>=4":                          false,
		"wait job resnet trains=1":                                false, // it is not Ready
		"wait job resnet condition=Ready:Recovering":              true,
		"wait job resnet condition=Ready:Suspended":               false,
		"wait job resnet no-condition=Ready":                      true, // it is not True
		"wait job resnet no-condition=SpecValid":                  false,
		"wait job resnet says=Ready:of_ns/resnet":                 true,
		"wait job resnet misspelt=1":                              false,
		"wait job other phase=Running":                            false,
		"wait replica resnet/0 attempt=2 from=checkpoint":         true,
		"wait replica resnet/1 attempt=2":                         false,
		"wait left jobs=1 vms=0 operations=0":                     true,
		"wait left jobs=0":                                        false,
		"wait vm pool/0 state=gone":                               true,
		"wait vm pool/1 state=gone":                               false,
		"wait gone job other":                                     true,
		"wait gone job resnet":                                    false,
		"wait seen vm-requested:zone-a":                           true,
		"wait seen vm-requested:zone-b":                           false,
		"stays 1s job resnet active=1":                            true,
		"stays 1s job resnet active=2":                            false,
		"order job-created:resnet/0.2 job-dropped:resnet/0.1":     true,
		"order job-dropped:resnet/0.1 job-created:resnet/0.2":     false,
		"order vm-requested:pool checkpoint-completed:preemption": true,
		"order checkpoint-completed:preemption vm-requested:pool": false,
		"order job-created:resnet/0.3":                            false,
		"never job-dropped:resnet/0.2":                            true,
		"never job-dropped:resnet/0.1":                            false,
	} {
		_, err := look(t, at, line)
		assert.Equal(t, holds, err == nil, "%s: %v", line, err)
	}
}

func TestWhatIsTold(t *testing.T) {
	at := restoredScene()
	for line, want := range map[string]string{
		"status job resnet": "Running, 1 of 2 active on 1 VM, 1 preemption\n" +
			"replica 0: attempt 2 Running, from a preemption checkpoint of replica 1, 1 failure\nReady=False: Recovering",
		"message job resnet Ready":          "VM pool/0 in a took resnet/0.1 of NAMESPACE/resnet",
		"left":                              "no VM, no Node, 1 Job, no operation in flight",
		"count job-created-from:checkpoint": "1",
		"count vm-requested:pool":           "1",
		"restored resnet/0":                 "from the best checkpoint of that moment",
		"turns resnet":                      "the replicas take turns, never two checkpoints of one pod at once",
	} {
		told, err := look(t, at, line)
		require.NoError(t, err, line)
		assert.Equal(t, want, told, line)
	}
}

func TestAnImageThatIsNotTheBestIsTold(t *testing.T) {
	at := restoredScene()
	at.past = append([]story.Change{{Checkpoint: frozen("new", "1", "Completed"), At: noon}}, at.past...)
	_, err := look(t, at, "restored resnet/0")
	assert.ErrorContains(t, err, "checkpoint new holds 2h0m0s, which is more than the 1h0m0s of image-of-old")

	at.past[0].At = noon.Add(2 * time.Minute)
	_, err = look(t, at, "restored resnet/0")
	assert.NoError(t, err, "it completed too late for the attempt")
}

func TestAJobThatRunsAnotherImageIsTold(t *testing.T) {
	at := restoredScene()
	at.now.Children[0] = *attempt(2, "image-of-new")
	told, err := look(t, at, "status job resnet")
	require.NoError(t, err)
	assert.Contains(t, told, "but its Job runs an image that no checkpoint made")
}

func TestTwoCheckpointsOfOnePodAtOnceAreTold(t *testing.T) {
	at := still{past: []story.Change{{Checkpoint: frozen("one", "0", "")}, {Checkpoint: frozen("two", "0", "")}}}
	_, err := look(t, at, "turns resnet")
	assert.EqualError(t, err, "two checkpoints of of-0 at the same time: one and two")

	at.past = nil
	for i, replica := range []string{"0", "1", "1"} {
		name := fmt.Sprint(i)
		at.past = append(at.past, story.Change{Checkpoint: frozen(name, replica, "")}, story.Change{Checkpoint: frozen(name, replica, "Completed")})
	}
	_, err = look(t, at, "turns resnet")
	assert.EqualError(t, err, "replicas do not take turns: 0 1 1")
}
