package cluster

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metadataServer is the metadata servers of all VMs, each below the VM's numeric id. It has the two values that the node
// agent reads, with ETag and wait_for_change as the real one has them, and what a VM boots from.
type metadataServer struct{ hypervisor *Hypervisor }

func (s metadataServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	g := s.hypervisor.guest(id)
	value := g.value(key)
	switch {
	case r.Header.Get("Metadata-Flavor") != "Google":
		http.Error(w, "the header Metadata-Flavor: Google is missing", http.StatusForbidden)
		return
	case value == nil:
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	if query.Get("wait_for_change") == "true" && query.Get("last_etag") == value.etag() {
		seconds, _ := strconv.Atoi(query.Get("timeout_sec")) // 0: for ever
		var timeout <-chan time.Time
		if seconds > 0 {
			timeout = time.After(time.Duration(seconds) * time.Second)
		}
		select {
		case <-value.changes:
		case <-g.powered.Done():
		case <-timeout:
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("ETag", value.etag())
	_, _ = w.Write([]byte(value.text())) // the agent may be gone
}

// metadatum is a value that changes at most once, and never again.
type metadatum struct {
	before, after string
	changes       chan struct{} // nil: it never changes
}

// value is what the metadata server of a VM says, or nil.
func (g *guest) value(key string) *metadatum {
	switch {
	case g == nil:
		return nil
	case key == "computeMetadata/v1/instance/preempted":
		return &metadatum{"FALSE", "TRUE", g.noticed}
	case key == "computeMetadata/v1/instance/maintenance-event":
		return &metadatum{"NONE", "TERMINATE_ON_HOST_MAINTENANCE", g.maintained}
	case key == "computeMetadata/v1/instance/id":
		return &metadatum{before: g.vm.ID}
	case key == "computeMetadata/v1/instance/name":
		return &metadatum{before: g.vm.Name}
	}
	attribute, found := strings.CutPrefix(key, "computeMetadata/v1/instance/attributes/")
	if text, exists := g.vm.Spec.Metadata[attribute]; found && exists {
		return &metadatum{before: text}
	}
	return nil
}

func (m metadatum) text() string {
	select {
	case <-m.changes:
		return m.after
	default:
		return m.before
	}
}

func (m metadatum) etag() string { return "of-" + m.text() }
