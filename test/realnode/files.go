package realnode

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// vm holds what is on a VM.
//
//go:embed vm
var vm embed.FS

// script is the content of a file of vm/.
func script(name string) string {
	content, err := vm.ReadFile("vm/" + name)
	if err != nil {
		panic(err) // embedded, so it is there
	}
	return string(content)
}

// architecture is that of this machine, which the VMs share.
const architecture = runtime.GOARCH

//go:embed training/train.py
var trainingProgram string

//go:embed training/holds.py
var trainingHolds string

// Training is the image of the training program: Python, what it is written with, train.py and holds.py.
func (f Files) Training(image string) Image {
	return Image{
		Name: image, Layer: f.Python, Files: map[string][]byte{"/train.py": []byte(trainingProgram), "/holds.py": []byte(trainingHolds)},
		Entrypoint: []string{"python", "/train.py"}, Env: []string{f.trainsWith()},
	}
}

// trainsWith tells the training program what it is written with. It is no argument: the templates of Jobs have a command of their own.
func (f Files) trainsWith() string { return "TRAINS_WITH=" + f.TrainsWith }

// TrainUndisturbed runs the training program on this machine, with the Python of the image, and returns what it printed.
func (f Files) TrainUndisturbed(ctx context.Context, env ...string) (string, error) {
	command := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", // PyTorch reads in /proc which kernels the CPU can run
		`mount -t proc none "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" python3 -`, f.Root)
	command.Stdin = strings.NewReader(trainingProgram)
	command.Env = append(os.Environ(), append(env, f.trainsWith(), "FAST=1")...)
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("train undisturbed: %w", err)
	}
	return string(out), nil
}
