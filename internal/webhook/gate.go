package webhook

import (
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxCalls may be worked on at a time. Metacontroller makes 40 at most, with 20 workers for each of two controllers.
	maxCalls = 100
	// maxMemory is what all calls under way may take: one request of the greatest shape, or two of 1,000 VMs. It is half of the
	// GOMEMLIMIT in manifests/20-deployment.yaml; the other half is for what the collector has not come to.
	maxMemory = 400 << 20
	// patience is how long a client is let alone before it has to give way to another one.
	patience = 250 * time.Millisecond
)

// Gate lets calls in while there is room for them. Who is slow to send takes memory, but keeps nobody from being worked on; and
// gives that memory to who sends faster.
type Gate struct {
	calls   int // limits
	memory  int64
	minTime time.Duration // that every body has to arrive in

	log    *slog.Logger
	seldom rate.Sometimes // so that who is refused a thousand times a second does not fill the log

	mu       sync.Mutex
	arriving map[*call]struct{} // their bodies are
	working  int
	taken    int64
	spare    [][]byte
}

// NewGate returns a gate with nobody inside. It logs a call that it refuses, at most one in ten seconds; metrics count all.
func NewGate(log *slog.Logger) *Gate {
	return &Gate{
		calls: maxCalls, memory: maxMemory, minTime: minTime, arriving: map[*call]struct{}{},
		log: log, seldom: rate.Sometimes{Interval: 10 * time.Second},
	}
}

// call is one call under way. Its gate guards what changes.
type call struct {
	gate  *Gate
	begun time.Time
	cut   func() // ends the arrival of its body

	arrived int64
	taken   int64
	working bool
	gone    bool // it has left, or had to
}

// enter lets a call in whose body has not been read yet. It is false if there is no room.
func (g *Gate) enter(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.working >= g.calls {
		return false
	}
	g.arriving[c] = struct{}{}
	return true
}

// work lets a call be worked on whose body is there. From now on it does not have to give way.
func (g *Gate) work(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.gone || g.working >= g.calls {
		return false
	}
	delete(g.arriving, c)
	c.working = true
	g.working++
	return true
}

// leave gives back all that the call has taken.
func (g *Gate) leave(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

func (g *Gate) remove(c *call) {
	if c.gone {
		return
	}
	c.gone = true
	delete(g.arriving, c)
	g.taken -= c.taken
	if c.working {
		g.working--
	}
}

// take gives the call so much memory in all, for so many bytes that have arrived. It is false if there is no room, or if the
// call has had to give way.
func (g *Gate) take(c *call, memory, arrived int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.arrived = arrived
	for !c.gone && g.taken+memory-c.taken > g.memory {
		if !g.displace(c) {
			return false
		}
	}
	if c.gone {
		return false
	}
	g.taken += memory - c.taken
	c.taken = memory
	return true
}

// displace makes room for a call: whose body arrives slowest, and slower than its own, has to go.
func (g *Gate) displace(by *call) bool {
	now := time.Now()
	var slowest *call
	for c := range g.arriving {
		if c != by && now.Sub(c.begun) > patience && (slowest == nil || c.speed(now) < slowest.speed(now)) {
			slowest = c
		}
	}
	if slowest == nil || now.Sub(by.begun) > patience && by.speed(now) <= slowest.speed(now) {
		return false
	}
	g.remove(slowest)
	slowest.cut()
	return true
}

// speed is in bytes per second.
func (c *call) speed(now time.Time) float64 { return float64(c.arrived) / now.Sub(c.begun).Seconds() }
