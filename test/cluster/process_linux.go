package cluster

import "syscall"

// childAttributes put a child into a process group of its own and have the kernel kill it when the thread that
// started it ends, which is when this process ends, by whatever cause.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
