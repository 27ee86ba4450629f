package install

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
)

const nodeAgent = "spot-instance-training-node-agent"

// Whoever breaks out of a training pod and finds the token of the VM's node agent can lie about that VM, and do no more.
func TestNodeAgentMayOnlySayThatItsOwnVMIsPreempted(t *testing.T) {
	s := begin(t)
	here, there := s.node("here"), s.node("there")
	own := s.pod(nodeAgent, "agent-"+s.namespace, here.Name, nil)
	training := s.pod(s.namespace, "training", here.Name, map[string]string{v1alpha1.LabelJobUID: "x"})
	stranger := s.pod(s.namespace, "stranger", here.Name, nil)
	elsewhere := s.pod(s.namespace, "elsewhere", there.Name, map[string]string{v1alpha1.LabelJobUID: "x"})
	agent := s.loggedIn(&authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: own.Name, UID: own.UID})
	unbound := s.loggedIn(nil)

	probes := 0 // what changes nothing is never refused
	s.eventually("the API server enforces the policies, which may be new", func() error {
		probes++
		for _, forged := range []func(context.Context) error{
			patchNode(agent, here.Name, fmt.Sprintf(`{"metadata":{"labels":{"probe":"%d"}}}`, probes)),
			patchPod(agent, stranger, fmt.Sprintf(`{"status":{"message":"probe %d"}}`, probes)),
		} {
			if err := forged(s.Context()); !apierrors.IsInvalid(err) {
				return errors.Join(errors.New("no policy refused it"), err)
			}
		}
		return nil
	})
	calls := kube.New(agent, time.Now)
	condition := corev1.NodeCondition{Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionTrue, Reason: "PreemptionNotice"}
	told := corev1.PodCondition{Type: v1alpha1.ConditionPodPreempted, Status: corev1.ConditionTrue, Reason: "PreemptionNotice"}
	taint := corev1.Taint{Key: v1alpha1.TaintPreempted, Effect: corev1.TaintEffectNoSchedule}
	noticed, err := calls.SetNodeCondition(t.Context(), refOf(here), condition)
	require.NoError(t, err)
	require.NoError(t, calls.TaintNode(t.Context(), noticed, taint, true))
	require.NoError(t, calls.SetPodCondition(t.Context(), refOf(training), told))
	pods, err := calls.PodsOnNode(t.Context(), here.Name)
	require.NoError(t, err)
	assert.Len(t, pods, 3)

	for name, forge := range map[string]func(context.Context) error{
		"another Node's condition": func(ctx context.Context) error {
			_, err := calls.SetNodeCondition(ctx, refOf(there), condition)
			return err
		},
		"another Node's taint": func(ctx context.Context) error { return calls.TaintNode(ctx, there, taint, true) },
		"a taint that evicts": func(ctx context.Context) error {
			return calls.TaintNode(ctx, here, corev1.Taint{Key: v1alpha1.TaintPreempted, Effect: corev1.TaintEffectNoExecute}, true)
		},
		"a taint of somebody else": func(ctx context.Context) error {
			return calls.TaintNode(ctx, here, corev1.Taint{Key: "x", Effect: corev1.TaintEffectNoExecute}, true)
		},
		"the Node's readiness":      patchNode(agent, here.Name, `{"status":{"conditions":[{"type":"Ready","status":"False"}]}}`, "status"),
		"the Node's capacity":       patchNode(agent, here.Name, `{"status":{"capacity":{"nvidia.com/gpu":"8"}}}`, "status"),
		"the Node's address":        patchNode(agent, here.Name, `{"status":{"addresses":[{"type":"InternalIP","address":"10.9.9.9"}]}}`, "status"),
		"the Node's labels":         patchNode(agent, here.Name, `{"metadata":{"labels":{"x":"y"}}}`),
		"labels, by way of status":  patchNode(agent, here.Name, `{"metadata":{"labels":{"x":"y"}}}`, "status"),
		"the Node's annotations":    patchNode(agent, here.Name, `{"metadata":{"annotations":{"x":"y"}}}`),
		"a finalizer":               patchNode(agent, here.Name, `{"metadata":{"finalizers":["x.io/y"]}}`),
		"a cordon":                  patchNode(agent, here.Name, `{"spec":{"unschedulable":true}}`),
		"the VM that a Node is of":  patchNode(agent, here.Name, `{"spec":{"providerID":"gce://a/b/c"}}`),
		"a pod that trains nothing": patchPod(agent, stranger, `{"status":{"conditions":[{"type":"`+v1alpha1.ConditionPodPreempted+`","status":"True"}]}}`),
		"a pod elsewhere":           patchPod(agent, elsewhere, `{"status":{"conditions":[{"type":"`+v1alpha1.ConditionPodPreempted+`","status":"True"}]}}`),
		"a pod's phase":             patchPod(agent, training, `{"status":{"phase":"Succeeded"}}`),
		"a pod's addresses":         patchPod(agent, training, `{"status":{"hostIPs":[{"ip":"10.9.9.9"}]}}`),
		"a pod's readiness":         patchPod(agent, training, `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`),
		"a container's end":         patchPod(agent, training, `{"status":{"containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0}}}]}}`),
		"a token that no pod has":   patchNode(unbound, here.Name, `{"status":{"conditions":[{"type":"SpotPreempted","status":"False"}]}}`, "status"),
	} {
		err := forge(t.Context())
		assert.Truef(t, apierrors.IsInvalid(err), "%s: a policy should have refused it: %v", name, err)
	}
	assert.True(t, apierrors.IsForbidden(agent.CoreV1().Nodes().Delete(t.Context(), here.Name, metav1.DeleteOptions{})))
	assert.True(t, apierrors.IsForbidden(agent.CoreV1().Pods(training.Namespace).Delete(t.Context(), training.Name, metav1.DeleteOptions{})))
}

