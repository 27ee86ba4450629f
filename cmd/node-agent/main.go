// Command node-agent runs on each spot VM, and says in the cluster when GCE takes the VM back.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/kube"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodeagent"
)

// callTimeout bounds one call to the API server.
const callTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "node-agent:", err)
		os.Exit(1)
	}
}

// run watches until ctx ends.
func run(ctx context.Context, args []string, env func(string) string, log io.Writer) error {
	config, err := parseConfig(args, env)
	if err != nil {
		return err
	}
	rest, err := clientcmd.BuildConfigFromFlags("", config.kubeconfig)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	rest.Timeout = callTimeout
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("reach the API server: %w", err)
	}
	agent := nodeagent.Agent{
		Node: config.node, Metadata: nodeagent.NewMetadata(config.metadata), Kube: kube.New(client, time.Now),
		Now: time.Now, Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
	agent.Run(ctx)
	return nil
}

// config is what flags and environment say.
type config struct {
	node       string
	metadata   string // URL
	kubeconfig string
}

// parseConfig reads flags. NODE_NAME, GCE_METADATA_HOST (host:port, as Google's own libraries read it) and KUBECONFIG
// stand in for them.
func parseConfig(args []string, env func(string) string) (config, error) {
	var c config
	flags := flag.NewFlagSet("node-agent", flag.ContinueOnError)
	flags.StringVar(&c.node, "node", env("NODE_NAME"), "name of this VM's Node")
	flags.StringVar(&c.metadata, "metadata", "http://"+cmp.Or(env("GCE_METADATA_HOST"), "169.254.169.254"), "URL of the metadata server")
	flags.StringVar(&c.kubeconfig, "kubeconfig", env("KUBECONFIG"), "kubeconfig file; empty: the ServiceAccount of this pod")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unknown argument %q: there are only flags", flags.Arg(0))
	}
	if c.node == "" {
		return c, fmt.Errorf("--node is empty: set NODE_NAME from the pod's spec.nodeName")
	}
	if u, err := url.Parse(c.metadata); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		return c, fmt.Errorf("--metadata %q is not an http URL", c.metadata)
	}
	return c, nil
}
