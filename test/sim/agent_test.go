package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// agentWorld has two Nodes, whose kubelets live until they are cut off. A pod's progress is its age.
type agentWorld struct {
	*World
	*testing.T
	cutOff map[string]bool
}

func newAgentWorld(t *testing.T) *agentWorld {
	w := &agentWorld{New(Config{Timing: RealTiming()}), t, map[string]bool{"control-plane": true}}
	w.Agent.lives = func(node string) bool { return !w.cutOff[node] }
	w.Agent.progress = func(pod *corev1.Pod) time.Duration { return w.Clock.Now().Sub(pod.CreationTimestamp.Time) }
	for _, name := range []string{"vm-0", "vm-1"} {
		w.create(&corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return w
}

func (w *agentWorld) create(o Object) {
	w.Helper()
	_, err := w.API.Create(o)
	require.NoError(w, err)
}

func (w *agentWorld) pod(name, node string, phase corev1.PodPhase) {
	w.Helper()
	w.create(&corev1.Pod{
		TypeMeta: metav1.TypeMeta{Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		Spec: corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: phase},
	})
}

// checkpoint asks for one of pod, of so many containers.
func (w *agentWorld) checkpoint(name, pod string, containers int) {
	w.Helper()
	// Any UID that exists will do: the garbage collector looks for no more, and no hook knows this job.
	some := w.API.Get(Key{Kind: "Node", Name: "vm-0"})
	owner := metav1.OwnerReference{Kind: "SpotInstanceJob", Name: "resnet", UID: some.Object.GetUID(), Controller: new(true)}
	b := &Backup{
		TypeMeta:   metav1.TypeMeta{Kind: "CheckpointBackup"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, OwnerReferences: []metav1.OwnerReference{owner}},
		Spec: BackupSpec{
			Schedule: "immediately", PodRef: BackupRef{Name: pod, Namespace: Namespace},
			Registry: &BackupRegistry{URL: "https://registry.example.com", Repository: "ckpt"},
		},
	}
	for i := range containers {
		b.Spec.Containers = append(b.Spec.Containers, BackupContainer{fmt.Sprintf("c%d", i), fmt.Sprintf("ckpt:%s-c%d", name, i)})
	}
	w.create(b)
}

func (w *agentWorld) backup(name string) *Backup {
	w.Helper()
	r := w.API.Get(Key{"CheckpointBackup", Namespace, name})
	require.NotNil(w, r, name)
	return As[*Backup](r)
}

func (w *agentWorld) phase(name string) string { w.Helper(); return w.backup(name).Status.Phase }

func (w *agentWorld) tell(name string, args ...string) string {
	w.Helper()
	out, err := w.Do(story.Command{Name: name, Args: args})
	require.NoError(w, err)
	return out
}

func TestCheckpointTakesWhatWasTrainedWhenTheFreezeBegan(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.Advance(time.Hour)
	w.checkpoint("a", "p", 1)
	for _, step := range []struct {
		after time.Duration
		phase string
	}{
		{time.Second, "Checkpointing"},
		{88 * time.Second, "Checkpointing"},
		{2 * time.Second, "ImageBuilding"},
		{45 * time.Second, "ImagePushing"},
		{43 * time.Second, "ImagePushing"},
		{2 * time.Second, "Completed"},
	} {
		w.Advance(step.after)
		assert.Equal(t, step.phase, w.phase("a"), "at %s", w.Clock.Now())
	}
	progress, broken, found := w.Images.Content("registry.example.com/ckpt:a-c0")
	assert.True(t, found)
	assert.False(t, broken)
	assert.Equal(t, time.Hour+agentLooks, progress)
	built := w.backup("a").Status.BuiltImages
	require.Len(t, built, 1)
	assert.Equal(t, "ckpt:a-c0", built[0].ImageName)
	assert.Zero(t, built[0].BuildTime.Nanosecond())
	_, _, found = w.Images.Content("registry.example.com/ckpt:other")
	assert.False(t, found, "nobody pushed it")
}

func TestContainersAreFrozenOneAfterTheOther(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "p", 2)
	w.Advance(6 * time.Minute)
	assert.Equal(t, "ImagePushing", w.phase("a"))
	w.Advance(time.Second)
	assert.Equal(t, "Completed", w.phase("a"))
	assert.Len(t, w.backup("a").Status.BuiltImages, 2)
}

func TestAgentDoesOneThingAtATime(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.pod("q", "vm-0", corev1.PodRunning)
	w.pod("elsewhere", "vm-1", corev1.PodRunning)
	w.checkpoint("a", "p", 1)
	w.checkpoint("b", "q", 1)
	w.checkpoint("c", "elsewhere", 1)
	w.Advance(time.Minute)
	assert.Equal(t, []string{"Checkpointing", "", "Checkpointing"}, []string{w.phase("a"), w.phase("b"), w.phase("c")})
	w.Advance(150 * time.Second)
	assert.Equal(t, []string{"Completed", "Checkpointing", "Completed"}, []string{w.phase("a"), w.phase("b"), w.phase("c")})
}

func TestQuirks(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("pending", "vm-0", corev1.PodPending)
	w.pod("running", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "pending", 1)
	w.checkpoint("b", "missing", 1)
	w.checkpoint("c", "running", 0)
	w.Advance(time.Second)
	require.NoError(t, w.API.Update(Key{"Pod", Namespace, "pending"}, "", func(o Object) { o.(*corev1.Pod).Status.Phase = corev1.PodRunning }))
	w.Advance(time.Hour)
	assert.Empty(t, w.phase("a"), "it was not Running when the agent looked")
	assert.Empty(t, w.phase("b"))
	assert.Equal(t, "Completed", w.phase("c"))
	assert.Empty(t, w.backup("c").Status.BuiltImages)
	assert.Equal(t, []string{backupFinalizer}, w.backup("b").Finalizers, "every agent adds it")
}

func TestPodThatEndsDuringTheFreeze(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "p", 1)
	w.Advance(time.Minute)
	w.API.Remove(Key{"Pod", Namespace, "p"})
	w.Advance(time.Minute)
	assert.Equal(t, "Failed", w.phase("a"))
}

