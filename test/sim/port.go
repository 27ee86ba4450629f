package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// keepEvent is how long the API server keeps an Event, and so does not take the same once more.
const keepEvent = time.Hour

// Port is the API server as the pool's hook asks it: a spotinstancevm.Kube. What it changes counts as effects of the hook
// call that is going on, and after the death of that call's server nothing gets through.
type Port struct{ world *World }

func newPort(w *World) *Port { return &Port{world: w} }

// apiCommand is `api down [for=D]`: nobody reaches the API server for so long.
func (w *World) apiCommand(c story.Command) (string, error) {
	if !slices.Equal(c.Args, []string{"down"}) {
		return "", fmt.Errorf("line %d: api %v: write api down for=30s", c.Line, c.Args)
	}
	d, err := durationOf(c, "for", 30*time.Second)
	if err != nil {
		return "", err
	}
	w.apiUpAt = w.Clock.Now().Add(d)
	w.fault("api-down", "for %s", d)
	return "", nil
}

// Down tells whether the API server answers nobody.
func (p *Port) Down() bool { return p.world.isAPIDown() }

// reach is why a call does not reach the API server, or nil.
func (p *Port) reach() error {
	if p.world.Cloud.isDead() {
		return errDead
	}
	if p.Down() {
		return apierrors.NewServiceUnavailable("the API server is not there")
	}
	return nil
}

// change writes, and notes whether that had an effect.
func (p *Port) change(write func(*API) error) error {
	if err := p.reach(); err != nil {
		return err
	}
	before := p.world.API.version
	err := write(p.world.API)
	if p.world.API.version != before {
		p.world.Cloud.affected()
	}
	return err
}

// Secret is as spotinstancevm.Kube says.
func (p *Port) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	return read[*corev1.Secret](p, Key{"Secret", namespace, name})
}

// ClusterInfo is as spotinstancevm.Kube says.
func (p *Port) ClusterInfo(context.Context) (*corev1.ConfigMap, error) {
	return read[*corev1.ConfigMap](p, Key{"ConfigMap", metav1.NamespacePublic, "cluster-info"})
}

// Pool is as spotinstancevm.Kube says.
func (p *Port) Pool(_ context.Context, namespace, name string) (*v1alpha1.SpotInstanceVM, error) {
	return read[*v1alpha1.SpotInstanceVM](p, Key{"SpotInstanceVM", namespace, name})
}

// TrainingJob is as spotinstancevm.Kube says.
func (p *Port) TrainingJob(_ context.Context, namespace, name string) (*v1alpha1.SpotInstanceJob, error) {
	return read[*v1alpha1.SpotInstanceJob](p, Key{"SpotInstanceJob", namespace, name})
}

// Node is as spotinstancevm.Kube says.
func (p *Port) Node(_ context.Context, name string) (*corev1.Node, error) {
	return read[*corev1.Node](p, Key{Kind: "Node", Name: name})
}

func read[T Object](p *Port, k Key) (found T, err error) {
	if err := p.reach(); err != nil {
		return found, err
	}
	r, err := p.world.API.find(k, "")
	if err != nil {
		return found, err
	}
	return r.Object.DeepCopyObject().(T), nil
}

// TaintNode is as spotinstancevm.Kube says.
func (p *Port) TaintNode(_ context.Context, node *corev1.Node, taint corev1.Taint, wanted bool) error {
	return p.change(func(a *API) error {
		return a.Update(Key{Kind: "Node", Name: node.Name}, node.UID, func(o Object) {
			spec := &o.(*corev1.Node).Spec
			same := func(t corev1.Taint) bool { return taint.MatchTaint(&t) }
			if slices.ContainsFunc(spec.Taints, same) == wanted {
				return
			}
			spec.Taints = slices.DeleteFunc(spec.Taints, same)
			if wanted {
				spec.Taints = append(spec.Taints, taint)
			}
		})
	})
}

// DeleteNode is as spotinstancevm.Kube says.
func (p *Port) DeleteNode(_ context.Context, node corev1.ObjectReference) error {
	return p.change(func(a *API) error {
		err := a.Delete(Key{Kind: "Node", Name: node.Name}, node.UID)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// PodsOnNode is as spotinstancevm.Kube says.
func (p *Port) PodsOnNode(_ context.Context, node string) ([]corev1.Pod, error) {
	if err := p.reach(); err != nil {
		return nil, err
	}
	var found []corev1.Pod
	for _, r := range p.world.API.List("Pod") {
		if pod := As[*corev1.Pod](r); pod.Spec.NodeName == node {
			found = append(found, *pod.DeepCopy())
		}
	}
	return found, nil
}

// EvictPod is as spotinstancevm.Kube says. No disruption budget holds a pod.
func (p *Port) EvictPod(_ context.Context, pod corev1.ObjectReference) error {
	return p.change(func(a *API) error {
		k := Key{"Pod", pod.Namespace, pod.Name}
		r := a.Get(k)
		if r == nil || r.Object.GetUID() != pod.UID {
			return nil
		}
		if r.Object.GetDeletionTimestamp() == nil {
			if err := a.Update(k, pod.UID, p.disrupt); err != nil {
				return err
			}
		}
		return a.Delete(k, pod.UID)
	})
}

// disrupt is what the API server says on a pod before it deletes it for an eviction.
func (p *Port) disrupt(o Object) {
	status := &o.(*corev1.Pod).Status
	status.Conditions = append(status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI",
		Message: "Eviction API: evicting", LastTransitionTime: p.world.API.timestamp(),
	})
}

// Event is as spotinstancevm.Kube says.
func (p *Port) Event(_ context.Context, event corev1.Event) error {
	if err := p.reach(); err != nil {
		return err
	}
	c, now := p.world.Cloud, p.world.API.timestamp()
	for _, e := range slices.Backward(c.events) {
		if now.Sub(e.FirstTimestamp.Time) >= keepEvent {
			break
		}
		if e.InvolvedObject.UID == event.InvolvedObject.UID && e.Reason == event.Reason && e.Message == event.Message {
			return nil
		}
	}
	event.Namespace = event.InvolvedObject.Namespace
	event.FirstTimestamp, event.LastTimestamp, event.Count = now, now, 1
	c.events = append(c.events, event)
	c.affected()
	p.world.Tracef("event %s %s: %s", event.Reason, event.InvolvedObject.Name, event.Message)
	return nil
}

// Events are all Events that the hooks recorded, in order. The same one can be there again after an hour.
func (p *Port) Events() []corev1.Event { return p.world.Cloud.events }
