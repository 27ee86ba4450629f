package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// checkpointTime is how long the lab's agent takes for a checkpoint; minutes in real life.
const checkpointTime = 6 * time.Second

// noticeTime is how long the lab's VMs run on after their notice; two minutes in real life. A real checkpoint of PyTorch takes longer than
// the agent that only says so.
func noticeTime(realNodes bool) time.Duration {
	if realNodes {
		return 30 * time.Second
	}
	return 12 * time.Second
}

// running is a lab with the operator installed and the samples' Secrets applied.
type running struct {
	lab       *cluster.Cluster
	real      bool
	namespace string
	root      string
}

// build makes what the lab runs: with real nodes, more of it.
func build(ctx context.Context, out io.Writer, realNodes bool) (cluster.Binaries, error) {
	if realNodes {
		return cluster.BuildRealNodes(ctx, out)
	}
	return cluster.Build(ctx, out)
}

// start builds what is missing, starts the cluster and installs the operator.
func start(ctx context.Context, s *screen, realNodes bool) (running, error) {
	root, err := checkout(ctx)
	if err != nil {
		return running{}, err
	}
	s.print("Building the lab. The first time, Kubernetes is compiled from its Go modules: ten to fifteen minutes on two cores.\n")
	binaries, err := build(ctx, s.out, realNodes)
	if err != nil {
		return running{}, err
	}
	s.restart()
	if realNodes {
		s.print("VMs are real nodes: kubelet, containerd, runc and CRIU, in namespaces of their own.\n")
	}
	s.say(time.Now(), "starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok on 127.0.0.1")
	lab, err := cluster.Start(ctx, cluster.Options{
		Binaries: binaries, CheckpointBackups: true, RealNodes: realNodes, Log: io.Discard,
		Timing: cluster.Timing{Join: 5 * time.Second, SIGTERM: 2 * time.Second},
		GCE: gcefake.Config{
			Zones: []string{"us-central1-a", "us-central1-b", "us-east1-c"},
			Timings: gcefake.Timings{
				Provision: 2 * time.Second, Stage: 3 * time.Second, Stockout: 3 * time.Second,
				Delete: 2 * time.Second, Stop: 5 * time.Second, Notice: noticeTime(realNodes),
			},
		},
	})
	if err != nil {
		return running{}, err
	}
	r := running{lab: lab, real: realNodes, root: root}
	if err := r.install(ctx, s); err != nil {
		lab.Stop()
		return running{}, err
	}
	return r, nil
}

func (r *running) install(ctx context.Context, s *screen) error {
	s.say(time.Now(), "kubectl apply -f crds/ -f manifests/")
	if err := r.lab.InstallOperator(ctx, cluster.OperatorOptions{}); err != nil {
		return err
	}
	namespace, err := r.lab.NewNamespace(ctx, "demo")
	if err != nil {
		return err
	}
	r.namespace = namespace.Name
	if agent := r.lab.Agent(); agent != nil { // a real one takes as long as it takes
		agent.Behave(r.namespace, cluster.AgentBehaviour{Duration: checkpointTime})
	}
	return nil
}

// applySamples applies the samples with kubectl, for a job that needs so much training and is checkpointed so often, and tells what it compressed.
func (r *running) applySamples(ctx context.Context, s *screen, training, interval time.Duration) error {
	for _, name := range []string{"pool.yaml", "job.yaml"} {
		document, changes, err := sample(r.root, name, compressed(training, interval, r.real)[name])
		if err != nil {
			return err
		}
		s.say(time.Now(), "kubectl apply -f manifests/samples/%s", name)
		for _, change := range changes {
			s.print("            time compressed: " + change + "\n")
		}
		if err := r.lab.Apply(ctx, r.namespace, document); err != nil {
			return err
		}
	}
	return nil
}

// checkout is the folder that holds manifests/: the module that this command is run from.
func checkout(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "manifests", "samples")); err != nil {
		return "", fmt.Errorf("run this from a checkout of the repository: %w", err)
	}
	return root, nil
}
