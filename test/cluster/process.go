package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child that runs until it is stopped.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when it has ended and been waited for
	err     error         // how it ended; read after exited
}

// command is a child to be started.
type command struct {
	name string // also the name of its log file
	path string
	args []string
	env  []string // in addition to this process's own
}

// launcher starts children from one operating system thread that lives as long as the launcher: Linux kills a child
// when the thread that started it ends, and Go ends threads as it likes.
type launcher struct {
	dir   string // for logs and the pid file
	calls chan func()
	close func()
}

// newLauncher makes a launcher whose children log into dir. On Linux they die with this process, however it ends;
// elsewhere, and to be sure, dir/pids lists them for the next lab to clean up.
func newLauncher(dir string) *launcher {
	calls := make(chan func())
	go func() {
		// Never unlocked: the thread ends with this goroutine, and with it the last of the children.
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return &launcher{dir: dir, calls: calls, close: sync.OnceFunc(func() { close(calls) })}
}

// start starts a child in a process group of its own, so that a ctrl-C on the terminal reaches only this process,
// which ends its children in order. A new start of the same name appends to the same log.
func (l *launcher) start(c command) (*process, error) {
	p := &process{name: c.name, logPath: filepath.Join(l.dir, c.name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Dir = l.dir
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()
	result := make(chan error)
	l.calls <- func() { result <- p.cmd.Start() }
	if err := <-result; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, l.record(p.cmd.Process.Pid)
}

// record appends a pid to the pid file.
func (l *launcher) record(pid int) error {
	file, err := os.OpenFile(filepath.Join(l.dir, pidFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("record a child: %w", err)
	}
	_, err = fmt.Fprintln(file, pid)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("record a child: %w", err)
	}
	return nil
}

// running reports whether the child has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop asks the child to end, and after grace ends it and its process group. It returns when the child is gone.
func (p *process) stop(grace time.Duration) {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(grace):
	}
	p.kill()
}

// kill ends the child and its process group at once and returns when the child is gone.
func (p *process) kill() {
	if p == nil {
		return
	}
	// The group outlives its leader if a grandchild does not end with it.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// stopAll stops the children at the same time.
func stopAll(grace time.Duration, children ...*process) {
	var wait sync.WaitGroup
	for _, p := range children {
		wait.Go(func() { p.stop(grace) })
	}
	wait.Wait()
}

// failure describes a child that should be running: how it ended, and the end of its log.
func (p *process) failure(what string) error {
	how := "is still running"
	if !p.running() {
		how = "exited"
		if p.err != nil {
			how = p.err.Error()
		}
	}
	return fmt.Errorf("%s: %s: %s; end of %s:\n%s", p.name, what, how, p.logPath, p.tail(15))
}

// tail is the last n lines of the child's log.
func (p *process) tail(n int) string {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
