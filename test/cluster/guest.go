package cluster

import (
	"context"
	"sync"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// guest is what runs on one VM: its kubelet, and its serial console.
type guest struct {
	vm gcefake.VM
	// powered ends when the VM is told to stop or is gone: whatever boots there ends too.
	powered context.Context
	cut     context.CancelFunc

	mu           sync.Mutex
	node         string // name of its Node; empty until it has joined
	shutsDown    bool
	noticed      chan struct{} // closed once instance/preempted is TRUE
	maintained   chan struct{} // closed once instance/maintenance-event tells that the VM will be stopped
	off          bool
	disconnected bool
	console      []string
}

func newGuest(ctx context.Context, vm gcefake.VM) *guest {
	g := &guest{vm: vm, noticed: make(chan struct{}), maintained: make(chan struct{})}
	g.powered, g.cut = context.WithCancel(ctx)
	return g
}

// print writes to the serial console.
func (g *guest) print(line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.console = append(g.console, line)
}

// reaches reports whether programs on the VM run and can talk to the API server.
func (g *guest) reaches() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.off && !g.disconnected
}

// isOff reports whether the VM's power is gone.
func (g *guest) isOff() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.off
}

// nodeName is the name of its Node, empty until it has joined.
func (g *guest) nodeName() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.node
}
