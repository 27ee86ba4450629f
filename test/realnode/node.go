package realnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// VM is what a Node boots from.
type VM struct {
	ID       string // numeric, of GCE
	Name     string // also the host name
	Address  string // internal IP
	Metadata http.Handler
}

// Node is a VM that has power.
type Node struct {
	host    *Host
	vm      VM
	dir     string
	doors   []*door
	process Process
	off     sync.Once
}

// folders are what the VM's init expects in its folder.
var folders = []string{"upper", "work", "root", "containerd", "containers", "kubelet", "log", "sockets"}

// Boot gives a VM power. It returns when its first process runs; Console tells how its startup script fares.
func (h *Host) Boot(vm VM) (*Node, error) {
	n := &Node{host: h, vm: vm, dir: filepath.Join(h.Logs(), vm.ID)}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(n.dir, folder), 0o755); err != nil {
			return nil, fmt.Errorf("make the disk of VM %s: %w", vm.Name, err)
		}
	}
	if err := n.writeDisk(); err != nil {
		return nil, fmt.Errorf("write the disk of VM %s: %w", vm.Name, err)
	}
	h.mu.Lock()
	h.nodes = append(h.nodes, n)
	h.mu.Unlock()
	if err := n.openDoors(); err != nil {
		return n, err
	}
	var err error
	n.process, err = h.config.Launch(n.program())
	return n, err
}

// program is the VM: its init, in namespaces of its own that end with it.
func (n *Node) program() Program {
	_, port, _ := net.SplitHostPort(n.host.config.APIServer)
	return Program{
		Name: "vm-" + n.vm.Name, Path: "unshare",
		Args: []string{
			"--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
			// Nothing of this process's environment is the VM's: a TMPDIR, say, that does not exist there.
			"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
			"LAB_ROOT=" + n.host.config.Files.Root, "LAB_CGROUP=" + n.cgroup(), "LAB_ADDRESS=" + n.vm.Address, "LAB_API=" + port,
			"bash", filepath.Join(n.dir, "init"), n.dir, n.vm.Name,
		},
	}
}

func (n *Node) cgroup() string { return n.host.cgroup + "/" + n.vm.ID }

// writeDisk writes what is different from VM to VM, and what makes the shared disk the disk of one.
func (n *Node) writeDisk() error {
	files := map[string]string{
		"upper/etc/hosts":                      "127.0.0.1 localhost " + n.vm.Name + "\n127.0.0.2 " + DockerHub + "\n",
		"upper/etc/ssl/certs/lab.pem":          string(n.host.config.Authority),
		"upper/etc/hostname":                   n.vm.Name + "\n",
		"upper/etc/default/kubelet":            "KUBELET_EXTRA_ARGS='--cgroup-root=/" + n.cgroup() + " --node-ip=" + n.vm.Address + " --v=2'\n",
		"upper/etc/cni/net.d/10-lab.conflist":  script("cni.conflist"),
		"upper/etc/containers/registries.conf": script("registries.conf"),
		"upper/usr/local/bin/systemctl":        script("systemctl"),
		"upper/usr/local/sbin/kubeadm":         script("kubeadm"),
		"init":                                 script("init"),
	}
	for path, name := range n.host.config.Files.runtime().files {
		files["upper/"+path] = script(name)
	}
	for name, content := range files {
		path := filepath.Join(n.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// openDoors makes the sockets by which the VM reaches what it needs.
func (n *Node) openDoors() error {
	for name, open := range map[string]func(net.Listener) *door{
		"api":      func(l net.Listener) *door { return forwardTo(l, n.host.config.APIServer) },
		"registry": func(l net.Listener) *door { return serve(l, n.host.registry) },
		"dockerhub": func(l net.Listener) *door {
			return serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{n.host.config.DockerHub}, MinVersion: tls.VersionTLS12}), n.host.registry)
		},
		"metadata": func(l net.Listener) *door { return serve(l, n.vm.Metadata) },
	} {
		listener, err := net.Listen("unix", filepath.Join(n.dir, "sockets", name))
		if err != nil {
			return fmt.Errorf("listen for VM %s: %w", n.vm.Name, err)
		}
		n.doors = append(n.doors, open(listener))
	}
	return nil
}

