package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// repoRoot is the directory of the checkout: the first directory, from the working directory upwards, that holds
// test/controlplane, else the one this file was compiled from.
func repoRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	if root, ok := above(dir); ok {
		return root, nil
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if root, ok := above(filepath.Dir(file)); ok {
			return root, nil
		}
	}
	return "", fmt.Errorf("no directory above %s holds test/controlplane: run this inside a checkout of the repository", dir)
}

func above(dir string) (string, bool) {
	for {
		_, err := os.Stat(filepath.Join(dir, "test", "controlplane", "go.mod"))
		if !errors.Is(err, fs.ErrNotExist) {
			return dir, err == nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
