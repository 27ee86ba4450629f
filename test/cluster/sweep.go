package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Names of a lab's data directory and of the files in it by which a later lab knows whether it is in use.
const (
	dataPrefix = "spot-lab-"
	ownerLock  = "owner.lock"
	pidFile    = "pids"
)

// newDataDir makes a data directory and the lock that marks it as in use until this process ends.
func newDataDir() (string, *fileLock, error) {
	dir, err := os.MkdirTemp("", dataPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("make the lab's data directory: %w", err)
	}
	lock, free, err := tryLock(filepath.Join(dir, ownerLock))
	if err == nil && !free {
		err = fmt.Errorf("another lab swept %s while it was being made: start again", dir)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// sweep ends the processes and removes the data directories of labs whose owner has died.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dataPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for labs left over: %w", err)
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, sweepDir(dir))
	}
	return errors.Join(errs...)
}

func sweepDir(dir string) error {
	// A directory without a lock file is not a lab's, or is one that is being made or removed right now.
	if _, err := os.Stat(filepath.Join(dir, ownerLock)); err != nil {
		return nil
	}
	lock, free, err := tryLock(filepath.Join(dir, ownerLock))
	if err != nil || !free {
		return nil // someone else's, or in use
	}
	defer lock.release()
	for _, pid := range recordedPids(dir) {
		if belongsTo(pid, dir) {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove a lab left over: %w", err)
	}
	return nil
}

func recordedPids(dir string) []int {
	content, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(content)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// belongsTo reports whether the process is a child of the lab in dir and not a later one of the same number: every
// child has a file of its data directory on its command line.
func belongsTo(pid int, dir string) bool {
	out, err := exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "command=").Output()
	return err == nil && strings.Contains(string(out), dir)
}
