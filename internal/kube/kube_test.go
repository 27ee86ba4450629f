package kube_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
)

// call is a request as the API server gets it.
type call struct {
	method, path, query, body string
}

// server answers each request as told and notes it.
type server struct {
	calls  []call
	answer func(call) (int, any)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{r.Method, r.URL.Path, r.URL.RawQuery, string(body)}
	s.calls = append(s.calls, c)
	code, object := s.answer(c)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func client(t *testing.T, answer func(call) (int, any)) (*kube.Client, *server) {
	t.Helper()
	s := &server{answer: answer}
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	config := &rest.Config{Host: listener.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	api, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return kube.New(api, func() time.Time { return time.Unix(1_800_000_000, 0) }), s
}

func failure(code int, reason metav1.StatusReason) (int, any) {
	return code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason}
}

var (
	leaving = corev1.Taint{Key: "training.dcnlab.com/leaving", Effect: corev1.TaintEffectNoSchedule}
	other   = corev1.Taint{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}
	ref     = corev1.ObjectReference{Name: "vm-0", UID: "u1"}
)

func node(uid string, version string, taints ...corev1.Taint) corev1.Node {
	n := corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, Spec: corev1.NodeSpec{Taints: taints}}
	n.Name, n.UID, n.ResourceVersion = "vm-0", "u1", version
	if uid != "" {
		n.UID = "u2"
	}
	return n
}

