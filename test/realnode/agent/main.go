// Command agent is a checkpoint agent for tests on real nodes. It does what the real one is documented and measured to do (see
// docs/testing.md), quirks included, with one difference: it sets the annotations of both container runtimes, so that containerd
// restores its images, too.
//
// One runs on each Node, as a pod with the host's network: it calls the kubelet's checkpoint API with its own ServiceAccount.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	node := flags.String("node", os.Getenv("NODE_NAME"), "name of the Node that it runs on")
	kubelet := flags.String("kubelet", "https://127.0.0.1:10250", "URL of that Node's kubelet")
	mirror := flags.String("mirror", "", "host:port of the registry that stands in for all others, over plain HTTP")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *node == "" {
		return fmt.Errorf("--node is empty: set NODE_NAME from the pod's spec.nodeName")
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	a := &agent{
		node: *node, client: client, objects: objects, log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		kubelet: newKubelet(*kubelet, config), mirror: *mirror, passed: map[string]bool{},
	}
	for ctx.Err() == nil {
		a.look(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
