package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

const (
	jobsPerPool     = 10 // of two replicas, mostly: a pool has twenty VMs then
	fleetCheckpoint = 2 * time.Second
	fleetAtOnce     = 20              // jobs at least that start at the same time; of many, a tenth
	fleetTrains     = 3 * time.Second // at least, before a notice: a checkpoint that saves nothing is not made
	fleetPatience   = 30 * time.Second
	fleetLosses     = 8 // of a job in a row: after five of a replica without two minutes of training it would back off
)

// fleet is many jobs in the namespace of one trial. All pools share a project and a zone.
type fleet struct {
	*trial
	replicas int32  // of each job
	round    int    // jobs of another one have other names
	struck   string // VM

	mu      sync.Mutex
	status  map[string]v1alpha1.SpotInstanceJobStatus // by job
	backups map[string]*fleetBackup                   // by name
	created []gcefake.Event                           // VMs, in order
}

// fleetBackup is a CheckpointBackup that was seen.
type fleetBackup struct {
	job  string
	seen time.Time
	done bool // it has an outcome, or was deleted
}

// newFleet makes the pools for so many jobs of so many replicas.
func (t *trial) newFleet(ctx context.Context, size int, replicas int32) (*fleet, error) {
	f := &fleet{trial: t, replicas: replicas, status: map[string]v1alpha1.SpotInstanceJobStatus{}, backups: map[string]*fleetBackup{}}
	t.bench.lab.Agent().Behave(t.namespace, cluster.AgentBehaviour{Duration: fleetCheckpoint})
	f.follow(ctx)
	for i := 0; i < size; i += jobsPerPool {
		pool := t.newPool(setup{replicas: replicas * jobsPerPool})
		pool.Name = poolOf(i)
		if err := t.create(ctx, pools, pool); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// start starts so many jobs afresh, and returns once all of them train.
func (f *fleet) start(ctx context.Context, size int) error {
	if err := f.remove(ctx, jobs); err != nil {
		return err
	}
	if err := f.clean(ctx, false); err != nil {
		return err
	}
	f.round++
	var starts errgroup.Group
	starts.SetLimit(max(fleetAtOnce, size/10))
	for i := range size {
		starts.Go(func() error {
			job, err := f.newJob(setup{replicas: f.replicas, interval: 24 * time.Hour})
			if err != nil {
				return err
			}
			job.Name, job.Spec.SpotInstanceVMRef.Name = f.jobOf(i), poolOf(i)
			if err := f.create(ctx, jobs, job); err != nil {
				return err
			}
			return f.settled(ctx, f.jobOf(i))
		})
	}
	return starts.Wait()
}

func (f *fleet) jobOf(i int) string { return fmt.Sprintf("job-%d-%03d", f.round, i) }
func poolOf(i int) string           { return fmt.Sprintf("pool-%02d", i/jobsPerPool) }

// follow keeps up with jobs, checkpoints and VMs until ctx ends.
func (f *fleet) follow(ctx context.Context) {
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(f.bench.lab.Dynamic(), 0, f.namespace, nil)
	follow(factory.ForResource(jobs).Informer(), func(job *v1alpha1.SpotInstanceJob) {
		f.saw(func() { f.status[job.Name] = job.Status })
	}, nil)
	follow(factory.ForResource(backups).Informer(), func(b *agentBackup) {
		now := time.Now()
		f.saw(func() {
			if f.backups[b.Metadata.Name] == nil {
				f.backups[b.Metadata.Name] = &fleetBackup{job: b.Metadata.Annotations["training.dcnlab.com/job-name"], seen: now}
			}
			f.backups[b.Metadata.Name].done = b.Status.Phase == "Completed" || b.Status.Phase == "Failed"
		})
	}, func(u *unstructured.Unstructured) {
		f.saw(func() { f.backups[u.GetName()].done = true })
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	context.AfterFunc(ctx, f.bench.lab.GCE().Subscribe(func(e gcefake.Event) {
		if e.Kind == gcefake.Created && e.VM.Project == f.namespace {
			f.saw(func() { f.created = append(f.created, e) })
		}
	}))
}

func (f *fleet) saw(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// until returns once holds is true. holds is called with the fleet locked.
func (f *fleet) until(ctx context.Context, what string, holds func() bool) error {
	return f.poll(ctx, what, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return holds()
	})
}

// settled returns once all replicas of a job train and no checkpoint of it is being made.
func (f *fleet) settled(ctx context.Context, job string) error {
	return f.until(ctx, "all replicas of "+job+" train", func() bool {
		for _, b := range f.backups {
			if b.job == job && !b.done {
				return false
			}
		}
		s := f.status[job]
		return s.Phase == v1alpha1.JobRunning && s.ActiveReplicas == f.replicas
	})
}

// trainsSince is when the newest pod of a job began to train.
func (f *fleet) trainsSince(job string) time.Time {
	var newest time.Time
	f.trial.saw(func() {
		for pod, a := range f.attempts {
			if strings.HasPrefix(pod, job) && a.trains && a.training.After(newest) {
				newest = a.training
			}
		}
	})
	return newest
}

// notice gives the VM of a job's replica its notice, and returns when.
func (f *fleet) notice(job string, replica int) (time.Time, error) {
	f.mu.Lock()
	vm := f.status[job].JobStatuses[replica].NodeName
	f.struck = vm
	f.mu.Unlock()
	at := time.Now()
	return at, f.bench.lab.GCE().Preempt(vm)
}

// explain adds what is known of a job that no checkpoint was made of, and of the VM that was struck.
func (f *fleet) explain(job string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), fleetPatience)
	defer cancel()
	f.mu.Lock()
	vm, status := f.struck, f.status[job]
	f.mu.Unlock()
	node, _ := f.bench.lab.Kubectl(ctx, "get", "node", vm, "--output=jsonpath={.status.conditions[?(@.type==\"SpotPreempted\")]}")
	pods, _ := f.bench.lab.Kubectl(ctx, "get", "pods", "--all-namespaces", "--field-selector=spec.nodeName="+vm)
	return fmt.Errorf("%w; %s is %s: %+v; Node %s says %q and runs:\n%s; its console: %q", err, job, status.Phase, status, vm, node, pods, f.bench.lab.Hypervisor().Console(vm))
}

// toldAfter is how long after a moment the pod of a job was first told that its VM goes, in seconds.
func (f *fleet) toldAfter(job string, moment time.Time) float64 {
	var told time.Time
	f.trial.saw(func() {
		for pod, a := range f.attempts {
			if strings.HasPrefix(pod, job) && a.told.After(moment) && (told.IsZero() || a.told.Before(told)) {
				told = a.told
			}
		}
	})
	return told.Sub(moment).Seconds()
}

// answered returns the time of the first checkpoint of a job that was seen after a moment.
func (f *fleet) answered(ctx context.Context, job string, after time.Time) (seen time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, fleetPatience)
	defer cancel()
	err = f.until(ctx, "a checkpoint of "+job, func() bool {
		for _, b := range f.backups {
			if b.job == job && b.seen.After(after) {
				seen = b.seen
				return true
			}
		}
		return false
	})
	if err != nil {
		err = f.explain(job, err)
	}
	return seen, err
}

// noteRequested notes when a VM was asked for after a moment. None is if the pools have one to spare for each that is going.
func (f *fleet) noteRequested(ctx context.Context, row string, size int, after time.Time) error {
	return f.until(ctx, "a VM is asked for", func() bool {
		if last := f.created[len(f.created)-1]; last.Time.After(after) {
			f.note(row, "requested", last.Time.Sub(after).Seconds())
			return true
		}
		staying := 0
		for _, vm := range f.bench.lab.GCE().Instances() {
			if vm.Project == f.namespace && !vm.Noticed && vm.Status != "STOPPING" {
				staying++
			}
		}
		return staying >= 2*size
	})
}

// notices measures one notice at a time, of one job after the other.
func notices(row string, size, number int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		f, err := t.newFleet(ctx, size, 2)
		if err != nil {
			return err
		}
		for n := range number {
			if n%(size*fleetLosses) == 0 {
				if err := f.start(ctx, size); err != nil {
					return err
				}
			}
			job := f.jobOf(n % size)
			if err := f.settled(ctx, job); err != nil {
				return err
			}
			if err := t.lasts(ctx, time.Until(f.trainsSince(job).Add(fleetTrains))); err != nil {
				return err
			}
			at, err := f.notice(job, n/size%2)
			if err != nil {
				return err
			}
			seen, err := f.answered(ctx, job, at)
			if err != nil {
				return err
			}
			t.note(row, "object", seen.Sub(at).Seconds())
			if err := f.noteRequested(ctx, row, size, at); err != nil {
				return err
			}
			t.note(row, "told", f.toldAfter(job, at))
		}
		return nil
	}
}
