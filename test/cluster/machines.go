package cluster

import (
	"context"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// newGCE makes the fake, with latencies for tests if none are given.
func newGCE(config gcefake.Config) *gcefake.Fake {
	if config.Timings == (gcefake.Timings{}) {
		config.Timings = gcefake.Timings{
			Provision: 500 * time.Millisecond, Stage: 500 * time.Millisecond, Stockout: time.Second,
			Delete: time.Second, Stop: 2 * time.Second, Notice: 15 * time.Second,
		}
	}
	return gcefake.New(config)
}

// startMachines starts what stands in for hardware and for programs on it.
func (c *Cluster) startMachines(ctx context.Context) (err error) {
	handler := http.NewServeMux()
	handler.Handle("/lab/", c.gce.AdminHandler())
	handler.Handle("/", c.gce.Handler())
	if c.gceServer, err = newLoopbackServer(handler); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(c.client, 0)
	pods, nodes := factory.Core().V1().Pods(), factory.Core().V1().Nodes()
	c.hypervisor = &Hypervisor{cluster: c, guests: map[string]*guest{}}
	if c.metadata, err = newLoopbackServer(metadataServer{c.hypervisor}); err != nil {
		return err
	}
	if c.realNodes {
		factory.Start(c.background.context().Done())
		if err := c.startRealNodes(ctx); err != nil {
			return err
		}
		c.gce.Subscribe(c.hypervisor.handle)
		return ctx.Err()
	}
	nodeAgents := &nodeAgents{cluster: c, pods: pods.Lister(), running: map[types.UID]context.CancelFunc{}}
	c.trainer = &Trainer{
		cluster: c, images: c.images, pods: pods.Lister(), kubelet: c.hypervisor,
		terminated: map[types.UID]termination{}, acted: map[types.UID]string{}, saved: map[string]save{},
	}
	c.hypervisor.trainer = c.trainer
	c.agent = &Agent{
		cluster: c, trainer: c.trainer, images: c.images, kubelet: c.hypervisor, nodes: nodes.Lister(), pods: pods.Lister(),
		behaviours: map[string]AgentBehaviour{}, seen: map[types.UID]bool{}, busy: map[string]*sync.Mutex{},
	}
	// Listers register their informers when they are first asked for, above.
	factory.Start(c.background.context().Done())
	factory.WaitForCacheSync(ctx.Done())
	c.background.run(func(ctx context.Context) { <-ctx.Done(); factory.Shutdown() })
	c.background.run(c.trainer.run)
	c.background.run(c.agent.run)
	c.background.run(nodeAgents.run)
	c.gce.Subscribe(c.hypervisor.handle)
	return ctx.Err()
}

// GCE is the lab's Compute Engine.
func (c *Cluster) GCE() *gcefake.Fake { return c.gce }

// GCEEndpoint is the URL of its REST API, for cmd/hooks. Below /lab/ it has gcefake's AdminHandler.
func (c *Cluster) GCEEndpoint() string { return c.gceServer.url() }

// Hypervisor runs the VMs' guests.
func (c *Cluster) Hypervisor() *Hypervisor { return c.hypervisor }

// Trainer runs the pods' programs.
func (c *Cluster) Trainer() *Trainer { return c.trainer }

// Agent stands in for the checkpoint agents.
func (c *Cluster) Agent() *Agent { return c.agent }

// Images is the registry that pods pull from.
func (c *Cluster) Images() *Images { return c.images }