func TestTaintNode(t *testing.T) {
	for name, c := range map[string]struct {
		has    []corev1.Taint
		wanted bool
		patch  string // empty: nothing to do
	}{
		"put on":       {has: []corev1.Taint{other}, wanted: true, patch: `{"metadata":{"resourceVersion":"7","uid":"u1"},"spec":{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"},{"key":"training.dcnlab.com/leaving","effect":"NoSchedule"}]}}`},
		"there":        {has: []corev1.Taint{other, leaving}, wanted: true},
		"taken off":    {has: []corev1.Taint{leaving, other}, patch: `{"metadata":{"resourceVersion":"7","uid":"u1"},"spec":{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]}}`},
		"not there":    {has: []corev1.Taint{other}},
		"the only one": {has: []corev1.Taint{leaving}, patch: `{"metadata":{"resourceVersion":"7","uid":"u1"},"spec":{"taints":[]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			read := node("", "7", c.has...)
			k, s := client(t, func(call) (int, any) { return http.StatusOK, read })
			require.NoError(t, k.TaintNode(t.Context(), &read, leaving, c.wanted))
			if c.patch == "" {
				require.Empty(t, s.calls)
				return
			}
			require.Len(t, s.calls, 1)
			require.Equal(t, http.MethodPatch, s.calls[0].method)
			require.JSONEq(t, c.patch, s.calls[0].body)
		})
	}
}

func TestTaintNodeReadsTheNodeAnewAfterAConflict(t *testing.T) {
	k, s := client(t, changedTo(node("", "8", other)))
	read := node("", "7")
	require.NoError(t, k.TaintNode(t.Context(), &read, leaving, true))
	require.Len(t, s.calls, 3)
	require.JSONEq(t, `{"metadata":{"resourceVersion":"8","uid":"u1"},"spec":{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"},{"key":"training.dcnlab.com/leaving","effect":"NoSchedule"}]}}`, s.calls[2].body)
}

// changedTo refuses the first patch, since the Node is another one than was read.
func changedTo(n corev1.Node) func(call) (int, any) {
	patches := 0
	return func(c call) (int, any) {
		if c.method == http.MethodPatch {
			if patches++; patches == 1 {
				return failure(http.StatusConflict, metav1.StatusReasonConflict)
			}
		}
		return http.StatusOK, n
	}
}

// A call whose time is over has put nothing on, and must not say that it has.
func TestTaintNodeSaysThatItsTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k, _ := client(t, func(call) (int, any) { cancel(); return failure(http.StatusConflict, metav1.StatusReasonConflict) })
	read := node("", "7")
	require.ErrorIs(t, k.TaintNode(ctx, &read, leaving, true), context.Canceled)
}

func TestTaintNodeLeavesAnotherNodeOfThisName(t *testing.T) {
	k, s := client(t, changedTo(node("another", "8")))
	read := node("", "7")
	require.ErrorContains(t, k.TaintNode(t.Context(), &read, leaving, true), "another one")
	require.Len(t, s.calls, 2)
}

func TestSetNodeCondition(t *testing.T) {
	k, s := client(t, func(call) (int, any) { return http.StatusOK, node("", "8") })
	condition := corev1.NodeCondition{Type: "SpotPreempted", Status: corev1.ConditionTrue, Reason: "PreemptionNotice"}
	told, err := k.SetNodeCondition(t.Context(), ref, condition)
	require.NoError(t, err)
	require.Equal(t, "8", told.ResourceVersion, "what a taint is put on next")
	require.Equal(t, "/api/v1/nodes/vm-0/status", s.calls[0].path)
	require.JSONEq(t, `{"metadata":{"uid":"u1"},"status":{"conditions":[{"type":"SpotPreempted","status":"True","reason":"PreemptionNotice",
		"lastHeartbeatTime":null,"lastTransitionTime":null}]}}`, s.calls[0].body)

	k, _ = client(t, func(call) (int, any) { return failure(http.StatusConflict, metav1.StatusReasonConflict) })
	_, err = k.SetNodeCondition(t.Context(), ref, condition)
	require.True(t, apierrors.IsConflict(err), "another Node of this name")
}

func TestSetPodCondition(t *testing.T) {
	pod := corev1.ObjectReference{Namespace: "ml", Name: "train", UID: "p1"}
	for name, c := range map[string]struct {
		code   int
		reason metav1.StatusReason
		fails  bool
	}{
		"written":     {code: http.StatusOK},
		"gone":        {code: http.StatusNotFound, reason: metav1.StatusReasonNotFound},
		"another one": {code: http.StatusConflict, reason: metav1.StatusReasonConflict},
		"forbidden":   {code: http.StatusForbidden, reason: metav1.StatusReasonForbidden, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			k, s := client(t, func(call) (int, any) {
				if c.reason == "" {
					return http.StatusOK, corev1.Pod{}
				}
				return failure(c.code, c.reason)
			})
			err := k.SetPodCondition(t.Context(), pod, corev1.PodCondition{Type: "x/Preempted", Status: corev1.ConditionTrue})
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.Equal(t, "/api/v1/namespaces/ml/pods/train/status", s.calls[0].path)
			require.Contains(t, s.calls[0].body, `"uid":"p1"`)
		})
	}
}

func TestDeleteNode(t *testing.T) {
	k, s := client(t, func(call) (int, any) { return failure(http.StatusNotFound, metav1.StatusReasonNotFound) })
	require.NoError(t, k.DeleteNode(t.Context(), ref), "absent is what was wanted")
	require.Equal(t, "/api/v1/nodes/vm-0", s.calls[0].path)
	require.Contains(t, s.calls[0].body, `"preconditions":{"uid":"u1"}`)

	k, _ = client(t, func(call) (int, any) { return failure(http.StatusConflict, metav1.StatusReasonConflict) })
	require.True(t, apierrors.IsConflict(k.DeleteNode(t.Context(), ref)))
}

func TestPodsOnNode(t *testing.T) {
	k, s := client(t, func(call) (int, any) { return http.StatusOK, corev1.PodList{Items: make([]corev1.Pod, 2)} })
	pods, err := k.PodsOnNode(t.Context(), "vm-0")
	require.NoError(t, err)
	require.Len(t, pods, 2)
	require.Equal(t, "/api/v1/pods", s.calls[0].path)
	require.Equal(t, "fieldSelector=spec.nodeName%3Dvm-0", s.calls[0].query, "no resourceVersion: not from a cache")

	pods, err = k.CachedPodsOnNode(t.Context(), "vm-0")
	require.NoError(t, err)
	require.Len(t, pods, 2)
	require.Equal(t, "fieldSelector=spec.nodeName%3Dvm-0&resourceVersion=0", s.calls[1].query)
}

func TestEvictPod(t *testing.T) {
	pod := corev1.ObjectReference{Namespace: "kube-system", Name: "dns", UID: "p1"}
	for name, c := range map[string]struct {
		code   int
		reason metav1.StatusReason
		fails  bool
	}{
		"gone":                 {http.StatusNotFound, metav1.StatusReasonNotFound, false},
		"another of this name": {http.StatusConflict, metav1.StatusReasonConflict, false},
		"held by a budget":     {http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, false},
		"forbidden":            {http.StatusForbidden, metav1.StatusReasonForbidden, true},
	} {
		t.Run(name, func(t *testing.T) {
			k, s := client(t, func(call) (int, any) { return failure(c.code, c.reason) })
			require.Equal(t, c.fails, k.EvictPod(t.Context(), pod) != nil)
			require.Equal(t, "/api/v1/namespaces/kube-system/pods/dns/eviction", s.calls[0].path)
			require.Contains(t, s.calls[0].body, `"preconditions":{"uid":"p1"}`)
		})
	}
}

func TestEventHasOneName(t *testing.T) {
	k, s := client(t, func(call) (int, any) { return failure(http.StatusConflict, metav1.StatusReasonAlreadyExists) })
	event := corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: "SpotInstanceVM", Namespace: "default", Name: "t4-pool", UID: "u1"},
		Type:           corev1.EventTypeWarning, Reason: "VMPreempted", Message: "VM vm-0 was preempted",
	}
	require.NoError(t, k.Event(t.Context(), event), "told already")
	require.NoError(t, k.Event(t.Context(), event))
	require.Equal(t, s.calls[0].body, s.calls[1].body)
	event.Message = "VM vm-1 was preempted"
	require.NoError(t, k.Event(t.Context(), event))
	require.NotEqual(t, s.calls[0].body, s.calls[2].body)
	require.Equal(t, "/api/v1/namespaces/default/events", s.calls[0].path)
}

func TestReads(t *testing.T) {
	k, s := client(t, func(call) (int, any) { return failure(http.StatusNotFound, metav1.StatusReasonNotFound) })
	_, err := k.Secret(t.Context(), "default", "key")
	require.True(t, apierrors.IsNotFound(err))
	_, err = k.ClusterInfo(t.Context())
	require.True(t, apierrors.IsNotFound(err))
	_, err = k.ClusterID(t.Context())
	require.True(t, apierrors.IsNotFound(err))
	require.ErrorContains(t, err, "kube-system")
	require.Equal(t, "/api/v1/namespaces/default/secrets/key", s.calls[0].path)
	require.Equal(t, "/api/v1/namespaces/kube-public/configmaps/cluster-info", s.calls[1].path)
}

func TestCallsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hanging := make(chan struct{})
	k, _ := client(t, func(call) (int, any) {
		cancel()
		<-hanging
		return http.StatusOK, nil
	})
	t.Cleanup(func() { close(hanging) })
	_, err := k.Secret(ctx, "default", "key")
	require.ErrorIs(t, err, context.Canceled)
}
