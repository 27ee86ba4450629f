package cluster

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metadataServer is the metadata servers of all VMs, each below the VM's numeric id. It has the one value that the node
// agent reads, with ETag and wait_for_change as the real one has them.
type metadataServer struct{ hypervisor *Hypervisor }

func (s metadataServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	g := s.hypervisor.guest(id)
	switch {
	case r.Header.Get("Metadata-Flavor") != "Google":
		http.Error(w, "the header Metadata-Flavor: Google is missing", http.StatusForbidden)
		return
	case g == nil || key != "computeMetadata/v1/instance/preempted":
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	if query.Get("wait_for_change") == "true" && query.Get("last_etag") == etagOf(g) {
		seconds, _ := strconv.Atoi(query.Get("timeout_sec")) // 0: for ever
		var timeout <-chan time.Time
		if seconds > 0 {
			timeout = time.After(time.Duration(seconds) * time.Second)
		}
		select {
		case <-g.noticed:
		case <-g.powered.Done():
		case <-timeout:
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("ETag", etagOf(g))
	value := "FALSE"
	if g.isNoticed() {
		value = "TRUE"
	}
	_, _ = w.Write([]byte(value)) // the agent may be gone
}

func etagOf(g *guest) string {
	if g.isNoticed() {
		return "2"
	}
	return "1"
}

// isNoticed reports whether GCE has said, inside the VM, that it takes the VM back.
func (g *guest) isNoticed() bool {
	select {
	case <-g.noticed:
		return true
	default:
		return false
	}
}
