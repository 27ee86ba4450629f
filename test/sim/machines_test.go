package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// told is a world in which commands are written as in a story.
type told struct {
	*World
	*testing.T
}

func tell(t *testing.T, lines ...string) told {
	t.Helper()
	w := told{New(Config{Seed: 1, Timing: RealTiming(), Trace: t.Output()}), t}
	w.do(lines...)
	return w
}

func (w told) do(lines ...string) {
	w.Helper()
	s, err := story.Parse(w.Name(), strings.Join(lines, "\n"))
	require.NoError(w, err)
	for _, c := range s.Commands {
		_, err := w.Do(c)
		require.NoError(w, err)
	}
}

// until waits for something that takes less than an hour.
func (w told) until(what string, holds func() bool) {
	w.Helper()
	require.NoError(w, w.Until(time.Hour, func() error {
		if !holds() {
			return fmt.Errorf("not yet: %s", what)
		}
		return nil
	}))
}

func (w told) job() *v1alpha1.SpotInstanceJob {
	w.Helper()
	r := w.API.Get(Key{"SpotInstanceJob", Namespace, "resnet"})
	require.NotNil(w, r)
	return As[*v1alpha1.SpotInstanceJob](r)
}

// podOf is the newest pod of a replica.
func (w told) podOf(replica int) *corev1.Pod {
	w.Helper()
	pod, err := w.Machines.pod(story.Command{Args: []string{fmt.Sprintf("resnet/%d", replica)}})
	require.NoError(w, err)
	return pod
}

func (w told) node(name string) *corev1.Node {
	r := w.API.Get(Key{Kind: "Node", Name: name})
	if r == nil {
		return nil
	}
	return As[*corev1.Node](r)
}

// training has a job of two replicas that train.
func training(t *testing.T, options string) told {
	w := tell(t, "pool spot zones=a,b", "job resnet pool=spot replicas=2 interval=5m "+options)
	w.until("two train", func() bool { return w.job().Status.ActiveReplicas == 2 })
	return w
}

func TestALifeOfTraining(t *testing.T) {
	w := training(t, "work=200h")
	w.until("a checkpoint of each", func() bool { return w.job().Status.Checkpoints >= 2 })
	old := w.podOf(0)
	node := w.node(old.Spec.NodeName)
	zone := node.Labels[corev1.LabelTopologyZone]
	assert.Contains(t, []string{"us-central1-a", "us-central1-b"}, zone)
	assert.Equal(t, "gce://"+Project+"/"+zone+"/"+node.Name, node.Spec.ProviderID)
	assert.NotEqual(t, old.Spec.NodeName, w.podOf(1).Spec.NodeName)
	w.do("preempt resnet/0")
	require.Equal(t, 1, w.Counts.Faults["preempt"])
	w.until("it runs again", func() bool {
		pod := w.podOf(0)
		return pod != nil && pod.UID != old.UID && isReady(pod) && w.Machines.nodes[old.Spec.NodeName] == nil
	})
	restored, _, _ := w.Images.Content(w.podOf(0).Spec.Containers[0].Image)
	assert.Greater(t, restored, time.Minute, "from %s", w.podOf(0).Spec.Containers[0].Image)
	assert.GreaterOrEqual(t, w.Machines.Progress(w.podOf(0)), restored)
	assert.Equal(t, "docker.io/acme/resnet:v1", w.podOf(0).Status.ContainerStatuses[0].Image, "a restore is not to be known by it")
	lost := w.Machines.Progress(old)
	assert.Greater(t, lost, restored, "the past is known for some time")
	w.Advance(time.Hour)
	assert.Equal(t, lost, w.Machines.Progress(old))

	w.do("delete job resnet", "delete pool spot")
	w.until("nothing is left", func() bool {
		for _, kind := range []string{"SpotInstanceJob", "SpotInstanceVM", "Job", "Pod", "CheckpointBackup"} {
			if len(w.API.List(kind)) > 0 {
				return false
			}
		}
		return len(w.GCE.Instances()) == 0 && len(w.API.List("Node")) == 1
	})
}

func TestTrainingEnds(t *testing.T) {
	w := training(t, "work=30m")
	one, two := w.podOf(0), w.podOf(1)
	w.until("success", func() bool { return w.job().Status.Phase == v1alpha1.JobSucceeded })
	assert.Equal(t, 30*time.Minute, max(w.Machines.Progress(one), w.Machines.Progress(two)))
}

