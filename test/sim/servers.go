package sim

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// restartTakes is how long nobody answers after a hook server died.
const restartTakes = 5 * time.Second

// Servers are the hook servers behind one Service: one, or two that are asked in turns. Each is the router that ships,
// with a memory of its own.
type Servers struct {
	world    *World
	handlers []http.Handler
	asked    int
	skew     time.Duration // how far the hooks' clocks are ahead
	crash    int           // how many effects of the next call with effects are the last of its server; negative: none
	upAt     time.Time     // nobody answers before
	observe  []func(Call)
}

// Call is one call of a hook that was answered.
type Call struct {
	Path    string
	Parent  Key
	UID     types.UID
	Request []byte
	Answer  []byte
	Code    int
	At      time.Time
}

func newServers(w *World) *Servers {
	s := &Servers{world: w, crash: -1}
	s.run(1)
	w.command("crash-hooks", s.crashCommand)
	w.command("stop-hooks", s.stopCommand)
	w.command("two-hook-servers", s.twoCommand)
	w.command("skew-hooks", s.skewCommand)
	return s
}

// Observe calls see after each call that was answered, before anything comes of the answer.
func (s *Servers) Observe(see func(Call)) { s.observe = append(s.observe, see) }

// run replaces all servers by so many new ones.
func (s *Servers) run(servers int) {
	s.handlers = nil
	for range servers {
		s.handlers = append(s.handlers, s.handler())
	}
}

func (s *Servers) handler() http.Handler {
	return hooks.Router(hooks.Server{
		Job: spotinstancejob.Hook{Now: s.now, Prices: prices},
		VM: spotinstancevm.New(spotinstancevm.Config{
			Cloud: s.world.Cloud, Kube: newPort(s.world), Now: s.now, ClusterID: ClusterID, Together: inARow, Prices: prices,
		}),
		Log:      slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(),
	})
}

// prices is the table that all worlds share.
var prices = sync.OnceValues(func() (*cost.Table, error) {
	return cost.Parse("prices.csv", strings.NewReader(story.Prices(zoneNames)))
})

func inARow(calls []func()) {
	for _, call := range calls {
		call()
	}
}

func (s *Servers) now() time.Time { return s.world.Clock.Now().Add(s.skew) }

// errNoAnswer is what Metacontroller sees of a server that is not there.
var errNoAnswer = errors.New("connection refused")

// reply is the answer to one call and how long it took.
type reply struct {
	code int
	body []byte
	took time.Duration
}

// post calls a hook. An error means that no answer came, whatever the hook did until then.
func (s *Servers) post(c Call) (reply, error) {
	w := s.world
	if w.Clock.Now().Before(s.upAt) {
		return reply{}, errNoAnswer
	}
	s.asked++
	at := s.asked % len(s.handlers)
	if s.crash >= 0 {
		w.Cloud.CrashAfter(s.crash)
	}
	w.Cloud.Begin()
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, c.Path, bytes.NewReader(c.Request))
	request.Header.Set("Content-Type", "application/json")
	s.handlers[at].ServeHTTP(recorder, request)
	effects, took := w.Cloud.End()
	w.Counts.HookCalls++
	if s.crash >= 0 && effects > 0 {
		s.crash = -1
		s.handlers[at] = s.handler()
		if len(s.handlers) == 1 {
			s.upAt = w.Clock.Now().Add(restartTakes)
		}
		w.fault("hook-crash", "%s after %d effects", c.Path, effects)
		return reply{took: took}, errNoAnswer
	}
	c.Answer, c.Code, c.At = recorder.Body.Bytes(), recorder.Code, w.Clock.Now()
	w.Tracef("hook %s %s %d %s", c.Path, c.Parent, c.Code, digest(c.Answer))
	for _, see := range s.observe {
		see(c)
	}
	return reply{code: c.Code, body: c.Answer, took: took}, nil
}

// digest names bytes in the trace.
func digest(data []byte) string {
	hash := uint64(14695981039346656037)
	for _, b := range data {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return fmt.Sprintf("%016x %dB", hash, len(data))
}
