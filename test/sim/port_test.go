package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

var _ spotinstancevm.Kube = &Port{}

// portWorld has a Secret, cluster-info, a Node and a pod on it. It counts the effects of each call.
type portWorld struct {
	*World
	*testing.T
	port *Port
	node corev1.ObjectReference
	pod  corev1.ObjectReference
}

func newPortWorld(t *testing.T) *portWorld {
	w := &portWorld{World: New(Config{Timing: RealTiming()}), T: t}
	w.port = newPort(w.World)
	for _, o := range []Object{
		&corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "token"}},
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"},
			Data:       map[string]string{"jws-kubeconfig-abcdef": "signature"},
		},
		&corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: "vm-0"}},
		&corev1.Pod{
			TypeMeta: metav1.TypeMeta{Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "p"},
			Spec: corev1.PodSpec{NodeName: "vm-0"}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
		},
	} {
		w.API.Remove(keyOf(o)) // the world's own, if it has one
		r, err := w.API.Create(o)
		require.NoError(t, err)
		reference := corev1.ObjectReference{Namespace: r.Namespace, Name: r.Name, UID: r.Object.GetUID()}
		switch r.Kind {
		case "Node":
			w.node = reference
		case "Pod":
			w.pod = reference
		}
	}
	return w
}

// effects is how many effects call has.
func (w *portWorld) effects(call func() error) int {
	w.Helper()
	w.Cloud.Begin()
	require.NoError(w, call())
	effects, _ := w.Cloud.End()
	return effects
}

func TestReadsOfThePort(t *testing.T) {
	w := newPortWorld(t)
	secret, err := w.port.Secret(t.Context(), Namespace, "token")
	require.NoError(t, err)
	assert.Equal(t, "token", secret.Name)
	_, err = w.port.Secret(t.Context(), Namespace, "other")
	assert.True(t, apierrors.IsNotFound(err))
	info, err := w.port.ClusterInfo(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "signature", info.Data["jws-kubeconfig-abcdef"])
	pods, err := w.port.PodsOnNode(t.Context(), "vm-0")
	require.NoError(t, err)
	assert.Len(t, pods, 1)
	pods, err = w.port.PodsOnNode(t.Context(), "vm-1")
	require.NoError(t, err)
	assert.Empty(t, pods)
}

func TestTaintNode(t *testing.T) {
	w := newPortWorld(t)
	taint := corev1.Taint{Key: "leaving", Effect: corev1.TaintEffectNoSchedule}
	read, err := w.port.Node(t.Context(), "vm-0")
	require.NoError(t, err)
	for _, step := range []struct {
		wanted  bool
		effects int
		taints  int
	}{{true, 1, 1}, {true, 0, 1}, {false, 1, 0}, {false, 0, 0}} {
		assert.Equal(t, step.effects, w.effects(func() error { return w.port.TaintNode(t.Context(), read, taint, step.wanted) }))
		node := As[*corev1.Node](w.API.Get(Key{Kind: "Node", Name: "vm-0"}))
		assert.Len(t, node.Spec.Taints, step.taints)
	}
	read.UID = "another"
	assert.Error(t, w.port.TaintNode(t.Context(), read, taint, true))
}

func TestDeleteNode(t *testing.T) {
	w := newPortWorld(t)
	other := w.node
	other.UID = "another"
	assert.True(t, apierrors.IsConflict(w.port.DeleteNode(t.Context(), other)))
	assert.Equal(t, 1, w.effects(func() error { return w.port.DeleteNode(t.Context(), w.node) }))
	assert.Nil(t, w.API.Get(Key{Kind: "Node", Name: "vm-0"}))
	assert.Zero(t, w.effects(func() error { return w.port.DeleteNode(t.Context(), w.node) }), "absent is no error")
}

func TestEvictPod(t *testing.T) {
	w := newPortWorld(t)
	other := w.pod
	other.UID = "another"
	assert.Zero(t, w.effects(func() error { return w.port.EvictPod(t.Context(), other) }))
	assert.Equal(t, 1, w.effects(func() error { return w.port.EvictPod(t.Context(), w.pod) }))
	pod := As[*corev1.Pod](w.API.Get(Key{"Pod", Namespace, "p"}))
	assert.NotNil(t, pod.DeletionTimestamp)
	assert.Equal(t, corev1.DisruptionTarget, pod.Status.Conditions[0].Type)
	assert.Zero(t, w.effects(func() error { return w.port.EvictPod(t.Context(), w.pod) }))
}

func TestEventIsRecordedOnceInAnHour(t *testing.T) {
	w := newPortWorld(t)
	event := corev1.Event{InvolvedObject: corev1.ObjectReference{Name: "pool", UID: "pool"}, Reason: "VMPreempted", Message: "VM vm-0"}
	say := func() error { return w.port.Event(t.Context(), event) }
	assert.Equal(t, 1, w.effects(say))
	assert.Zero(t, w.effects(say))
	event.Message = "VM vm-1"
	assert.Equal(t, 1, w.effects(say))
	w.Advance(time.Hour)
	assert.Equal(t, 1, w.effects(say))
	assert.Len(t, newPort(w.World).Events(), 3, "every server's")
}

func TestAPIDown(t *testing.T) {
	w := newPortWorld(t)
	_, err := w.Do(story.Command{Name: "api", Args: []string{"down"}, Options: map[string]string{"for": "10s"}})
	require.NoError(t, err)
	assert.True(t, w.port.Down())
	_, err = w.port.Secret(t.Context(), Namespace, "token")
	assert.True(t, apierrors.IsServiceUnavailable(err))
	assert.True(t, apierrors.IsServiceUnavailable(w.port.DeleteNode(t.Context(), w.node)))
	_, err = w.port.PodsOnNode(t.Context(), "vm-0")
	assert.Error(t, err)
	assert.Error(t, w.port.Event(t.Context(), corev1.Event{}))
	w.Advance(10 * time.Second)
	assert.Equal(t, 1, w.effects(func() error { return w.port.DeleteNode(t.Context(), w.node) }))
	_, err = w.Do(story.Command{Name: "api", Args: []string{"up"}})
	assert.Error(t, err)
}
