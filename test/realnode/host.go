package realnode

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Files are what VMs and container images are made of.
type Files struct {
	Root   string // the disk that all VMs share, as setup leaves it
	Python string // the layer of an image: Python and what the training is written with
	Bin    string // the folder of kubelet, kubeadm and what is in containerd's release, as they are on that disk
	Static string // the folder of static programs for images: pause, node-agent, agent
	CRIO   string // the binary of CRI-O, with pinns in the same folder; empty for containerd of Bin
	Agent  string // the binary of the real checkpoint agent; empty for agent of Static
	// TrainsWith is what the training is written with: torch; empty for numpy.
	TrainsWith string
}

// Config is what all VMs of a Host have in common.
type Config struct {
	Files     Files
	Dir       string // for disks and logs, made and removed by the Host; not on overlayfs
	APIServer string // host:port, on this machine's loopback; its port is the same on the VMs
	Authority []byte // the certificate, as PEM, that the VMs trust, and has issued DockerHub
	DockerHub tls.Certificate
	// Launch starts a process that ends with this process, however that ends.
	Launch func(Program) (Process, error)
}

// DockerHub is the registry of images that name none. The VMs have one there, too: containerd pulls the base image of a checkpoint
// from where its name says, and not by way of the mirror that it pulls all others by.
const DockerHub = "registry-1.docker.io"

// Program is a process to be started.
type Program struct {
	Name string // of its log
	Path string
	Args []string
}

// Process is one that runs. Kill ends it at once and returns when it is gone. Exited is closed when it has ended, however.
type Process interface {
	Pid() int
	Exited() <-chan struct{}
	Kill()
}

// Host boots VMs.
type Host struct {
	config   Config
	registry http.Handler
	cgroup   string // of all VMs, below every hierarchy
	janitor  *exec.Cmd
	alive    *os.File // closed when this process ends, whatever the cause: then the janitor cleans up

	mu    sync.Mutex
	nodes []*Node
}

// NewHost makes a Host. Close must be called: it ends the VMs and leaves nothing behind. If this process dies, that happens too.
func NewHost(config Config) (*Host, error) {
	h := &Host{config: config, cgroup: "lab-" + filepath.Base(filepath.Dir(config.Dir))}
	if err := os.MkdirAll(filepath.Join(config.Dir, "registry"), 0o700); err != nil {
		return nil, fmt.Errorf("make the VMs' folder: %w", err)
	}
	h.registry = newRegistry(filepath.Join(config.Dir, "registry"))
	if err := h.startJanitor(); err != nil {
		return nil, err
	}
	return h, nil
}

// startJanitor starts the process that outlives this one. It reads from a pipe that this process alone can write to.
func (h *Host) startJanitor() error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the janitor: %w", err)
	}
	defer func() { _ = read.Close() }()
	h.janitor = exec.Command("bash", "-c", script("janitor"), "janitor", h.config.Dir, h.cgroup)
	h.janitor.Stdin = read
	h.janitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ctrl-C does not reach it
	if err := h.janitor.Start(); err != nil {
		_ = write.Close()
		return fmt.Errorf("start the janitor: %w", err)
	}
	h.alive = write
	return nil
}

// Close cuts the power of all VMs and removes what is left of them.
func (h *Host) Close() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	nodes := h.nodes
	h.mu.Unlock()
	for _, n := range nodes {
		n.PowerOff()
	}
	_ = h.alive.Close()
	ended := make(chan error, 1)
	go func() { ended <- h.janitor.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("the disks and cgroups of the VMs are not removed yet: %s", h.config.Dir)
	}
}

// Logs is the folder with a folder of logs for each VM, by its numeric id.
func (h *Host) Logs() string { return filepath.Join(h.config.Dir, "vms") }