func TestShutdownOfANode(t *testing.T) {
	for sigterm, phase := range map[string]corev1.PodPhase{"exit0": corev1.PodSucceeded, "exit143": corev1.PodFailed} {
		w := training(t, "sigterm="+sigterm)
		pod := w.podOf(0)
		w.do("preempt resnet/0 notice=none")
		w.Advance(5 * time.Second)
		ended := As[*corev1.Pod](w.API.Get(keyOf(pod)))
		assert.Equal(t, phase, ended.Status.Phase)
		assert.Equal(t, "Terminated", ended.Status.Reason)
		assert.Equal(t, corev1.PodReasonTerminationByKubelet, disruption(ended))
		assert.Equal(t, "node is shutting down", w.node(pod.Spec.NodeName).Status.Conditions[0].Message)
		assert.True(t, w.Machines.KubeletLives(pod.Spec.NodeName))
		w.Advance(30 * time.Second)
		assert.False(t, w.Machines.KubeletLives(pod.Spec.NodeName))
	}
}

// disruption is the reason of a pod's condition DisruptionTarget.
func disruption(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget {
			return c.Reason
		}
	}
	return ""
}

func TestCrashOfAVM(t *testing.T) {
	w := training(t, "")
	pod := w.podOf(0)
	w.do("crash resnet/0")
	assert.False(t, w.Machines.KubeletLives(pod.Spec.NodeName))
	progress := w.Machines.Progress(pod)
	w.until("the pod is garbage", func() bool { return w.API.Get(keyOf(pod)) == nil })
	assert.Nil(t, w.node(pod.Spec.NodeName), "the operator deleted the Node")
	assert.Equal(t, progress, w.Machines.Progress(pod))
}

func TestPartition(t *testing.T) {
	w := training(t, "")
	pod := w.podOf(0)
	before := w.Machines.Progress(pod)
	w.do("partition resnet/0 for=2m")
	w.Advance(time.Minute)
	assert.Equal(t, corev1.ConditionUnknown, readiness(w.API.Get(Key{Kind: "Node", Name: pod.Spec.NodeName})))
	assert.Len(t, w.node(pod.Spec.NodeName).Spec.Taints, 2)
	assert.Equal(t, before+time.Minute, w.Machines.Progress(pod), "it trains on")
	if r := w.API.Get(keyOf(pod)); assert.NotNil(t, r) {
		assert.False(t, isReady(As[*corev1.Pod](r)))
	}
	w.Advance(65 * time.Second)
	node := w.node(pod.Spec.NodeName)
	require.NotNil(t, node)
	assert.Equal(t, corev1.ConditionTrue, node.Status.Conditions[0].Status)
	assert.Empty(t, node.Spec.Taints)
}

func TestANodeThatLingers(t *testing.T) {
	w := training(t, "")
	pod := w.podOf(0)
	w.do("linger for=10m", "crash resnet/0")
	w.Advance(time.Minute)
	assert.Equal(t, 1, w.Counts.Faults["linger"])
	if node := w.node(pod.Spec.NodeName); node != nil {
		assert.Equal(t, corev1.ConditionTrue, node.Status.Conditions[0].Status)
	}
}

func TestBoots(t *testing.T) {
	for kind, joins := range map[string]bool{"never": false, "slow": false, "without-gpus": true} {
		w := tell(t, "boots "+kind, "pool spot zones=a replicas=1")
		w.Advance(5 * time.Minute)
		assert.Equal(t, map[string]int{"boots-" + kind: 1}, w.Counts.Faults)
		nodes := w.API.List("Node")
		require.Equal(t, joins, len(nodes) == 2, kind)
		if joins {
			assert.Empty(t, As[*corev1.Node](nodes[1]).Status.Allocatable)
		}
	}
}

func TestCommandsWithoutAnObject(t *testing.T) {
	w := tell(t, "preempt no/0", "crash no/0", "stop no/0", "delete-vm no/0", "partition no/0", "evict no/0", "exit no/0", "preempt-zone a", "linger for=1m")
	assert.Empty(t, w.Counts.Faults)
	for _, wrong := range []string{"preempt", "preempt a/0 notice=some", "boots fast", "capacity a many", "partition a/0 for=long", "linger for=x"} {
		s, err := story.Parse("wrong", wrong)
		require.NoError(t, err)
		_, err = w.Do(s.Commands[0])
		assert.Error(t, err, wrong)
	}
}
