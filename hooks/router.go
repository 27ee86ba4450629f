package hooks

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Server is what the routes need.
type Server struct {
	Job      spotinstancejob.Hook
	VM       *spotinstancevm.Hook
	Log      *slog.Logger
	Registry *prometheus.Registry
}

// Router is the route table. Metacontroller calls the hooks; kubelets and Prometheus call the rest. Whoever serves it is
// ready: the hooks keep nothing that would have to be loaded first.
func Router(s Server) http.Handler {
	metrics := webhook.NewMetrics(s.Registry)
	r := chi.NewRouter()
	r.Use(webhook.Recovered(s.Log))
	r.Method(http.MethodGet, "/healthz", http.HandlerFunc(ok))
	r.Method(http.MethodGet, "/readyz", http.HandlerFunc(ok))
	r.Method(http.MethodGet, "/metrics", webhook.Exposition(s.Registry))
	r.Group(func(r chi.Router) {
		r.Use(webhook.Bounded, middleware.AllowContentType("application/json"))
		gate := webhook.NewGate(s.Log)
		hook := func(path string, handler http.Handler) {
			r.Method(http.MethodPost, path, metrics.Measured(path, gate.Admitted(handler)))
		}
		hook("/spotinstancejob/customize", webhook.Customize(s.Log, "spotinstancejob/customize", s.Job.Customize))
		hook("/spotinstancejob/sync", webhook.Sync(s.Log, "spotinstancejob/sync", s.Job.Sync))
		hook("/spotinstancevm/customize", webhook.Customize(s.Log, "spotinstancevm/customize", s.VM.Customize))
		hook("/spotinstancevm/sync", webhook.Sync(s.Log, "spotinstancevm/sync", s.VM.Sync))
		hook("/spotinstancevm/finalize", webhook.Sync(s.Log, "spotinstancevm/finalize", s.VM.Finalize))
	})
	return r
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