// Run runs a command on the VM, as root, and returns what it printed.
func (n *Node) Run(ctx context.Context, command ...string) (string, error) {
	pid, err := n.init()
	if err != nil {
		return "", err
	}
	args := append([]string{
		"--target", pid, "--mount", "--net", "--pid", "--uts", "--ipc",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
	}, command...)
	var said strings.Builder
	run := exec.CommandContext(ctx, "nsenter", args...)
	run.Stderr = &said
	out, err := run.Output()
	if err != nil {
		return "", fmt.Errorf("run %s on VM %s: %w: %s", command[0], n.vm.Name, err, said.String())
	}
	return string(out), nil
}

// PowerOff ends everything on the VM at once, as a preemption does, and removes its disk. Its logs stay until the Host is closed.
func (n *Node) PowerOff() {
	if n == nil {
		return
	}
	n.off.Do(func() {
		n.killInit()
		for _, d := range n.doors {
			d.close()
		}
		// What containers printed stays.
		_ = os.Rename(filepath.Join(n.dir, podLogs), filepath.Join(n.dir, "log", "pods"))
		for _, folder := range folders {
			if folder != "log" {
				_ = os.RemoveAll(filepath.Join(n.dir, folder)) // what a dying process still holds, the janitor removes
			}
		}
		n.removeCgroups()
	})
}

// removeCgroups removes the VM's cgroups of all hierarchies. One that is in use a little longer is left to the janitor.
func (n *Node) removeCgroups() {
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		tops, _ := filepath.Glob(pattern + n.cgroup()) // the pattern is well formed
		for _, top := range tops {
			var found []string
			_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					found = append(found, path)
				}
				return nil
			})
			for _, path := range slices.Backward(found) {
				_ = os.Remove(path)
			}
		}
	}
}

// killInit kills the VM's first process. The kernel then ends all others of the VM before that one is gone. A power cut in the middle
// of a checkpoint leaves the container frozen, and on cgroup v1 what is frozen cannot be killed: so it is thawed.
func (n *Node) killInit() {
	if n.process == nil {
		return
	}
	if pid, err := n.init(); err == nil {
		if number, err := strconv.Atoi(pid); err == nil {
			_ = syscall.Kill(number, syscall.SIGKILL)
		}
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); n.thaw() {
		select {
		case <-n.process.Exited():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	n.process.Kill()
}

// thaw lets frozen containers of the VM go on, if only to die.
func (n *Node) thaw() {
	_ = filepath.WalkDir("/sys/fs/cgroup/freezer/"+n.cgroup(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "freezer.state" {
			_ = os.WriteFile(path, []byte("THAWED"), 0o600) // gone with its container, or thawed the next time
		}
		return nil
	})
}

// podLogs is the folder of the containers' logs while the VM has power, below the VM's own.
const podLogs = "upper/var/log/pods"

// PodLogs are the logs of all containers of a namespace on all VMs that ever were, by pod: each name is NAMESPACE_POD_UID.
func (h *Host) PodLogs(namespace string) (map[string]string, error) {
	logs := map[string]string{}
	for _, folder := range []string{podLogs, "log/pods"} {
		files, err := filepath.Glob(filepath.Join(h.Logs(), "*", folder, namespace+"_*", "*", "*.log"))
		if err != nil {
			return nil, fmt.Errorf("look for the logs of containers: %w", err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, os.ErrNotExist) { // its VM has just lost its power
				return nil, fmt.Errorf("read the log of a container: %w", err)
			}
			logs[filepath.Base(filepath.Dir(filepath.Dir(file)))] += string(content)
		}
	}
	return logs, nil
}

// init is the pid of the VM's first process, as seen from here.
func (n *Node) init() (string, error) {
	if n == nil || n.process == nil {
		return "", errors.New("the VM never had power")
	}
	pid := strconv.Itoa(n.process.Pid())
	children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return "", fmt.Errorf("VM %s has no power: %w", n.vm.Name, err)
	}
	child, _, _ := strings.Cut(string(children), " ")
	if child == "" {
		return "", fmt.Errorf("VM %s has no process", n.vm.Name)
	}
	return child, nil
}
