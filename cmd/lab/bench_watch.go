package main

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// watch keeps up with the trial's namespace and VMs until ctx ends.
func (t *trial) watch(ctx context.Context) {
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.bench.lab.Dynamic(), 0, t.namespace, nil)
	follow(factory.ForResource(jobs).Informer(), func(job *v1alpha1.SpotInstanceJob) { t.saw(func() { t.job = *job }) }, nil)
	follow(factory.ForResource(pools).Informer(), func(pool *v1alpha1.SpotInstanceVM) { t.saw(func() { t.pool = *pool }) }, nil)
	follow(factory.ForResource(backups).Informer(), t.sawBackup, func(u *unstructured.Unstructured) {
		// One that was deleted is no longer in flight.
		t.saw(func() {
			if c := t.checkpoints[u.GetName()]; c != nil && c.completed.IsZero() {
				c.phase = "Failed"
			}
		})
	})
	follow(factory.ForResource(corev1.SchemeGroupVersion.WithResource("pods")).Informer(), t.sawPod, func(u *unstructured.Unstructured) {
		t.saw(func() {
			if a := t.attempts[u.GetName()]; a != nil {
				a.trains = false
			}
		})
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	cancel := t.bench.lab.GCE().Subscribe(t.sawVM)
	context.AfterFunc(ctx, cancel)
}

func (t *trial) saw(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *trial) sawPod(pod *corev1.Pod) {
	now := time.Now()
	t.saw(func() {
		a := t.attempts[pod.Name]
		if a == nil {
			a = &attempt{replica: pod.Labels[v1alpha1.LabelReplica], image: pod.Spec.Containers[0].Image}
			t.attempts[pod.Name] = a
		}
		a.vm, a.trains = pod.Spec.NodeName, trains(pod)
		a.progress = func() time.Duration { return t.bench.lab.Progress(pod) }
		if a.trains && a.training.IsZero() {
			a.training = now
		}
		if a.told.IsZero() && slices.ContainsFunc(pod.Status.Conditions, isNotice) {
			a.told = now
		}
	})
}

func isNotice(c corev1.PodCondition) bool { return c.Type == v1alpha1.ConditionPodPreempted }

func (t *trial) sawBackup(b *agentBackup) {
	now := time.Now()
	t.saw(func() {
		c := t.checkpoints[b.Metadata.Name]
		if c == nil {
			c = &checkpoint{name: b.Metadata.Name, seen: now, replica: b.Metadata.Labels[v1alpha1.LabelReplica], phases: map[string]time.Time{}}
			t.checkpoints[c.name] = c
		}
		c.phase = b.Status.Phase
		if _, seen := c.phases[c.phase]; !seen {
			c.phases[c.phase] = now
		}
		if c.phase == "Completed" && c.completed.IsZero() && len(b.Status.BuiltImages) > 0 {
			c.completed, c.image = now, b.Spec.Registry.URL+"/"+b.Status.BuiltImages[0].ImageName
		}
	})
}

func (t *trial) sawVM(e gcefake.Event) {
	if e.Kind == gcefake.Created && e.VM.Project == t.namespace {
		t.saw(func() { t.requested = append(t.requested, e) })
	}
}