// node is a Node without a VM, which goes with the test.
func (s *story) node(name string) *corev1.Node {
	s.Helper()
	nodes := lab.Client().CoreV1().Nodes()
	made, err := nodes.Create(s.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.namespace + "-" + name}}, metav1.CreateOptions{})
	require.NoError(s, err)
	s.Cleanup(func() { _ = nodes.Delete(context.Background(), made.Name, metav1.DeleteOptions{}) }) // the lab ends anyway
	return made
}

// pod is a pod on a Node where nothing runs it.
func (s *story) pod(namespace, name, node string, labels map[string]string) *corev1.Pod {
	s.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	if namespace == nodeAgent {
		pod.Spec.ServiceAccountName = nodeAgent
	}
	pods := lab.Client().CoreV1().Pods(namespace)
	made, err := pods.Create(s.Context(), pod, metav1.CreateOptions{})
	require.NoError(s, err)
	s.Cleanup(func() {
		_ = pods.Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	})
	return made
}

// loggedIn is a client with a token of the node agent, bound to a pod or to nothing.
func (s *story) loggedIn(bound *authv1.BoundObjectReference) kubernetes.Interface {
	s.Helper()
	token, err := lab.Client().CoreV1().ServiceAccounts(nodeAgent).CreateToken(s.Context(), nodeAgent,
		&authv1.TokenRequest{Spec: authv1.TokenRequestSpec{BoundObjectRef: bound}}, metav1.CreateOptions{})
	require.NoError(s, err)
	config := rest.AnonymousClientConfig(lab.Config())
	config.BearerToken = token.Status.Token
	client, err := kubernetes.NewForConfig(config)
	require.NoError(s, err)
	return client
}

func refOf(object metav1.Object) corev1.ObjectReference {
	return corev1.ObjectReference{Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID()}
}

func patchNode(client kubernetes.Interface, name, patch string, subresources ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
		return err
	}
}

func patchPod(client kubernetes.Interface, pod *corev1.Pod, patch string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
		return err
	}
}
