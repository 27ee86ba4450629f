package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/events"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

const (
	// startTimeout is how long the API server may take to answer at the start; after it the pod restarts.
	startTimeout = 30 * time.Second
	// cloudClients bounds the clients kept, one for each project and credentials.
	cloudClients = 64
)

// serve wires the hooks and answers calls until ctx ends.
func serve(ctx context.Context, c config, log *slog.Logger, listener net.Listener) error {
	api, err := apiClient(c.kubeconfig, hookQPS, hookBurst)
	if err != nil {
		return err
	}
	told, err := tell(ctx, c, log)
	if err != nil {
		return err
	}
	server := kube.New(api, time.Now)
	clusterID, err := awaitClusterID(ctx, log, server)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prices := cost.NewFile(c.prices, time.Now)
	handler := hooks.Router(hooks.Server{
		Job: spotinstancejob.Hook{Now: time.Now, Prices: prices.Table, Tell: told},
		VM: spotinstancevm.New(spotinstancevm.Config{
			Cloud: newConnector(gce.Options{Endpoint: c.gceEndpoint}, registry), Kube: server, Now: time.Now, ClusterID: clusterID,
			Prices: prices.Table, OwnIdentityNamespaces: c.trusted, Tell: told,
		}),
		Log:      log,
		Registry: registry,
	})
	log.Info("serving", "address", listener.Addr().String(), "clusterID", clusterID, "ownIdentityNamespaces", c.trusted)
	return webhook.Serve(ctx, listener, handler, drain)
}

// tell begins to write Events in the background until ctx ends, and returns what takes them. Their client is one of its own, so that
// they hold up nothing.
func tell(ctx context.Context, c config, log *slog.Logger) (func([]corev1.Event), error) {
	api, err := apiClient(c.kubeconfig, eventQPS, eventBurst)
	if err != nil {
		return nil, err
	}
	writer := events.New(log, kube.New(api, time.Now).ProvenEvent)
	go writer.Run(ctx)
	return writer.Tell, nil
}

// How many calls a second a client makes, and how many at once after a rest. The hooks make few calls, in bursts of three per VM, and each
// is bounded by its hook call: a limit that a burst meets holds up replacements. 100 VMs that are noticed in one second did with 50 and
// 200, which is what Events have, two calls for each.
const (
	hookQPS, hookBurst   = 200, 1000
	eventQPS, eventBurst = 50, 200
)

func apiClient(kubeconfig string, qps float32, burst int) (kubernetes.Interface, error) {
	var (
		c   *rest.Config
		err error
	)
	if kubeconfig == "" {
		c, err = rest.InClusterConfig()
	} else {
		c, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w; outside of a cluster give --kubeconfig", err)
	}
	c.QPS, c.Burst = qps, burst
	return kubernetes.NewForConfig(c)
}

// awaitClusterID asks until the API server answers: after a power cut it may start later than this pod.
func awaitClusterID(ctx context.Context, log *slog.Logger, server *kube.Client) (id string, err error) {
	var last error
	err = wait.PollUntilContextTimeout(ctx, time.Second, startTimeout, true, func(ctx context.Context) (bool, error) {
		if id, last = server.ClusterID(ctx); last != nil {
			log.Warn("waiting for the API server", "error", last.Error())
		}
		return last == nil, nil
	})
	if last != nil {
		return "", last
	}
	return id, err
}
