package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// A body must have arrived after minTime and one second more for each slowest bytes of it.
	minTime = 2 * time.Second
	slowest = 1 << 20
	// maxRead is how much is read before the gate is asked again.
	maxRead = 256 << 10
)

var (
	errTooLarge = errors.New("the request is too large: Metacontroller sends a SpotInstanceVM or SpotInstanceJob with all its " +
		"objects, and there is room for a pool of 1,000 VMs; use several pools")
	errNoRoom  = errors.New("too many calls are under way; this one is asked for again in a moment")
	errTooSlow = errors.New("the request's body arrives too slowly")
)

// Admitted reads the bodies of calls for next, which finds them in memory, as far as there is room. A call without room is
// answered before its body is read: 429 with Retry-After, which makes Metacontroller call again then, without a back-off that
// grows, and without an event on the parent.
func (g *Gate) Admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		c := &call{gate: g, begun: time.Now()}
		c.cut = func() { _ = connection.SetReadDeadline(time.Now()) }
		body := &received{call: c}
		defer func() { _ = body.Close() }()
		err := errTooLarge
		if r.ContentLength <= maxBody {
			err = g.receive(body, r, connection)
		}
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		defer holdConnection(r.Context())()
		_ = connection.SetReadDeadline(time.Now().Add(2 * CallTimeout)) // of nothing: the server watches whether the client hangs up
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// received is a request's body that is in memory. Close gives the memory back.
type received struct {
	text []byte
	read int
	call *call
	once sync.Once
}

func (b *received) Read(p []byte) (int, error) {
	n := copy(p, b.text[b.read:])
	b.read += n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *received) Close() error {
	b.once.Do(func() {
		b.call.gate.leave(b.call)
		b.call.gate.keep(b.text)
		b.text = nil
	})
	return nil
}

// receive reads the body into a buffer that grows with what has arrived.
func (g *Gate) receive(body *received, r *http.Request, connection *http.ResponseController) error {
	c := body.call
	if !g.enter(c) {
		return errNoRoom
	}
	var seen shape
	body.text = make([]byte, 0, firstSize)
	for {
		if len(body.text) == cap(body.text) {
			body.text = g.grow(body.text, r.ContentLength)
		}
		c.allow(connection, len(body.text)) // before take: who has to give way after it is cut after it
		if !g.take(c, int64(cap(body.text))+seen.memory(), int64(len(body.text))) {
			return errNoRoom
		}
		free := body.text[len(body.text):cap(body.text)]
		n, err := r.Body.Read(free[:min(len(free), maxRead)])
		body.text = body.text[:len(body.text)+n]
		seen.add(free[:n])
		moved(r.Context())
		if len(body.text) > maxBody {
			return errTooLarge
		}
		if err := seen.check(); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.failure(err)
		}
	}
	if !g.take(c, int64(cap(body.text))+seen.memory(), int64(len(body.text))) || !g.work(c) {
		return errNoRoom
	}
	return nil
}

// allow sets the time by which more must have arrived than there is.
func (c *call) allow(connection *http.ResponseController, arrived int) {
	allowed := c.gate.minTime + time.Duration(float64(arrived)/slowest*float64(time.Second))
	_ = connection.SetReadDeadline(c.begun.Add(min(allowed, CallTimeout)))
}

// failure is why the body did not arrive.
func (c *call) failure(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: read the request: %w", ErrBadRequest, err)
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gone {
		return errNoRoom
	}
	return errTooSlow
}

// refuse answers a call that was not let in, and closes its connection: the rest of its body is not read.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := codeOf(err)
	g.seldom.Do(func() {
		g.log.WarnContext(r.Context(), "hook call refused; others may be, for ten seconds, without a line of their own",
			"path", r.URL.Path, "client", r.RemoteAddr, "code", code, "error", brief(err.Error()))
	})
	if code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1") // a whole number, or Metacontroller calls again at once
	}
	w.Header().Set("Connection", "close")
	http.Error(w, brief(err.Error()), code)
}

func codeOf(err error) int {
	switch {
	case errors.Is(err, errNoRoom):
		return http.StatusTooManyRequests
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errTooSlow):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}
