package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodeagent"
)

// nodeAgentName is what manifests/ call the node agent's namespace, its ServiceAccount and its DaemonSet.
const nodeAgentName = "spot-instance-training-node-agent"

// nodeAgents runs the operator's own node agent for each of its pods that a VM runs: with a token of that very pod, against
// the metadata server of that VM, and only as long as the VM has power.
type nodeAgents struct {
	cluster *Cluster
	pods    corelisters.PodLister
	running map[types.UID]context.CancelFunc // by pod
}

func (n *nodeAgents) run(ctx context.Context) {
	for sleep(ctx, trainerTick) {
		pods, err := n.pods.Pods(nodeAgentName).List(labels.Everything())
		if err != nil {
			continue // a lister of a cache has no errors
		}
		alive := map[types.UID]bool{}
		for _, pod := range pods {
			g := n.cluster.hypervisor.guestOf(pod.Spec.NodeName)
			if g == nil || g.powered.Err() != nil || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
				continue
			}
			alive[pod.UID] = true
			if n.running[pod.UID] == nil {
				n.start(pod, g)
			}
		}
		for uid, stop := range n.running {
			if !alive[uid] {
				stop()
				delete(n.running, uid)
			}
		}
	}
}

// start runs the agent of one pod until its VM is told to stop.
func (n *nodeAgents) start(pod *corev1.Pod, g *guest) {
	ctx, stop := context.WithCancel(g.powered)
	n.running[pod.UID] = stop
	n.cluster.background.run(func(context.Context) {
		defer stop()
		client, err := n.clientOf(ctx, pod, g)
		for ; err != nil; client, err = n.clientOf(ctx, pod, g) {
			g.print("node agent: " + err.Error())
			if !sleep(ctx, time.Second) {
				return
			}
		}
		agent := nodeagent.Agent{
			Node: pod.Spec.NodeName, Metadata: nodeagent.NewMetadata(n.cluster.metadata.url() + "/" + g.vm.ID),
			Kube: kube.New(client, time.Now), Now: time.Now, Log: slog.New(slog.NewTextHandler(console{g}, nil)),
		}
		agent.Run(ctx)
	})
}

// clientOf logs in as the pod, over the network of its VM.
func (n *nodeAgents) clientOf(ctx context.Context, pod *corev1.Pod, g *guest) (kubernetes.Interface, error) {
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
		BoundObjectRef: &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	answer, err := n.cluster.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("request a token of pod %s: %w", pod.Name, err)
	}
	config := rest.AnonymousClientConfig(n.cluster.config)
	config.BearerToken, config.Timeout = answer.Status.Token, 5*time.Second
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return network{g, next} })
	return kubernetes.NewForConfig(config)
}

// network is a VM's.
type network struct {
	guest *guest
	next  http.RoundTripper
}

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	if !n.guest.reaches() {
		return nil, errors.New("network is unreachable")
	}
	return n.next.RoundTrip(r)
}

// console is a VM's serial console.
type console struct{ guest *guest }

func (c console) Write(line []byte) (int, error) {
	c.guest.print(string(line))
	return len(line), nil
}
