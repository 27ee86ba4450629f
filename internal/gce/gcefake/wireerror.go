package gcefake

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// writeError is the answer of a call that was refused: {"error":{code,message,errors:[{reason}]}}.
func writeError(w http.ResponseWriter, e *gce.Error) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)))
	}
	writeJSON(w, e.HTTPStatus, map[string]any{"error": map[string]any{
		"code": e.HTTPStatus, "message": e.Message,
		"errors": []any{map[string]any{"message": e.Message, "domain": domainOf(e), "reason": e.Code}},
	}})
}

func domainOf(e *gce.Error) string {
	if e.Kind == gce.Quota || e.Kind == gce.RateLimited {
		return "usageLimits"
	}
	return "global"
}

// operationErrorJSON is one entry of a failed operation's error.errors, with the details that GCE adds to
// stockouts and quota errors.
func operationErrorJSON(e *gce.Error) map[string]any {
	o := map[string]any{"code": e.Code, "message": e.Message}
	switch {
	case e.Kind == gce.Stockout:
		o["errorDetails"] = []any{map[string]any{"errorInfo": map[string]any{
			"reason": "resource_availability", "domain": "compute.googleapis.com",
			"metadatas": map[string]any{"zonesAvailable": strings.Join(e.ZonesAvailable, ","), "vmType": "", "attachment": ""},
		}}}
	case e.QuotaMetric != "":
		limit, _ := strconv.ParseFloat(e.QuotaLimit, 64)
		o["errorDetails"] = []any{map[string]any{"quotaInfo": map[string]any{
			"metricName": e.QuotaMetric, "limitName": e.QuotaMetric + "-per-project-region", "limit": limit,
		}}}
	}
	return o
}
