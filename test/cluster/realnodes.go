package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// realNodes boots the VMs of the fake Compute Engine as real nodes, in place of the Hypervisor's guests.
type realNodes struct {
	cluster  *Cluster
	host     *realnode.Host
	registry *loopbackServer

	mu       sync.Mutex
	nodes    map[string]*realnode.Node // by numeric VM id
	progress map[string]time.Duration  // by image
}

// startRealNodes starts what real nodes share: their registry, with the images that they need, and the checkpoint agents.
func (c *Cluster) startRealNodes(ctx context.Context) error {
	dockerHub, err := c.authority.serving(realnode.DockerHub)
	if err != nil {
		return err
	}
	host, err := realnode.NewHost(realnode.Config{
		Files: c.binaries.RealNodes, Dir: c.file("real"), APIServer: c.endpoint(), Launch: c.launch,
		Authority: c.authority.pem, DockerHub: dockerHub,
	})
	if err != nil {
		return err
	}
	c.real = &realNodes{cluster: c, host: host, nodes: map[string]*realnode.Node{}, progress: map[string]time.Duration{}}
	if c.real.registry, err = newLoopbackServer(host.Registry()); err != nil {
		return err
	}
	if err := c.pushImages(); err != nil {
		return err
	}
	return c.initCluster(ctx)
}

// launch starts a process that ends with the lab.
func (c *Cluster) launch(p realnode.Program) (realnode.Process, error) {
	started, err := c.launcher.start(command{name: p.Name, path: p.Path, args: p.Args})
	if err != nil {
		return nil, err
	}
	return launched{started}, nil
}

// launched is a process of a real node.
type launched struct{ *process }

func (l launched) Kill()                   { l.kill() }
func (l launched) Pid() int                { return l.cmd.Process.Pid }
func (l launched) Exited() <-chan struct{} { return l.exited }

// initCluster does what kubeadm init leaves in a cluster for those who join it: two configurations, and who may read them. It runs
// kubeadm itself.
func (c *Cluster) initCluster(ctx context.Context) error {
	config := strings.NewReplacer(
		"@VERSION@", kubernetesVersion, "@ENDPOINT@", c.endpoint(), "@LEASE@", fmt.Sprint(c.timing.leaseSeconds()),
	).Replace(c.binaries.RealNodes.InitConfiguration())
	path := c.file("kubeadm.yaml")
	if err := writeSecret(path, []byte(config)); err != nil {
		return err
	}
	kubeadm := filepath.Join(c.binaries.RealNodes.Bin, "kubeadm")
	for _, phase := range [][]string{{"upload-config", "kubeadm"}, {"upload-config", "kubelet"}, {"bootstrap-token", "--skip-token-print"}} {
		args := append([]string{"init", "phase"}, phase...)
		if out, err := exec.CommandContext(ctx, kubeadm, append(args, "--kubeconfig="+c.Kubeconfig(), "--config="+path)...).CombinedOutput(); err != nil {
			return fmt.Errorf("kubeadm %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// handle is called for each event of the fake, in order. What takes time runs in the background.
func (r *realNodes) handle(event gcefake.Event) {
	h := r.cluster.hypervisor
	switch event.Kind {
	case gcefake.Running:
		g := h.add(event.VM)
		r.cluster.background.run(func(context.Context) { r.boot(g) })
	case gcefake.Notice:
		if g := h.guest(event.VM.ID); g != nil {
			close(g.noticed)
		}
	case gcefake.Stopped, gcefake.Gone:
		if g := h.guest(event.VM.ID); g != nil {
			r.powerOff(g)
		}
	}
}

// boot gives the VM power. Its startup script does the rest; what is done for it here is what GPUs and their driver would do.
func (r *realNodes) boot(g *guest) {
	machine := r.cluster.hypervisor.machine(g.vm)
	if machine.NeverJoins || !sleep(g.powered, machine.JoinAfter) {
		return
	}
	g.mu.Lock()
	if !g.off {
		node, err := r.host.Boot(realnode.VM{
			ID: g.vm.ID, Name: g.vm.Name, Address: g.vm.InternalIP, Metadata: r.metadataOf(g),
		})
		if err != nil {
			g.console = append(g.console, err.Error())
			fmt.Fprintf(r.cluster.log, "lab: VM %s does not boot: %v\n", g.vm.Name, err)
		}
		r.mu.Lock()
		r.nodes[g.vm.ID] = node
		r.mu.Unlock()
	}
	g.mu.Unlock()
	if err := r.showGPUs(g, machine); err != nil && g.powered.Err() == nil {
		fmt.Fprintf(r.cluster.log, "lab: VM %s: %v\n", g.vm.Name, err)
	}
}

// metadataOf is the metadata server that one VM sees.
func (r *realNodes) metadataOf(g *guest) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		request.URL.Path = "/" + g.vm.ID + request.URL.Path
		metadataServer{r.cluster.hypervisor}.ServeHTTP(w, request)
	})
}

// showGPUs waits for the Node that the VM becomes, and reports its GPUs there, as NVIDIA's device plugin would.
func (r *realNodes) showGPUs(g *guest, machine Machine) error {
	nodes := r.cluster.client.CoreV1().Nodes()
	for sleep(g.powered, 200*time.Millisecond) {
		_, err := nodes.Get(g.powered, g.vm.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for its Node: %w", err)
		}
		g.mu.Lock()
		g.node = g.vm.Name
		g.mu.Unlock()
		gpus := gpusOf(g.vm.Spec)
		if machine.WithoutGPUs || gpus == 0 {
			return nil
		}
		patch := fmt.Appendf(nil, `{"status":{"capacity":{%q:"%d"},"allocatable":{%q:"%d"}}}`, resourceGPU, gpus, resourceGPU, gpus)
		if _, err := nodes.Patch(g.powered, g.vm.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			return fmt.Errorf("report its GPUs: %w", err)
		}
		return nil
	}
	return nil
}

// powerOff ends everything on the VM without a word to anybody.
func (r *realNodes) powerOff(g *guest) {
	g.cut()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.off {
		return
	}
	g.off = true
	if node := r.node(g.vm.ID); node != nil {
		r.cluster.background.run(func(context.Context) { node.PowerOff() })
	}
}

func (r *realNodes) node(id string) *realnode.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[id]
}

// console is what a VM printed, its init and its startup script, and the end of the kubelet's log.
func (r *realNodes) console(vm gcefake.VM) []string {
	if r == nil {
		return nil
	}
	content, err := os.ReadFile(r.cluster.file("vm-" + vm.Name + ".log"))
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

func (r *realNodes) stop(log io.Writer) {
	if r == nil {
		return
	}
	if err := r.host.Close(); err != nil {
		fmt.Fprintf(log, "lab: %v\n", err)
	}
	r.registry.stop()
}
