package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// screen shows what happens as it happens: one line per event, and on a terminal the state of the job and its VMs below
// them, drawn anew with each change.
type screen struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	start time.Time
	below []string
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, terminal: cluster.IsTerminal(out), start: time.Now()}
}

// restart begins to count time.
func (s *screen) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start = time.Now()
}

// say prints one event with the time since the start.
func (s *screen) say(at time.Time, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, "%7.1fs  %s\n", at.Sub(s.start).Seconds(), fmt.Sprintf(format, args...))
	s.draw()
}

// print prints text as it is.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprint(s.out, text)
	s.draw()
}

// show replaces the state below the events. It shows nothing where there is no terminal.
func (s *screen) show(lines []string) {
	if !s.terminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	s.below = lines
	s.draw()
}

// clear takes the state off the terminal: cursor up, erase to the end.
func (s *screen) clear() {
	if len(s.below) > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", len(s.below))
	}
}

func (s *screen) draw() {
	if len(s.below) > 0 {
		fmt.Fprint(s.out, strings.Join(s.below, "\n")+"\n")
	}
}
