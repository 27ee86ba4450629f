package realnode

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Substitutes are the programs that the environment wants in place of others, both built outside this repository: CRIO in place of
// containerd, CHECKPOINT_AGENT in place of the tests' checkpoint agent.
func Substitutes(getenv func(string) string) (Files, error) {
	var files Files
	var err error
	if files.CRIO, err = program("CRIO", getenv("CRIO")); err != nil {
		return Files{}, err
	}
	if files.Agent, err = program("CHECKPOINT_AGENT", getenv("CHECKPOINT_AGENT")); err != nil {
		return Files{}, err
	}
	if files.CRIO == "" {
		return files, nil
	}
	pinns := filepath.Join(filepath.Dir(files.CRIO), "pinns")
	if _, err := program("CRIO", pinns); err != nil {
		return Files{}, fmt.Errorf("%w: CRI-O needs its pinns in the same folder, where its own build puts both", err)
	}
	return files, nil
}

// program is the absolute path of an executable file that a variable of the environment names, if it does.
func program(variable, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s=%s: %w", variable, path, err)
	}
	info, err := os.Stat(absolute)
	if err != nil {
		return "", fmt.Errorf("%s=%s: %w", variable, path, err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s=%s: this is no executable file", variable, path)
	}
	return absolute, nil
}

// Check runs CRI-O on the VMs' disk, if there is one: its libraries must be there.
func (f Files) Check(ctx context.Context) error {
	if f.CRIO == "" {
		return nil
	}
	// The mount goes with the namespace of the shell.
	const inRoot = `mount --bind "$2" "$1/opt" && exec chroot "$1" "/opt/$3" --version`
	out, err := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", inRoot, "sh", f.Root, filepath.Dir(f.CRIO), filepath.Base(f.CRIO)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("CRIO=%s does not run on the VMs' disk, Debian with %s: link it statically, or with libraries that are there: %w: %s",
			f.CRIO, strings.Join(f.DebianPackages(), " and "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
