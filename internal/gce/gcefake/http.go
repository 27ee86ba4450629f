package gcefake

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const maxBody = 2 << 20 // bytes of an insert: metadata is at most 512 KB, before escaping

// Handler serves the compute API, v1, of all projects: instances and zone operations, as far as package gce calls
// them, two gets, and machine types. It asks for no credentials.
func (f *Fake) Handler() http.Handler {
	r := chi.NewRouter()
	r.Route("/compute/v1/projects/{project}", func(r chi.Router) {
		r.Get("/aggregated/instances", f.serveAggregated)
		r.Route("/zones/{zone}", func(r chi.Router) {
			r.Get("/instances", f.serveInstances)
			r.Post("/instances", f.serveInsert)
			r.Get("/instances/{name}", f.serveInstance)
			r.Delete("/instances/{name}", f.serveDelete)
			r.Get("/operations", f.serveOperations)
			r.Get("/operations/{name}", f.serveOperation)
			r.Get("/machineTypes/{name}", f.serveMachineType)
		})
	})
	return r
}

func (f *Fake) serveInsert(w http.ResponseWriter, r *http.Request) {
	project, zone := chi.URLParam(r, "project"), chi.URLParam(r, "zone")
	spec, action, err := readInsert(w, r, zone)
	if err != nil {
		writeError(w, badRequest(err))
		return
	}
	o := order{project, spec, action, r.URL.Query().Get("requestId")}
	f.respond(w, r, Call{Insert, zone, spec.Name}, func(b Behaviour) (any, *gce.Error) {
		op, err := f.insert(o, b)
		if err != nil {
			return nil, err
		}
		return firstAnswer(op), nil
	})
}

func readInsert(w http.ResponseWriter, r *http.Request, zone string) (gce.InstanceSpec, string, error) {
	var body wireInstance
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return gce.InstanceSpec{}, "", err
	}
	spec, action, err := body.spec(zone)
	if err != nil {
		return spec, action, err
	}
	if id := r.URL.Query().Get("requestId"); id != "" {
		err = gce.ValidateRequestID(id)
	}
	if err == nil {
		err = spec.Validate()
	}
	return spec, action, err
}

func (f *Fake) serveDelete(w http.ResponseWriter, r *http.Request) {
	project, zone, name := chi.URLParam(r, "project"), chi.URLParam(r, "zone"), chi.URLParam(r, "name")
	f.respond(w, r, Call{Delete, zone, name}, func(Behaviour) (any, *gce.Error) {
		op, err := f.delete(project, zone, name, r.URL.Query().Get("requestId"))
		if err != nil {
			return nil, err
		}
		return firstAnswer(op), nil
	})
}

func (f *Fake) serveInstance(w http.ResponseWriter, r *http.Request) {
	project, zone, name := chi.URLParam(r, "project"), chi.URLParam(r, "zone"), chi.URLParam(r, "name")
	l, err := f.parseListing(r.URL.Query())
	if err != nil {
		writeError(w, badRequest(err))
		return
	}
	f.respond(w, r, Call{GetInstance, zone, name}, func(Behaviour) (any, *gce.Error) {
		v := f.find(project, zone, name)
		if v == nil {
			return nil, absent(project, zone, name)
		}
		whole, err := generic(instanceJSON(v.view()))
		if err != nil {
			return nil, badRequest(err)
		}
		return l.fields.apply(whole), nil
	})
}

func (f *Fake) serveOperation(w http.ResponseWriter, r *http.Request) {
	project, zone, name := chi.URLParam(r, "project"), chi.URLParam(r, "zone"), chi.URLParam(r, "name")
	f.respond(w, r, Call{Method: GetOperation, Zone: zone}, func(Behaviour) (any, *gce.Error) {
		for _, op := range f.operations {
			if op.project == project && op.Zone == zone && op.Name == name {
				return operationJSON(op), nil
			}
		}
		return nil, absent(project, zone, name)
	})
}

// respond serves one call, and closes the connection if it is to have no answer.
func (f *Fake) respond(w http.ResponseWriter, r *http.Request, c Call, effect func(Behaviour) (any, *gce.Error)) {
	var body any
	err := f.serve(r.Context(), c, func(b Behaviour) (err *gce.Error) {
		body, err = effect(b)
		return err
	})
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, body)
	case err.HTTPStatus == 0:
		panic(http.ErrAbortHandler)
	default:
		writeError(w, err)
	}
}

func badRequest(err error) *gce.Error {
	return &gce.Error{Kind: gce.Invalid, Code: "invalid", HTTPStatus: http.StatusBadRequest, Message: err.Error()}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	// A caller that is gone is no concern of the server.
	_ = json.NewEncoder(w).Encode(body)
}
