package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// benchZone is the only zone: the first operator knew one.
const benchZone = "us-central1-a"

// Timings of the measurements of the first operator, which are repeated here.
const (
	benchBoot       = 5 * time.Second // from an insert until the VM is RUNNING and its Node registers
	benchDelete     = 5 * time.Second
	benchStopping   = 30 * time.Second // of a preempted VM, until it is gone
	benchCheckpoint = 20 * time.Second
)

// startBench starts a lab with those timings and installs the operator. Kubernetes' own time-outs are its defaults,
// not the lab's short ones.
func startBench(ctx context.Context, s *screen, realNodes bool) (*bench, error) {
	binaries, err := build(ctx, s.out, realNodes)
	if err != nil {
		return nil, err
	}
	s.restart()
	s.say(time.Now(), "starting the lab")
	lab, err := cluster.Start(ctx, cluster.Options{
		Binaries: binaries, CheckpointBackups: true, RealNodes: realNodes, Log: io.Discard,
		Timing: cluster.Timing{Join: time.Millisecond, HeartbeatTimeout: 50 * time.Second, EvictAfter: 300 * time.Second},
		GCE: gcefake.Config{
			Zones: []string{benchZone},
			Timings: gcefake.Timings{
				Provision: 2 * time.Second, Stage: benchBoot - 2*time.Second, Stockout: benchBoot,
				Delete: benchDelete, Stop: benchStopping, Notice: gce.PreemptionNotice,
			},
		},
	})
	if err != nil {
		return nil, err
	}
	var calls atomic.Int64
	if err := lab.InstallOperator(ctx, cluster.OperatorOptions{Observe: func(cluster.Exchange) { calls.Add(1) }}); err != nil {
		lab.Stop()
		return nil, err
	}
	b := &bench{lab: lab, screen: s, hookCalls: &calls, measured: measurements{}}
	if err := b.awaitCollector(ctx); err != nil {
		lab.Stop()
		return nil, err
	}
	return b, nil
}

// awaitCollector returns once Kubernetes' garbage collector follows our kinds. It looks for new ones every 30 s; before
// that it would be its delay that is measured when a job is deleted.
func (b *bench) awaitCollector(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	t, err := b.begin(ctx, "collector", 0)
	if err != nil {
		return err
	}
	job, err := t.newJob(setup{replicas: 1, interval: time.Hour})
	if err != nil {
		return err
	}
	if err := t.create(ctx, jobs, job); err != nil {
		return err
	}
	if err := t.await(ctx, "the job is seen", func() bool { return t.job.UID != "" }); err != nil {
		return err
	}
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owned", OwnerReferences: []metav1.OwnerReference{
		*metav1.NewControllerRef(&t.job, v1alpha1.GroupVersion.WithKind("SpotInstanceJob")),
	}}}
	configMaps := b.lab.Client().CoreV1().ConfigMaps(t.namespace)
	if _, err := configMaps.Create(ctx, owned, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create a ConfigMap: %w", err)
	}
	if err := t.remove(ctx, jobs); err != nil {
		return err
	}
	return t.poll(ctx, "the garbage collector follows our kinds", func() bool {
		_, err := configMaps.Get(ctx, owned.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// stages are what is measured, one after the other. The scenarios of the first stage do not disturb each other: they wait
// more than they work. Those of the second count what the whole lab does, or put load on all of it, so each is alone.
func stages() [][]lane {
	return [][]lane{
		{
			{width: 4, scenarios: []scenario{
				{"one", 10, 4 * time.Minute, onePreempted},
				{"both", 6, 5 * time.Minute, bothPreempted},
				{"noticed", 6, 4 * time.Minute, onePreemptedWithNotice},
				{"failing", 5, 3 * time.Minute, agentFails},
				{"slow", 3, 6 * time.Minute, slowCheckpoint},
				{"delete", 6, 3 * time.Minute, deleteFour},
				{"insert", 6, 2 * time.Minute, deleteWhileInserting},
			}},
			{width: 5, scenarios: []scenario{
				{"periodic", 4, 12 * time.Minute, periodicCheckpoints},
				{"strict", 5, 8 * time.Minute, bothPreemptedSlowly},
			}},
		},
		{{width: 1, scenarios: []scenario{
			{"steady", 1, 6 * time.Minute, steadyTwo},
			{"twenty", 4, 4 * time.Minute, twentyReplicas},
			{"steady20", 1, 6 * time.Minute, steadyTwenty},
		}}},
		{
			{width: 1, scenarios: []scenario{
				{"notices1", 1, time.Hour, notices("notices1", 1, 300)},
				{"notices10", 1, 30 * time.Minute, notices("notices10", 10, 300)},
				{"notices100", 1, 40 * time.Minute, notices("notices100", 100, 300)},
				{"burst100", 1, 15 * time.Minute, burst("burst100", 100)},
			}},
		},
		{{width: 6, scenarios: []scenario{{"overlap", 6, 8 * time.Minute, bootAndCheckpoint}}}},
		{{width: 1, scenarios: []scenario{{"silence1000", 0, 40 * time.Minute, silence("silence1000", 1000)}}}},
	}
}
