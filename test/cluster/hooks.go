package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
)

// pricesFile stands in for the operator's ConfigMap gce-prices.
const pricesFile = "prices.csv"

// Hooks is the operator's own process.
type Hooks struct {
	cluster    *Cluster
	kubeconfig string // of the operator's ServiceAccount
	env        []string

	mu      sync.Mutex
	process *process
	address atomic.Value // string, host:port; outside of mu, so that calls do not wait for a restart
}

// Kill ends the process at once, whatever it is doing.
func (h *Hooks) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.process.kill()
	h.process = nil
}

// Restart ends the process, if it runs, and starts it again. It returns when the hooks are ready.
func (h *Hooks) Restart(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.process.kill()
	const attempts = 3
	for attempt := 1; ; attempt++ {
		err := h.start(ctx)
		if err == nil || attempt == attempts || ctx.Err() != nil {
			return err
		}
		h.process.kill() // somebody else took the port; another one is free
	}
}

func (h *Hooks) start(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	h.address.Store(address)
	h.process, err = h.cluster.launcher.start(command{name: "hooks", path: h.cluster.binaries.Hooks, args: []string{
		"--listen=" + address, "--kubeconfig=" + h.kubeconfig, "--gce-endpoint=" + h.cluster.GCEEndpoint(),
		"--prices=" + h.cluster.file(pricesFile),
	}, env: h.env})
	if err != nil {
		return err
	}
	p := h.process
	return h.cluster.await(ctx, "the hooks to be ready", func(ctx context.Context) error {
		if !p.running() {
			return p.failure("waiting for it to be ready")
		}
		return probe(ctx, "http://"+address+"/readyz")
	})
}

// Run runs another process of the same program with these arguments, as a ServiceAccount of the operator's namespace, and returns
// what it has printed once it has ended.
func (h *Hooks) Run(ctx context.Context, serviceAccount string, args ...string) (string, error) {
	kubeconfig, err := h.cluster.KubeconfigFor(ctx, operatorNamespace, serviceAccount)
	if err != nil {
		return "", err
	}
	args = append(slices.Clone(args), "--kubeconfig="+kubeconfig, "--gce-endpoint="+h.cluster.GCEEndpoint())
	out, err := exec.CommandContext(ctx, h.cluster.binaries.Hooks, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("hooks %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

// LogPath is the file that the hooks log to, across restarts.
func (h *Hooks) LogPath() string { return h.cluster.file("hooks.log") }

// URL is where the hooks answer, until they are restarted.
func (h *Hooks) URL() string { return "http://" + h.target() }

// target is where the hooks listen, or will.
func (h *Hooks) target() string {
	address, _ := h.address.Load().(string)
	return address
}

// current is the process that runs now.
func (h *Hooks) current() *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.process
}

func (h *Hooks) stop() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.process.stop(stopGrace)
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// probe wants a 200.
func probe(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("probe %s: %w", url, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return fmt.Errorf("probe %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New("probe " + url + ": " + answer.Status)
	}
	return nil
}
