package webhook

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts and times hook calls.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics registers the metrics with registry.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spot_training_hook_calls_total", Help: "Hook calls answered, by hook and HTTP status code.",
		}, []string{"hook", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spot_training_hook_duration_seconds", Help: "Time from a hook call's headers to its answer.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, []string{"hook"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "spot_training_hook_calls_in_flight", Help: "Hook calls under way.",
		}),
	}
	registry.MustRegister(m.calls, m.duration, m.inFlight)
	return m
}

// Measured counts and times the calls that next answers, under the name of the hook.
func (m *Metrics) Measured(hook string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		timer := prometheus.NewTimer(m.duration.WithLabelValues(hook))
		recorder := &statusRecorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r)
		timer.ObserveDuration()
		m.calls.WithLabelValues(hook, strconv.Itoa(recorder.code)).Inc()
	})
}

// Exposition serves the metrics of gatherer in Prometheus' text format.
func Exposition(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})
}

type statusRecorder struct {
	http.ResponseWriter
	code int
}

func (r *statusRecorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
