package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

var backups = schema.GroupVersionResource{Group: "migration.dcnlab.com", Version: "v1", Resource: "checkpointbackups"}

// checkpoint asks for a checkpoint of a pod into the image acme/checkpoints-<namespace>:<name>.
func (w world) checkpoint(name, pod, containers string) {
	w.Helper()
	require.NoError(w, lab.Apply(w.Context(), w.Name, fmt.Sprintf(`
apiVersion: migration.dcnlab.com/v1
kind: CheckpointBackup
metadata: {name: %s}
spec:
  schedule: immediately
  podRef: {name: %s}
  resourceRef: {apiVersion: batch/v1, kind: Job, name: any}
  registry: {url: "https://docker.io", repository: %s}
  containers: %s
`, name, pod, w.repository(), containers)))
}

func (w world) repository() string { return "acme/checkpoints-" + w.Name }

// trainer lists the only container of the test's pods.
func (w world) trainer(backup string) string {
	return fmt.Sprintf(`[{name: trainer, image: "%s:%s"}]`, w.repository(), backup)
}

func (w world) backup(name string) (*unstructured.Unstructured, error) {
	return lab.Dynamic().Resource(backups).Namespace(w.Name).Get(w.Context(), name, metav1.GetOptions{})
}

// backupIs waits until the backup is in a phase, and returns it.
func (w world) backupIs(name, phase string) *unstructured.Unstructured {
	w.Helper()
	var backup *unstructured.Unstructured
	eventually(w.T, func() (err error) {
		if backup, err = w.backup(name); err != nil {
			return err
		}
		if got := phaseOf(backup); got != phase {
			return fmt.Errorf("backup %s is %q", name, got)
		}
		return nil
	})
	return backup
}

func phaseOf(backup *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(backup.Object, "status", "phase")
	return phase
}

func images(backup *unstructured.Unstructured) []any {
	list, _, _ := unstructured.NestedSlice(backup.Object, "status", "builtImages")
	return list
}

// running starts a VM and a Job, and returns the Job's pod once it runs.
func (w world) running(job string, annotations ...string) *corev1.Pod {
	w.Helper()
	w.start("vm")
	w.train(job, "docker.io/acme/resnet:v1", annotations...)
	return w.podIs(job, corev1.PodRunning)
}

func TestCheckpointRestoresTraining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := w.running("first")
	eventually(t, func() error {
		if lab.Trainer().Progress(pod) < 3*time.Second {
			return errors.New("too little training to tell")
		}
		return nil
	})

	w.checkpoint("one", pod.Name, w.trainer("one"))

	backup := w.backupIs("one", "Completed")
	require.Len(t, images(backup), 1)
	built := images(backup)[0].(map[string]any)
	assert.Equal(t, w.repository()+":one", built["imageName"], "without the registry")
	assert.Equal(t, true, built["pushed"])
	image := "docker.io/" + w.repository() + ":one"
	saved, found := lab.Images().Progress(image)
	require.True(t, found)
	assert.GreaterOrEqual(t, saved, 3*time.Second)
	w.train("second", image, cluster.AnnotationTrainSeconds+`: "3"`)
	second := w.podIs("second", corev1.PodSucceeded)
	assert.GreaterOrEqual(t, lab.Trainer().Progress(second), saved, "nothing was trained twice")
}

func TestImagesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := w.running("first")
	lab.Agent().Behave(w.Name, cluster.AgentBehaviour{Mode: cluster.AgentBreaksImages})
	w.checkpoint("broken", pod.Name, w.trainer("broken"))
	w.backupIs("broken", "Completed")

	w.train("restored", "docker.io/"+w.repository()+":broken")
	w.train("mistyped", "docker.io/"+w.repository()+":brokem")

	assert.EqualValues(t, 1, exitCode(w.podIs("restored", corev1.PodFailed)))
	mistyped := w.podIs("mistyped", corev1.PodPending)
	eventually(t, func() (err error) {
		if mistyped, err = w.pod("mistyped"); err != nil {
			return err
		}
		if len(mistyped.Status.ContainerStatuses) == 0 {
			return errors.New("the kubelet has not seen the pod")
		}
		return nil
	})
	assert.Equal(t, "ImagePullBackOff", mistyped.Status.ContainerStatuses[0].State.Waiting.Reason)
}

