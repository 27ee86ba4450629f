package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// kubernetesVersion is what the control plane says it is; clients refuse a server that says nothing. It is the
// version of k8s.io/kubernetes in test/controlplane/go.mod.
const kubernetesVersion = "v1.36.3"

// Binaries are the programs that the lab runs, as paths of executables.
type Binaries struct {
	ControlPlane string // etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl as sub-commands
	Kwok         string
	Hooks        string // cmd/hooks of this checkout; empty after BuildControlPlane
	// RealNodes are what BuildRealNodes makes besides, else empty.
	RealNodes realnode.Files
}

// Build compiles all of the lab's programs with the go command; see BuildControlPlane.
func Build(ctx context.Context, log io.Writer) (Binaries, error) {
	return build(ctx, log, true)
}

// BuildControlPlane compiles the control plane and kwok and caches them in the user's cache directory, by the hash
// of their module and flags: the first time takes ten to fifteen minutes on two cores, after that nothing. It may run
// in several processes at once. log gets the progress: one line that is updated if it is a terminal, else a line
// now and then. Binaries.Hooks stays empty: such a cluster cannot InstallOperator.
func BuildControlPlane(ctx context.Context, log io.Writer) (Binaries, error) {
	return build(ctx, log, false)
}

func build(ctx context.Context, log io.Writer, withHooks bool) (Binaries, error) {
	root, err := repoRoot()
	if err != nil {
		return Binaries{}, err
	}
	b := builder{root: root, module: filepath.Join(root, "test", "controlplane"), log: log}
	if b.cache, err = b.cacheDir(); err != nil {
		return Binaries{}, err
	}
	lock, err := waitLock(ctx, filepath.Join(b.cache, "lock"), func() {
		fmt.Fprintln(log, "waiting for another build of the lab to finish")
	})
	if err != nil {
		return Binaries{}, err
	}
	defer lock.release()
	if err := b.controlPlane(ctx); err != nil {
		return Binaries{}, err
	}
	binaries := Binaries{ControlPlane: b.path("controlplane"), Kwok: b.path("kwok")}
	if !withHooks {
		return binaries, nil
	}
	binaries.Hooks = b.path("hooks")
	return binaries, b.hooks(ctx)
}

// builder is one run of Build.
type builder struct {
	root   string // of the checkout
	module string // test/controlplane
	cache  string
	log    io.Writer
}

func (b builder) path(name string) string { return filepath.Join(b.cache, name) }

// cacheDir makes and returns the directory for binaries of exactly this module, these flags and this toolchain.
func (b builder) cacheDir() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, controlPlaneFlags())
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		content, err := os.ReadFile(filepath.Join(b.module, name))
		if err != nil {
			return "", fmt.Errorf("read the control plane's module: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
	}
	dir := filepath.Join(cacheBase(), hex.EncodeToString(sum.Sum(nil))[:16])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	return dir, nil
}

// cacheBase is the folder of all that is cached.
func cacheBase() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	return filepath.Join(base, "spot-instance-training-operator")
}

// controlPlaneFlags are the flags of go build. -trimpath makes Go's own cache serve every checkout.
func controlPlaneFlags() []string {
	ld := "-s -w" +
		" -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
		" -X k8s.io/component-base/version.gitMajor=1" +
		" -X k8s.io/component-base/version.gitMinor=36" +
		" -X k8s.io/client-go/pkg/version.gitVersion=" + kubernetesVersion
	return []string{"-trimpath", "-buildvcs=false", "-ldflags=" + ld}
}

// controlPlane builds what is not cached yet.
func (b builder) controlPlane(ctx context.Context) error {
	targets := []struct{ name, pkg string }{{"controlplane", "."}, {"kwok", "sigs.k8s.io/kwok/cmd/kwok"}}
	for _, target := range targets {
		if err := b.once(ctx, target.name, target.pkg, controlPlaneFlags()); err != nil {
			return err
		}
	}
	return nil
}

// once builds a package of the module, unless that is cached.
func (b builder) once(ctx context.Context, name, pkg string, flags []string) error {
	if _, err := os.Stat(b.path(name)); err == nil {
		return nil
	}
	args := append([]string{"build", "-v"}, flags...)
	args = append(args, "-o", b.path(name+".new"), pkg)
	total, err := b.countPackages(ctx, pkg)
	if err != nil {
		return err
	}
	if err := b.compile(ctx, newProgress(b.log, "building "+name, total), b.module, args); err != nil {
		return err
	}
	if err := os.Rename(b.path(name+".new"), b.path(name)); err != nil {
		return fmt.Errorf("cache %s: %w", name, err)
	}
	return nil
}

// hooks builds cmd/hooks. The go command leaves hooks.new alone if nothing changed and replaces the file if
// something did, so hooks can be a second name of the same file that is swapped in one step, under the feet of
// processes that run the old one.
func (b builder) hooks(ctx context.Context) error {
	latest, link := b.path("hooks.new"), b.path("hooks.link")
	args := []string{"build", "-v", "-buildvcs=false", "-o", latest, "./cmd/hooks"}
	if err := b.compile(ctx, newProgress(b.log, "building hooks", 0), b.root, args); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cache hooks: %w", err)
	}
	if err := os.Link(latest, link); err != nil {
		return fmt.Errorf("cache hooks: %w", err)
	}
	if err := os.Rename(link, b.path("hooks")); err != nil {
		return fmt.Errorf("cache hooks: %w", err)
	}
	return nil
}

// compile runs the go command and shows its progress. With -v it prints the name of each package it compiles.
func (b builder) compile(ctx context.Context, p *progress, dir string, args []string) error {
	cmd := b.goCommand(ctx, dir, args...)
	cmd.Stderr = p
	stop := p.start()
	err := cmd.Run()
	stop()
	if err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, p.tail())
	}
	return nil
}

// countPackages is how many packages go into pkg, at most that many are compiled.
func (b builder) countPackages(ctx context.Context, pkg string) (int, error) {
	cmd := b.goCommand(ctx, b.module, "list", "-deps", pkg)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("go list -deps %s: %w\n%s", pkg, err, stderr.String())
	}
	return strings.Count(string(out), "\n"), nil
}

// goCommand is the go command of PATH, outside any workspace.
func (b builder) goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return cmd
}
