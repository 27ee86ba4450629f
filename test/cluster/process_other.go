//go:build !linux

package cluster

import "syscall"

// childAttributes put a child into a process group of its own. This kernel does not end children with their parent:
// after a crash the next lab does, see sweep.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