func TestAgentsTroubles(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		mode    cluster.AgentMode
		named   bool // whether the backup lists its container
		phase   string
		message string
	}{
		"fails":                   {mode: cluster.AgentFails, named: true, phase: "Failed", message: "criu failed: type NOTIFY errno 0"},
		"forgets":                 {mode: cluster.AgentForgets, named: true, phase: "Completed"},
		"is told of no container": {mode: cluster.AgentWorks, phase: "Completed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pod := w.running("job")
			lab.Agent().Behave(w.Name, cluster.AgentBehaviour{Mode: c.mode})
			containers := "[]"
			if c.named {
				containers = w.trainer("one")
			}

			w.checkpoint("one", pod.Name, containers)

			backup := w.backupIs("one", c.phase)
			assert.Empty(t, images(backup))
			message, _, _ := unstructured.NestedString(backup.Object, "status", "message")
			assert.Equal(t, c.message, message)
			assert.Len(t, backup.GetFinalizers(), 1)
		})
	}
}

func TestAgentsThatNeverEnd(t *testing.T) {
	t.Parallel()
	hanging, absent, working := newWorld(t), newWorld(t), newWorld(t)
	lab.Agent().Behave(hanging.Name, cluster.AgentBehaviour{Mode: cluster.AgentHangs})
	lab.Agent().Behave(absent.Name, cluster.AgentBehaviour{Mode: cluster.AgentAbsent})

	for _, w := range []world{hanging, absent, working} {
		w.checkpoint("one", w.running("job").Name, w.trainer("one"))
	}

	working.backupIs("one", "Completed")
	hanging.backupIs("one", "Checkpointing")
	ignored := absent.backupIs("one", "")
	assert.Empty(t, ignored.GetFinalizers())
}

func TestBackupOfAPodThatDoesNotRunIsNeverLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkpoint("early", "later", w.trainer("early"))
	eventually(t, func() error {
		backup, err := w.backup("early")
		if err == nil && len(backup.GetFinalizers()) == 0 {
			return errors.New("no agent has seen the backup")
		}
		return err
	})
	vm := w.start("vm")
	require.NoError(t, lab.Apply(t.Context(), w.Name, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: later}
spec:
  nodeName: %s
  containers: [{name: trainer, image: "docker.io/acme/resnet:v1"}]
`, vm)))
	eventually(t, func() error {
		pod, err := lab.Client().CoreV1().Pods(w.Name).Get(t.Context(), "later", metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			return errors.New("not running")
		}
		return err
	})

	w.checkpoint("timely", "later", w.trainer("timely"))

	w.backupIs("timely", "Completed")
	w.backupIs("early", "")
}

func TestDeletedBackupNeedsAnAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := w.running("job")
	w.checkpoint("one", pod.Name, w.trainer("one"))
	w.backupIs("one", "Completed")

	lab.Agent().Behave(w.Name, cluster.AgentBehaviour{Mode: cluster.AgentAbsent})
	require.NoError(t, lab.Dynamic().Resource(backups).Namespace(w.Name).Delete(t.Context(), "one", metav1.DeleteOptions{}))
	backup, err := w.backup("one")
	require.NoError(t, err, "the finalizer holds it")
	assert.NotNil(t, backup.GetDeletionTimestamp())

	lab.Agent().Behave(w.Name, cluster.AgentBehaviour{})
	eventually(t, func() error {
		if _, err := w.backup("one"); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there: %w", err)
		}
		return nil
	})
}

func TestCheckpointDiesWithItsVM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := w.running("job")
	lab.Agent().Behave(w.Name, cluster.AgentBehaviour{Duration: 8 * time.Second})
	w.checkpoint("one", pod.Name, w.trainer("one"))
	w.backupIs("one", "Checkpointing")

	require.NoError(t, lab.GCE().Crash(pod.Spec.NodeName))

	w.nodeIs(pod.Spec.NodeName, corev1.ConditionUnknown, "NodeStatusUnknown")
	w.backupIs("one", "Checkpointing")
	_, found := lab.Images().Progress("docker.io/" + w.repository() + ":one")
	assert.False(t, found)
}
