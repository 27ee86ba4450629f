package gcefake

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// AdminHandler is for the hands of whoever plays with a lab:
//
//	GET  /lab/instances                    all VMs, metadata left out
//	POST /lab/preempt?instance=NAME        Preempt; with &notice=none PreemptWithoutNotice
//	POST /lab/stop?instance=NAME           Stop
//	POST /lab/crash?instance=NAME          Crash
//
// A change answers 200 with the VM's name, or 409 with the reason why not. It asks for no credentials: serve it
// on loopback only.
func (f *Fake) AdminHandler() http.Handler {
	r := chi.NewRouter()
	r.Get("/lab/instances", f.adminInstances)
	r.Post("/lab/preempt", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("notice") == "none" {
			adminChange(w, r, f.PreemptWithoutNotice)
			return
		}
		adminChange(w, r, f.Preempt)
	})
	r.Post("/lab/stop", func(w http.ResponseWriter, r *http.Request) { adminChange(w, r, f.Stop) })
	r.Post("/lab/crash", func(w http.ResponseWriter, r *http.Request) { adminChange(w, r, f.Crash) })
	return r
}

func (f *Fake) adminInstances(w http.ResponseWriter, _ *http.Request) {
	items := []map[string]any{}
	for _, v := range f.Instances() {
		items = append(items, map[string]any{
			"name": v.Name, "project": v.Project, "zone": v.Zone, "id": v.ID, "status": v.Status, "machineType": v.MachineType,
			"provisioningModel": v.ProvisioningModel, "noticed": v.Noticed, "labels": v.Labels,
			"creationTimestamp": v.CreationTime.Format(timeFormat),
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"instances": items})
}

func adminChange(w http.ResponseWriter, r *http.Request, change func(name string) error) {
	name := r.URL.Query().Get("instance")
	if name == "" {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "name the VM: ?instance=NAME; GET /lab/instances lists them"})
		return
	}
	if err := change(name); err != nil {
		writeJSON(w, http.StatusConflict, map[string]any{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"instance": name})
}
