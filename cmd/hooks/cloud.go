package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// connector gives the pool hook its clouds, and counts what is asked of them.
type connector struct {
	clients *gce.Clients
	calls   *prometheus.CounterVec
}

func newConnector(options gce.Options, registry prometheus.Registerer) connector {
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "spot_training_gce_calls_total",
		Help: "Calls to Compute Engine, by call and by result: ok, or the kind of failure.",
	}, []string{"call", "result"})
	registry.MustRegister(calls)
	return connector{clients: gce.NewClients(options, cloudClients), calls: calls}
}

// Connect implements spotinstancevm.Connector.
func (c connector) Connect(_ context.Context, project string, credentialsJSON []byte) (gce.Cloud, error) {
	client, err := c.clients.Client(project, gce.Credentials{ServiceAccountJSON: credentialsJSON})
	if err != nil {
		return nil, err
	}
	return countedCloud{client, c.calls}, nil
}

// countedCloud is a gce.Cloud whose calls are counted.
type countedCloud struct {
	cloud gce.Cloud
	calls *prometheus.CounterVec
}

func (c countedCloud) count(call string, err error) {
	result := "ok"
	if err != nil {
		result = string(gce.KindOf(err))
	}
	c.calls.WithLabelValues(call, result).Inc()
}

func (c countedCloud) Instances(ctx context.Context, zone string, labels map[string]string) ([]gce.Instance, error) {
	list, err := c.cloud.Instances(ctx, zone, labels)
	c.count("instances.list", err)
	return list, err
}

func (c countedCloud) Instance(ctx context.Context, zone, name string) (gce.Instance, error) {
	instance, err := c.cloud.Instance(ctx, zone, name)
	c.count("instances.get", err)
	return instance, err
}

func (c countedCloud) AllInstances(ctx context.Context, labels map[string]string) ([]gce.Instance, error) {
	list, err := c.cloud.AllInstances(ctx, labels)
	c.count("instances.aggregatedList", err)
	return list, err
}

func (c countedCloud) Operations(ctx context.Context, zone string, since time.Time) ([]gce.Operation, error) {
	list, err := c.cloud.Operations(ctx, zone, since)
	c.count("zoneOperations.list", err)
	return list, err
}

func (c countedCloud) Insert(ctx context.Context, spec gce.InstanceSpec, requestID string) (gce.Operation, error) {
	operation, err := c.cloud.Insert(ctx, spec, requestID)
	c.count("instances.insert", err)
	return operation, err
}

func (c countedCloud) Delete(ctx context.Context, zone, name, requestID string) (gce.Operation, error) {
	operation, err := c.cloud.Delete(ctx, zone, name, requestID)
	c.count("instances.delete", err)
	return operation, err
}

func (c countedCloud) MachineType(ctx context.Context, zone, name string) (gce.MachineType, error) {
	machineType, err := c.cloud.MachineType(ctx, zone, name)
	c.count("machineTypes.get", err)
	return machineType, err
}
