package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// watch follows the demo's namespace and the VMs until ctx ends.
func (w *world) watch(ctx context.Context, namespace string) {
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(w.lab.Dynamic(), 0, namespace, nil)
	follow(factory.ForResource(jobs).Informer(), w.sawJob, nil)
	follow(factory.ForResource(pools).Informer(), w.sawPool, nil)
	follow(factory.ForResource(backups).Informer(), w.sawBackup, func(u *unstructured.Unstructured) {
		w.update(func() {
			if c := w.checkpoints[u.GetName()]; c != nil && c.completed.IsZero() {
				delete(w.checkpoints, u.GetName())
			}
		})
	})
	follow(factory.ForResource(corev1.SchemeGroupVersion.WithResource("pods")).Informer(), w.sawPod, func(u *unstructured.Unstructured) {
		w.update(func() { delete(w.pods, u.GetName()) })
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	cancel := w.lab.GCE().Subscribe(w.sawVM)
	context.AfterFunc(ctx, cancel)
}

// follow decodes objects into the type that saw wants.
func follow[T any](informer cache.SharedIndexInformer, saw func(*T), gone func(*unstructured.Unstructured)) {
	decode := func(object any) {
		var typed T
		if u, ok := object.(*unstructured.Unstructured); ok && runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &typed) == nil {
			saw(&typed)
		}
	}
	// The handler is added before the informer starts, which cannot fail.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    decode,
		UpdateFunc: func(_, object any) { decode(object) },
		DeleteFunc: func(object any) {
			if u, ok := object.(*unstructured.Unstructured); ok && gone != nil {
				gone(u)
			}
		},
	})
}

func (w *world) sawJob(job *v1alpha1.SpotInstanceJob) {
	w.update(func() {
		if job.Status.Phase != w.job.Status.Phase {
			w.screen.say(time.Now(), "job %s is %s", job.Name, job.Status.Phase)
		}
		w.job = *job
	})
}

func (w *world) sawPool(pool *v1alpha1.SpotInstanceVM) {
	w.update(func() {
		if d := pool.Status.DesiredReplicas; d != w.pool.Status.DesiredReplicas {
			w.screen.say(time.Now(), "pool %s wants %d VMs", pool.Name, d)
		}
		w.pool = *pool
	})
}

// agentBackup is what the demo reads of a CheckpointBackup.
type agentBackup struct {
	Metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		PodRef struct {
			Name string `json:"name"`
		} `json:"podRef"`
		Registry struct {
			URL string `json:"url"`
		} `json:"registry"`
	} `json:"spec"`
	Status struct {
		Phase       string `json:"phase"`
		BuiltImages []struct {
			ImageName string `json:"imageName"`
		} `json:"builtImages"`
	} `json:"status"`
}

func (w *world) sawBackup(b *agentBackup) {
	now := time.Now()
	w.update(func() {
		c := w.checkpoints[b.Metadata.Name]
		if c == nil {
			c = &checkpoint{
				name: b.Metadata.Name, pod: b.Spec.PodRef.Name, seen: now, replica: b.Metadata.Labels[v1alpha1.LabelReplica],
				reason: b.Metadata.Annotations["training.dcnlab.com/checkpoint-reason"],
			}
			w.checkpoints[c.name] = c
			w.screen.say(now, "checkpoint of replica %s asked for (%s)", c.replica, c.reason)
			w.answerLosses(c)
		}
		c.phase = b.Status.Phase
		if b.Status.Phase == "Completed" && c.completed.IsZero() && len(b.Status.BuiltImages) > 0 {
			c.completed = now
			c.image = b.Spec.Registry.URL + "/" + b.Status.BuiltImages[0].ImageName
			trained, _ := w.lab.Trained(c.image)
			w.screen.say(now, "checkpoint of replica %s completed: %s of training in %s", c.replica, seconds(trained), c.image)
		}
	})
}

// answerLosses notes that a checkpoint object is there for the losses that wait for one.
func (w *world) answerLosses(c *checkpoint) {
	for _, l := range w.losses {
		if l.checkpointed.IsZero() && l.training.IsZero() && (l.noticed || c.replica != l.replica) && c.seen.After(l.at) {
			l.checkpointed, l.saviour = c.seen, c.replica
		}
	}
}

func (w *world) sawPod(pod *corev1.Pod) {
	now := time.Now()
	w.update(func() {
		before := w.pods[pod.Name]
		w.pods[pod.Name], w.made[pod.Name] = pod, pod.CreationTimestamp.Time
		if !trains(pod) || before != nil && trains(before) {
			return
		}
		replica, image := pod.Labels[v1alpha1.LabelReplica], pod.Spec.Containers[0].Image
		restored, _ := w.lab.Trained(image)
		w.screen.say(now, "replica %s trains on %s from %s (%s of training)", replica, pod.Spec.NodeName, image, seconds(restored))
		for _, l := range w.losses {
			if l.replica == replica && l.training.IsZero() {
				l.training, l.image, l.restored = now, image, restored
			}
		}
	})
}

func (w *world) sawVM(e gcefake.Event) {
	w.update(func() {
		name := e.VM.Name
		w.vms[name] = e.VM
		switch e.Kind {
		case gcefake.Created:
			w.screen.say(e.Time, "VM %s asked for in %s", name, e.VM.Zone)
			w.requested = append(w.requested, vmRequest{name: name, at: e.Time})
			w.replaceLosses()
		case gcefake.Running:
			w.screen.say(e.Time, "VM %s boots", name)
		case gcefake.Notice:
			w.screen.say(e.Time, "VM %s is told that it will be preempted in %s", name, seconds(w.notice))
			for _, l := range w.losses {
				l.noticed = l.noticed || l.vm == name
			}
		case gcefake.Stopping:
			w.screen.say(e.Time, "VM %s is stopping", name)
		case gcefake.Gone:
			w.screen.say(e.Time, "VM %s is gone", name)
			delete(w.vms, name)
		}
	})
}

// replaceLosses gives each loss the first VM that was asked for after it.
func (w *world) replaceLosses() {
	for _, l := range w.losses {
		for i := range w.requested {
			r := &w.requested[i]
			if l.requested.IsZero() && !r.taken && r.at.After(l.at) {
				l.requested, r.taken = r.at, true
			}
		}
	}
}
