package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// LabelManaged is on a Node whose kubelet lives: kwok renews its lease and runs its pods. Without it the Node is on
// its own, as after a power cut.
const LabelManaged = "lab.training.dcnlab.com/managed"

// Options are what a lab can be started with.
type Options struct {
	Binaries Binaries // of Build or BuildControlPlane
	Timing   Timing   // zero: the defaults
	// GCE is what the fake Compute Engine is made of. Zero timings: 1 s each to boot, stop and delete, and a notice of 5 s.
	GCE gcefake.Config
	// CheckpointBackups installs the checkpoint agent's kind at once; InstallCheckpointBackups does it later.
	CheckpointBackups bool
	// RealNodes boots VMs as real nodes; the binaries are those of BuildRealNodes. There is no Trainer, no Agent and no Images then: the
	// programs of pods run, a checkpoint agent comes with the CheckpointBackup kind, and images are in a registry.
	RealNodes bool
	Prices    string    // table of what VMs cost, as CSV; empty: nobody knows
	Log       io.Writer // of the lab's own doings; nil: none
}

// Cluster is a running lab. All methods may be called by several goroutines.
type Cluster struct {
	binaries Binaries
	timing   Timing
	log      io.Writer
	prices   string

	dir       string
	lock      *fileLock
	launcher  *launcher
	ports     ports
	authority *authority
	token     string // of the cluster's admin
	join      JoinToken

	children   children
	config     *rest.Config
	client     kubernetes.Interface
	dynamic    dynamic.Interface
	background background
	stop       func()

	gce        *gcefake.Fake
	gceServer  *loopbackServer
	images     *Images
	trainer    *Trainer
	hypervisor *Hypervisor
	metadata   *loopbackServer // of all VMs, below their numeric ids
	agent      *Agent
	operator   operator
	pools      poolRegistry

	realNodes bool
	real      *realNodes // nil without real nodes
}

// children are the control plane's processes, by what may be stopped before what.
type children struct{ etcd, apiServer, controllerManager, scheduler, kwok *process }

// stopGrace is how long a child may take to end by itself. Nothing is saved, so it is short; the API server would
// wait a minute for open watches.
const stopGrace = time.Second

// Start starts a control plane and waits until it runs pods. It takes five to ten seconds. ctx bounds the start, not the
// cluster's life: the caller ends it with Stop. If the caller dies, the cluster does too.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if options.Binaries.ControlPlane == "" {
		return nil, errors.New("start the lab: Options.Binaries is empty: call Build or BuildControlPlane first")
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if err := sweep(); err != nil {
		fmt.Fprintf(options.Log, "lab: %v\n", err)
	}
	const attempts = 3
	for attempt := 1; ; attempt++ {
		c, err := startOnce(ctx, options)
		if err == nil {
			return c, nil
		}
		if attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return nil, err
		}
	}
}

func startOnce(ctx context.Context, options Options) (*Cluster, error) {
	dir, lock, err := newDataDir()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		binaries: options.Binaries, timing: options.Timing.withDefaults(), log: options.Log,
		prices: options.Prices, realNodes: options.RealNodes, dir: dir, lock: lock, launcher: newLauncher(dir), gce: newGCE(options.GCE), images: newImages(),
	}
	c.stop = sync.OnceFunc(c.shutDown)
	err = c.start(ctx)
	if err == nil && options.CheckpointBackups {
		err = c.InstallCheckpointBackups(ctx)
	}
	if err != nil {
		// The error has the end of the log; the rest goes with the directory.
		c.Stop()
		return nil, fmt.Errorf("start the lab: %w", err)
	}
	return c, nil
}

// start runs the steps in order: files, processes, objects, then what acts on them.
func (c *Cluster) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		c.writeFiles, c.startAPIServer, c.startControllers, c.bootstrap, c.startMachines,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startAPIServer(ctx context.Context) (err error) {
	if c.children.etcd, err = c.launcher.start(c.etcdCommand()); err != nil {
		return err
	}
	if c.children.apiServer, err = c.launcher.start(c.apiServerCommand()); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	return c.await(ctx, "the API server to be ready", func(ctx context.Context) error {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (c *Cluster) startControllers(context.Context) (err error) {
	if c.children.controllerManager, err = c.launcher.start(c.controllerManagerCommand()); err != nil {
		return err
	}
	if c.children.scheduler, err = c.launcher.start(c.schedulerCommand()); err != nil {
		return err
	}
	c.children.kwok, err = c.launcher.start(c.kwokCommand())
	return err
}

// await tries until try succeeds, ctx ends, a minute has passed, or a child of the control plane has ended.
func (c *Cluster) await(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		for _, p := range c.controlPlane() {
			if !p.running() {
				return p.failure("waiting for " + what)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (last: %w)", what, ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// controlPlane is the children that have been started.
func (c *Cluster) controlPlane() []*process {
	var started []*process
	for _, p := range []*process{
		c.children.etcd, c.children.apiServer, c.children.controllerManager, c.children.scheduler, c.children.kwok,
	} {
		if p != nil {
			started = append(started, p)
		}
	}
	return started
}

// Stop ends everything and removes the data directory. It may be called more than once.
func (c *Cluster) Stop() { c.stop() }

// StopHeartbeats lets no Node be heard until the returned function is called. VMs and training programs run on.
func (c *Cluster) StopHeartbeats() (resume func() error, err error) {
	kwok := c.children.kwok.cmd.Process
	return func() error { return kwok.Signal(syscall.SIGCONT) }, kwok.Signal(syscall.SIGSTOP)
}

// shutDown ends the API server's clients before it, and etcd last. Nothing is asked to tidy up: it all goes.
func (c *Cluster) shutDown() {
	c.background.stop()
	c.operator.stop()
	c.real.stop(c.log)
	c.gceServer.stop()
	c.metadata.stop()
	stopAll(stopGrace, c.children.kwok, c.children.scheduler, c.children.controllerManager)
	c.children.apiServer.stop(stopGrace)
	c.children.etcd.stop(stopGrace)
	c.launcher.close()
	if err := os.RemoveAll(c.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(c.log, "lab: %v\n", err)
	}
	c.lock.release()
}

// Dir is the data directory: kubeconfig, logs (<component>.log), certificates.
func (c *Cluster) Dir() string { return c.dir }

// Config is a client configuration for the cluster's admin, without client-side rate limits.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is a clientset for the cluster's admin.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Dynamic is a dynamic client for the cluster's admin.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }
