package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// AgentMode is how checkpoints of a namespace go.
type AgentMode string

// Modes. The zero value is AgentWorks.
const (
	AgentWorks        AgentMode = ""             // as it should
	AgentHangs        AgentMode = "Hangs"        // the phase stays Checkpointing
	AgentFails        AgentMode = "Fails"        // the phase is Failed when the freeze should be done
	AgentForgets      AgentMode = "Forgets"      // Completed, without builtImages
	AgentBreaksImages AgentMode = "BreaksImages" // Completed, and no container restores from the images
	AgentAbsent       AgentMode = "Absent"       // nobody is there: no phase, no finalizer, none removed
)

// AgentBehaviour is how the agents treat one namespace's CheckpointBackups.
type AgentBehaviour struct {
	Mode AgentMode
	// Duration of one container's checkpoint, from Checkpointing to Completed: half of it is the freeze, a quarter
	// each are build and push. 0: the default, one second.
	Duration time.Duration
}

// Agent stands in for the checkpoint agents, one on each Node: each acts for pods of its own Node only while the Node
// is Ready and its VM alive, on one CheckpointBackup at a time. A backup whose pod is missing or not Running when the
// agent first sees it is never looked at again. A backup whose Node dies stays in its phase.
//
// Not modelled: that registry credentials of the first backup are kept, and cron: any schedule makes one checkpoint, at
// once. A checkpoint does not slow the training down.
type Agent struct {
	cluster *Cluster
	trainer *Trainer
	images  *Images
	kubelet kubelet
	nodes   corelisters.NodeLister
	pods    corelisters.PodLister

	mu         sync.Mutex
	behaviours map[string]AgentBehaviour // by namespace
	seen       map[types.UID]bool        // backups that an agent has acted on or passed over
	busy       map[string]*sync.Mutex    // by Node: its agent does one thing at a time
}

// agentTick is how often agents look.
const agentTick = 200 * time.Millisecond

// Behave sets how the agents treat a namespace from now on. Checkpoints that have begun go on as they began.
func (a *Agent) Behave(namespace string, behaviour AgentBehaviour) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.behaviours[namespace] = behaviour
}

func (a *Agent) behaviour(namespace string) AgentBehaviour {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.behaviours[namespace]
	b.Duration = orDefault(b.Duration, time.Second)
	return b
}

func (a *Agent) run(ctx context.Context) {
	for sleep(ctx, agentTick) {
		list, err := a.cluster.dynamic.Resource(backupResource).List(ctx, metav1.ListOptions{})
		if err != nil {
			continue // the kind is not installed, or the lab stops
		}
		for i := range list.Items {
			b, err := backupOf(&list.Items[i])
			if err == nil && a.behaviour(b.Namespace).Mode != AgentAbsent && a.anyReady() {
				a.look(ctx, b)
			}
		}
	}
}

// anyReady reports whether any Node has an agent.
func (a *Agent) anyReady() bool {
	nodes, err := a.nodes.List(labels.Everything())
	return err == nil && slices.ContainsFunc(nodes, a.agentOn)
}

// agentOn reports whether the agent of a Node runs.
func (a *Agent) agentOn(node *corev1.Node) bool {
	return isReady(node) && a.kubelet.reaches(node.Name)
}

// look does what is due for one backup.
func (a *Agent) look(ctx context.Context, b backup) {
	if b.DeletionTimestamp != nil {
		a.setFinalizer(ctx, b, false)
		return
	}
	a.setFinalizer(ctx, b, true)
	if a.hasSeen(b.UID) || b.Status.Phase != "" {
		return
	}
	pod, err := a.pods.Pods(b.podNamespace()).Get(b.Spec.PodRef.Name)
	if err != nil || pod.Spec.NodeName == "" {
		a.setSeen(b.UID)
		return
	}
	node, err := a.nodes.Get(pod.Spec.NodeName)
	if err != nil || !a.agentOn(node) {
		return // the agent that it belongs to is not there, and may come back
	}
	a.setSeen(b.UID)
	if pod.Status.Phase == corev1.PodRunning {
		run := checkpoint{agent: a, backup: b, behaviour: a.behaviour(b.Namespace), pod: pod}
		a.cluster.background.run(run.run)
	}
}

func (a *Agent) hasSeen(uid types.UID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[uid]
}

func (a *Agent) setSeen(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[uid] = true
}

// node is the lock of a Node's agent.
func (a *Agent) node(name string) *sync.Mutex {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[name] == nil {
		a.busy[name] = &sync.Mutex{}
	}
	return a.busy[name]
}

// setFinalizer adds or removes the agents' finalizer, if that changes anything.
func (a *Agent) setFinalizer(ctx context.Context, b backup, want bool) {
	finalizers := slices.DeleteFunc(slices.Clone(b.Finalizers), func(f string) bool { return f == backupFinalizer })
	has := len(finalizers) < len(b.Finalizers)
	if has == want {
		return
	}
	if want {
		finalizers = append(finalizers, backupFinalizer)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"finalizers": finalizers, "resourceVersion": b.ResourceVersion,
	}})
	if err != nil {
		return // strings always encode
	}
	_, err = a.cluster.dynamic.Resource(backupResource).Namespace(b.Namespace).
		Patch(ctx, b.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		fmt.Fprintf(a.cluster.log, "lab: agent: %v\n", err)
	}
}
