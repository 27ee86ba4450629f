package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/composite"
)

// What manifests/ call the operator.
const (
	operatorNamespace = "spot-instance-training-system"
	operatorName      = "spot-instance-training-operator"
	operatorHost      = operatorName + "." + operatorNamespace + ".svc"
)

// workers is how many parents of a kind are synced at the same time, as the README recommends.
const workers = 20

// OperatorOptions are how the operator is installed.
type OperatorOptions struct {
	// Metacontroller is the path of its binary. Empty: the environment variable METACONTROLLER, and if that is empty too
	// the driver of test/composite takes its place.
	Metacontroller string
	// Driver tunes that driver; its HTTPClient is the lab's.
	Driver composite.Options
	// Observe is called after each hook call, from several goroutines.
	Observe func(Exchange)
}

// operator is what InstallOperator starts.
type operator struct {
	hooks          *Hooks
	proxy          *loopbackServer
	metacontroller *process
	driver         *composite.Driver
}

// InstallOperator installs crds/ and manifests/ of the checkout as they are, runs cmd/hooks as the operator's ServiceAccount,
// and hosts the CompositeControllers. The CheckpointBackup kind is not part of it. It can be called once.
func (c *Cluster) InstallOperator(ctx context.Context, options OperatorOptions) error {
	if c.binaries.Hooks == "" {
		return errors.New("install the operator: no hooks binary: start the lab with the binaries of Build")
	}
	if c.operator.hooks != nil {
		return errors.New("install the operator: it is installed already")
	}
	if options.Metacontroller == "" {
		options.Metacontroller = os.Getenv("METACONTROLLER")
	}
	if err := c.applyInstallation(ctx, options.Metacontroller != ""); err != nil {
		return fmt.Errorf("install the operator: %w", err)
	}
	if err := c.startHooks(ctx, options.Observe); err != nil {
		return fmt.Errorf("install the operator: %w", err)
	}
	c.watchPools()
	if options.Metacontroller != "" {
		return c.startMetacontroller(options.Metacontroller)
	}
	return c.startDriver(options.Driver)
}

// applyInstallation applies the repository's files with kubectl, as a user does.
func (c *Cluster) applyInstallation(ctx context.Context, binary bool) error {
	root, err := repoRoot()
	if err != nil {
		return err
	}
	crds := []string{"crds", "test/composite/crd.yaml"}
	if binary {
		crds = append(crds, "test/composite/crd-binary.yaml")
	}
	for _, path := range crds {
		if _, err := c.Kubectl(ctx, "apply", "--filename="+filepath.Join(root, path)); err != nil {
			return err
		}
	}
	if _, err := c.Kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"); err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, "apply", "--filename="+filepath.Join(root, "manifests"))
	return err
}

func (c *Cluster) startHooks(ctx context.Context, observe func(Exchange)) error {
	kubeconfig, err := c.KubeconfigFor(ctx, operatorNamespace, operatorName)
	if err != nil {
		return err
	}
	env, err := c.operatorEnv(ctx)
	if err != nil {
		return err
	}
	hooks := &Hooks{cluster: c, kubeconfig: kubeconfig, env: env}
	c.operator.hooks = hooks
	if err := hooks.Restart(ctx); err != nil {
		return err
	}
	c.operator.proxy, err = newLoopbackServer(&serviceProxy{
		host: operatorHost, target: hooks.target, observe: observe, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}},
	})
	return err
}

// operatorEnv are the variables that the installed Deployment gives a value, as NAME=value.
func (c *Cluster) operatorEnv(ctx context.Context) ([]string, error) {
	deployment, err := c.Client().AppsV1().Deployments(operatorNamespace).Get(ctx, operatorName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read what the operator's container is given: %w", err)
	}
	var env []string
	for _, v := range deployment.Spec.Template.Spec.Containers[0].Env {
		if v.ValueFrom == nil {
			env = append(env, v.Name+"="+v.Value)
		}
	}
	return env, nil
}

// startMetacontroller runs the real one, with the limits that the README recommends. It reaches the API server directly: Go sends nothing
// that goes to loopback through a proxy.
func (c *Cluster) startMetacontroller(path string) (err error) {
	c.operator.metacontroller, err = c.launcher.start(command{
		name: "metacontroller", path: path, env: []string{"HTTP_PROXY=" + c.operator.proxy.url(), "NO_PROXY=", "no_proxy="},
		args: []string{
			"--kubeconfig=" + c.Kubeconfig(), "--discovery-interval=1s", "--workers=" + strconv.Itoa(workers),
			"--client-go-qps=200", "--client-go-burst=400",
			"--metrics-address=0", "--health-probe-bind-address=0",
		},
	})
	return err
}

func (c *Cluster) startDriver(options composite.Options) (err error) {
	proxy, err := url.Parse(c.operator.proxy.url())
	if err != nil {
		return fmt.Errorf("read the proxy's URL: %w", err)
	}
	if options.Workers == 0 {
		options.Workers = workers
	}
	options.HTTPClient = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyURL(proxy), MaxIdleConnsPerHost: 50, IdleConnTimeout: time.Minute},
	}
	c.operator.driver, err = composite.Start(c.background.context(), c.config, options)
	return err
}

// Hooks is the operator's process, nil before InstallOperator.
func (c *Cluster) Hooks() *Hooks { return c.operator.hooks }

// OperatorCPU is how many seconds of CPU time the processes of the operator have used since they started: hooks, and metacontroller
// where a real one runs. It reads /proc, so it needs Linux.
func (c *Cluster) OperatorCPU() (map[string]float64, error) {
	used := map[string]float64{}
	for _, p := range []*process{c.operator.hooks.current(), c.operator.metacontroller} {
		if p == nil {
			continue
		}
		running, err := procfs.NewProc(p.cmd.Process.Pid)
		if err != nil {
			return nil, fmt.Errorf("read how much CPU time %s has used: %w", p.name, err)
		}
		stat, err := running.Stat()
		if err != nil {
			return nil, fmt.Errorf("read how much CPU time %s has used: %w", p.name, err)
		}
		used[p.name] = stat.CPUTime()
	}
	return used, nil
}

// stop ends the operator: first who calls the hooks, then the hooks. The driver ends with the lab's background.
func (o *operator) stop() {
	o.metacontroller.stop(stopGrace)
	if o.driver != nil {
		o.driver.Wait()
	}
	o.hooks.stop()
	o.proxy.stop()
}
