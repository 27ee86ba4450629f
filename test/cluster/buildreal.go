package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// ErrNoRealNodes is that this machine cannot run real nodes. The error that wraps it tells why.
var ErrNoRealNodes = errors.New("real nodes cannot run here")

// setupMissing is the exit status of test/realnode/setup if something is missing.
const setupMissing = 3

// BuildRealNodes makes what Build makes and what real nodes need besides, all cached: containerd, kubelet, kubeadm, the programs for
// container images, and the disk that VMs share (test/realnode/setup). The first time it takes half an hour on two cores. If this
// machine cannot run real nodes, the error is ErrNoRealNodes. The environment may name substitutes: see realnode.Substitutes.
func BuildRealNodes(ctx context.Context, log io.Writer) (Binaries, error) {
	root, err := repoRoot()
	if err != nil {
		return Binaries{}, err
	}
	files, err := realnode.Substitutes(os.Getenv)
	if err != nil {
		return Binaries{}, err
	}
	if err := setup(ctx, root, log); err != nil {
		return Binaries{}, err
	}
	binaries, err := Build(ctx, log)
	if err != nil {
		return Binaries{}, err
	}
	binaries.RealNodes = files
	kubernetes := builder{root: root, module: filepath.Join(root, "test", "controlplane"), log: log}
	if kubernetes.cache, err = kubernetes.cacheDir(); err != nil {
		return Binaries{}, err
	}
	lock, err := waitLock(ctx, filepath.Join(kubernetes.cache, "lock"), func() {
		fmt.Fprintln(log, "waiting for another build of the lab to finish")
	})
	if err != nil {
		return Binaries{}, err
	}
	defer lock.release()
	if err := kubernetes.realNodes(ctx, &binaries.RealNodes); err != nil {
		return Binaries{}, err
	}
	return binaries, realDisk(ctx, root, log, &binaries.RealNodes)
}

// realDisk makes the VMs' disk, in a folder in the cache that belongs to the versions of all that it is made of.
func realDisk(ctx context.Context, root string, log io.Writer, files *realnode.Files) error {
	tests := filepath.Join(root, "test", "realnode")
	parts := []string{
		filepath.Join(tests, "setup"), filepath.Join(tests, "vm", "startup.env"), filepath.Join(root, "manifests", "samples", "vm-startup.sh"),
		filepath.Join(root, "test", "controlplane", "go.sum"), filepath.Join(tests, "containerd", "go.sum"),
	}
	var crio []string
	if files.CRIO != "" {
		crio = append(crio, files.CRIO)
	}
	dir, err := cacheOf("disk"+files.TrainsWith, append(parts, crio...)...)
	if err != nil {
		return err
	}
	files.Root, files.Python = filepath.Join(dir, "root"), filepath.Join(dir, "python.tar")
	return setup(ctx, root, log, append([]string{dir, files.Bin}, crio...)...)
}

// setup runs test/realnode/setup.
func setup(ctx context.Context, root string, log io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(root, "test", "realnode", "setup"), args...)
	var said tailWriter
	command.Stdout, command.Stderr = log, io.MultiWriter(log, &said)
	err := command.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == setupMissing {
		return fmt.Errorf("%w: %s", ErrNoRealNodes, said.line)
	}
	if err != nil {
		return fmt.Errorf("make the disk of real nodes: %w: %s", err, said.line)
	}
	return nil
}

// tailWriter keeps the last line that was written.
type tailWriter struct{ line string }

func (w *tailWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.line = strings.TrimSpace(line)
	}
	return len(p), nil
}

// realNodes compiles kubelet and kubeadm, of the versions of the control plane, then containerd, then what goes into images.
func (b builder) realNodes(ctx context.Context, files *realnode.Files) error {
	containerd := builder{root: b.root, module: filepath.Join(b.root, "test", "realnode", "containerd"), log: b.log}
	bin, err := cacheOf("bin", filepath.Join(b.module, "go.sum"), filepath.Join(containerd.module, "go.sum"))
	if err != nil {
		return err
	}
	files.Bin, files.Static = bin, filepath.Join(bin, "static")
	b.cache, containerd.cache = bin, bin
	for _, target := range []struct {
		builder
		name, pkg string
		flags     []string
	}{
		{b, "kubelet", "k8s.io/kubernetes/cmd/kubelet", controlPlaneFlags()},
		{b, "kubeadm", "k8s.io/kubernetes/cmd/kubeadm", controlPlaneFlags()},
		{containerd, "containerd", "github.com/containerd/containerd/v2/cmd/containerd", containerdFlags()},
		{containerd, "containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", containerdFlags()},
		{containerd, "ctr", "github.com/containerd/containerd/v2/cmd/ctr", containerdFlags()},
	} {
		if err := target.once(ctx, target.name, target.pkg, target.flags); err != nil {
			return err
		}
	}
	return b.static(ctx, files.Static)
}

// containerdFlags leave out the snapshotters that need more than overlayfs.
func containerdFlags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags=no_btrfs no_zfs no_devmapper"}
}

// static compiles programs of this checkout that run alone in a container's image. Where Go has a C compiler, that one links them, so
// that the packages that are compiled for all else serve here, too.
func (b builder) static(ctx context.Context, dir string) error {
	cgo, err := b.goCommand(ctx, b.root, "env", "CGO_ENABLED").Output()
	if err != nil {
		return fmt.Errorf("ask go for CGO_ENABLED: %w", err)
	}
	link := "-s -w"
	if strings.TrimSpace(string(cgo)) == "1" {
		link += " -linkmode=external -extldflags=-static"
	}
	args := []string{
		"build", "-v", "-buildvcs=false", "-ldflags=" + link, "-o", dir + "/",
		"./cmd/node-agent", "./test/realnode/agent", "./test/realnode/pause",
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of static programs: %w", err)
	}
	return b.compile(ctx, newProgress(b.log, "building what goes into images", 0), b.root, args)
}

// cacheOf is a folder in the cache that belongs to the content of these files.
func cacheOf(prefix string, files ...string) (string, error) {
	sum := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("choose a folder in the cache: %w", err)
		}
		fmt.Fprintf(sum, "%d\n%s", len(content), content)
	}
	dir := filepath.Join(cacheBase(), prefix+"-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	return dir, nil
}
