package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// fileLock is an exclusive lock between processes. The kernel gives it back when its holder dies.
type fileLock struct{ file *os.File }

// tryLock takes the lock at path, or reports false if another process holds it.
func tryLock(path string) (*fileLock, bool, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &fileLock{file: file}, true, nil
	}
	if closeErr := file.Close(); closeErr != nil {
		return nil, false, fmt.Errorf("close lock file: %w", closeErr)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("lock %s: %w", path, err)
}

// waitLock takes the lock at path. It calls waiting once if another process holds it.
func waitLock(ctx context.Context, path string, waiting func()) (*fileLock, error) {
	lock, ok, err := tryLock(path)
	if ok || err != nil {
		return lock, err
	}
	waiting()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		case <-ticker.C:
		}
		lock, ok, err := tryLock(path)
		if ok || err != nil {
			return lock, err
		}
	}
}

// release gives the lock back; the file stays, so that two processes never hold locks on two files of one name.
func (l *fileLock) release() { _ = l.file.Close() }