func TestNodeThatDies(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.pod("q", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "p", 1)
	w.checkpoint("b", "q", 1)
	w.Advance(time.Minute)
	w.cutOff["vm-0"] = true // and no VM of this name has power
	w.Advance(time.Hour)
	assert.Equal(t, "Checkpointing", w.phase("a"))
	assert.Empty(t, w.phase("b"))
	assert.Empty(t, w.Agent.queues)
}

func TestAPIServerThatIsDown(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	insert(t, w.World, "vm-0")
	w.checkpoint("a", "p", 1)
	w.Advance(time.Minute)
	w.apiUpAt = w.Clock.Now().Add(10 * time.Minute)
	w.Advance(9 * time.Minute)
	assert.Equal(t, "Checkpointing", w.phase("a"))
	w.Advance(3 * time.Minute)
	assert.Equal(t, "Completed", w.phase("a"))
}

func TestDeletionNeedsAnyAgent(t *testing.T) {
	w := newAgentWorld(t)
	w.checkpoint("a", "missing", 1)
	w.Advance(time.Second)
	w.cutOff["vm-0"], w.cutOff["vm-1"] = true, true
	require.NoError(t, w.API.Delete(Key{"CheckpointBackup", Namespace, "a"}, ""))
	w.Advance(24 * time.Hour)
	assert.NotNil(t, w.backup("a").DeletionTimestamp, "it hangs")
	delete(w.cutOff, "vm-1")
	w.Advance(2 * time.Minute)
	assert.Nil(t, w.API.Get(Key{"CheckpointBackup", Namespace, "a"}))
}

func TestAgentModes(t *testing.T) {
	for mode, want := range map[string]struct {
		phase  string
		broken bool
		found  bool
		images int
	}{
		"works":         {"Completed", false, true, 1},
		"hangs":         {"Checkpointing", false, false, 0},
		"fails":         {"Failed", false, false, 0},
		"forgets":       {"Completed", false, false, 0},
		"breaks-images": {"Completed", true, true, 1},
	} {
		t.Run(mode, func(t *testing.T) {
			w := newAgentWorld(t)
			w.tell("agent", mode)
			w.pod("p", "vm-0", corev1.PodRunning)
			w.checkpoint("a", "p", 1)
			w.Advance(time.Hour)
			assert.Equal(t, want.phase, w.phase("a"))
			_, broken, found := w.Images.Content("registry.example.com/ckpt:a-c0")
			assert.Equal(t, want.broken, broken)
			assert.Equal(t, want.found, found)
			assert.Len(t, w.backup("a").Status.BuiltImages, want.images)
			if mode == "works" {
				assert.Empty(t, w.Counts.Faults)
				return
			}
			assert.Equal(t, map[string]int{"agent-" + mode: 1}, w.Counts.Faults)
		})
	}
}

func TestAbsentAgents(t *testing.T) {
	w := newAgentWorld(t)
	w.pod("p", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "p", 1)
	w.checkpoint("queued", "p", 1)
	w.Advance(time.Minute)
	_, err := w.Do(story.Command{Name: "agent", Args: []string{"absent"}, Options: map[string]string{"for": "10m", "duration": "8s"}})
	require.NoError(t, err)
	w.checkpoint("b", "p", 1)
	w.Advance(9 * time.Minute)
	assert.Equal(t, "Checkpointing", w.phase("a"), "for ever")
	assert.Empty(t, w.phase("queued"))
	assert.Empty(t, w.backup("b").Finalizers)
	assert.Equal(t, map[string]int{"agent-absent": 3}, w.Counts.Faults)
	w.Advance(20 * time.Minute)
	assert.Equal(t, "Checkpointing", w.phase("a"), "for ever")
	assert.Equal(t, "Completed", w.phase("queued"))
	assert.Equal(t, "Completed", w.phase("b"))
}

func TestImageCommands(t *testing.T) {
	w := newAgentWorld(t)
	assert.Equal(t, "resnet has no completed checkpoint", w.tell("break-image", "resnet"))
	w.pod("p", "vm-0", corev1.PodRunning)
	w.checkpoint("a", "p", 1)
	w.Advance(10 * time.Minute)
	w.checkpoint("b", "p", 1)
	w.Advance(10 * time.Minute)
	w.tell("break-image", "resnet")
	_, broken, _ := w.Images.Content("registry.example.com/ckpt:b-c0")
	assert.True(t, broken)
	_, broken, _ = w.Images.Content("registry.example.com/ckpt:a-c0")
	assert.False(t, broken)
	w.tell("remove-image", "resnet")
	_, _, found := w.Images.Content("registry.example.com/ckpt:b-c0")
	assert.False(t, found)
	assert.Equal(t, map[string]int{"break-image": 1, "remove-image": 1}, w.Counts.Faults)
}
