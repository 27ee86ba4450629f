package cluster

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Intervals between two reports of a build: on a terminal, elsewhere, and what is too short to be worth a line.
const (
	terminalInterval = 500 * time.Millisecond
	lineInterval     = 20 * time.Second
)

// progress counts the lines that a build prints and reports them. It is an io.Writer for the build's output.
type progress struct {
	log      io.Writer
	title    string
	total    int // packages; 0 when unknown
	terminal bool
	began    time.Time

	mu      sync.Mutex
	partial []byte
	lines   []string
	shown   bool
}

func newProgress(log io.Writer, title string, total int) *progress {
	return &progress{log: log, title: title, total: total, terminal: IsTerminal(log), began: time.Now()}
}

// IsTerminal reports whether w is a terminal on which lines can be written over: a character device, and TERM is not dumb.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Write takes what the build prints.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partial = append(p.partial, b...)
	for {
		line, rest, found := bytes.Cut(p.partial, []byte("\n"))
		if !found {
			return len(b), nil
		}
		p.lines = append(p.lines, string(line))
		p.partial = rest
	}
}

// start reports until the function it returns is called.
func (p *progress) start() func() {
	interval := lineInterval
	if p.terminal {
		interval = terminalInterval
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.report()
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		p.finish()
	}
}

func (p *progress) report() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = true
	count := fmt.Sprintf("%d packages", len(p.lines))
	if p.total > 0 {
		count = fmt.Sprintf("%d of at most %d packages", len(p.lines), p.total)
	}
	elapsed := time.Since(p.began).Round(time.Second)
	if p.terminal {
		fmt.Fprintf(p.log, "\r\x1b[K%s: %s, %s", p.title, elapsed, count)
		return
	}
	fmt.Fprintf(p.log, "%s: %s, %s\n", p.title, elapsed, count)
}

// finish says how long the build took, if it took long enough to have been reported.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown {
		return
	}
	if p.terminal {
		fmt.Fprint(p.log, "\r\x1b[K")
	}
	fmt.Fprintf(p.log, "%s: %s\n", p.title, time.Since(p.began).Round(time.Second))
}

// tail is the end of what the build printed, for an error message.
func (p *progress) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.lines[max(0, len(p.lines)-20):]
	return strings.Join(slices.Concat(last, []string{string(p.partial)}), "\n")
}
