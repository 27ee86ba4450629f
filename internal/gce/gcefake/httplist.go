package gcefake

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const maxPage = 500 // items on one page of a list, GCE's limit and default

// listing is what the query of a list asks for.
type listing struct {
	terms   []term
	fields  mask
	size    int
	from    int  // index of the first item
	partial bool // the caller takes partial answers
}

func (f *Fake) parseListing(q url.Values) (l listing, err error) {
	if l.terms, err = parseFilter(q.Get("filter")); err != nil {
		return l, err
	}
	if q.Has("fields") {
		if l.fields, err = parseFields(q.Get("fields")); err != nil {
			return l, err
		}
	}
	l.size = f.pageSize
	if q.Has("maxResults") {
		n, err := strconv.Atoi(q.Get("maxResults"))
		if err != nil || n < 1 || n > maxPage {
			return l, fmt.Errorf("invalid maxResults %q: 1 to 500", q.Get("maxResults"))
		}
		l.size = min(l.size, n)
	}
	if q.Has("pageToken") {
		if l.from, err = strconv.Atoi(q.Get("pageToken")); err != nil {
			return l, fmt.Errorf("invalid pageToken %q", q.Get("pageToken"))
		}
	}
	l.partial = q.Get("returnPartialSuccess") == "true"
	return l, nil
}

// page is the JSON of the items that match, from the token on.
func (l listing) page(items []any) (page []any, next string, err error) {
	if len(l.terms) == 0 { // all match: those beyond the page need not be looked at
		items = items[:min(l.from+l.size+1, len(items))]
	}
	var matching []any
	for _, item := range items {
		g, err := generic(item)
		if err != nil {
			return nil, "", err
		}
		if object, ok := g.(map[string]any); ok && matches(object, l.terms) {
			matching = append(matching, object)
		}
	}
	matching = matching[min(l.from, len(matching)):]
	if len(matching) > l.size {
		return matching[:l.size], strconv.Itoa(l.from + l.size), nil
	}
	return matching, "", nil
}

func (f *Fake) serveInstances(w http.ResponseWriter, r *http.Request) {
	project, zone := chi.URLParam(r, "project"), chi.URLParam(r, "zone")
	f.respondList(w, r, Call{Method: ListInstances, Zone: zone}, func() []any {
		var items []any
		for _, v := range f.zoneInstances(project, zone) {
			items = append(items, instanceJSON(v))
		}
		return items
	})
}

func (f *Fake) serveOperations(w http.ResponseWriter, r *http.Request) {
	project, zone := chi.URLParam(r, "project"), chi.URLParam(r, "zone")
	newestFirst := r.URL.Query().Get("orderBy") == "creationTimestamp desc"
	f.respondList(w, r, Call{Method: ListOperations, Zone: zone}, func() []any {
		var items []any
		for _, op := range f.zoneOperations(project, zone, time.Time{}) {
			items = append(items, operationJSON(op))
		}
		if !newestFirst {
			slices.Reverse(items)
		}
		return items
	})
}

// respondList serves a list of one zone. A partial answer has half of the items and a warning; a caller that has
// not asked for partial answers gets a 503 in its place.
func (f *Fake) respondList(w http.ResponseWriter, r *http.Request, c Call, items func() []any) {
	l, err := f.parseListing(r.URL.Query())
	if err != nil {
		writeError(w, badRequest(err))
		return
	}
	f.respond(w, r, c, func(b Behaviour) (any, *gce.Error) {
		if err := f.unknownZone(c.Zone); err != nil {
			return nil, err
		}
		all := items()
		answer := map[string]any{"kind": "compute#list"}
		if b.partial && !l.partial {
			return nil, Down().err
		}
		if b.partial {
			all = all[:len(all)/2]
			answer["warning"] = warningJSON("UNREACHABLE", "zone "+c.Zone+" did not answer")
		}
		page, next, err := l.page(all)
		if err != nil {
			return nil, badRequest(err)
		}
		if len(page) > 0 {
			answer["items"] = page // GCE leaves an empty list out
		}
		if next != "" {
			answer["nextPageToken"] = next
		}
		return l.fields.apply(answer), nil
	})
}

// serveAggregated lists all zones as scopes. A page may end within a zone, which then goes on in the next.
func (f *Fake) serveAggregated(w http.ResponseWriter, r *http.Request) {
	l, err := f.parseListing(r.URL.Query())
	if err != nil {
		writeError(w, badRequest(err))
		return
	}
	project := chi.URLParam(r, "project")
	f.respond(w, r, Call{Method: ListAllInstances}, func(b Behaviour) (any, *gce.Error) {
		if b.partial && !l.partial {
			return nil, Down().err
		}
		answer, err := f.aggregate(project, l, b)
		if err != nil {
			return nil, badRequest(err)
		}
		return l.fields.apply(answer), nil
	})
}

// aggregate has both of GCE's ways to say that a zone is missing: a warning in its scope, if the script names it,
// and else a list of unreachables.
func (f *Fake) aggregate(project string, l listing, b Behaviour) (map[string]any, error) {
	scopes, answer, lost := map[string]any{}, map[string]any{"kind": "compute#instanceAggregatedList"}, b.lostZone
	if b.partial && lost == "" {
		lost = f.zones[0]
		answer["unreachables"] = []any{"zones/" + lost}
	}
	var all []any
	for _, zone := range f.zones {
		if zone == b.lostZone {
			scopes["zones/"+zone] = map[string]any{"warning": warningJSON("UNREACHABLE", "zone "+zone+" did not answer")}
		}
		if zone == lost {
			continue
		}
		scopes["zones/"+zone] = map[string]any{"warning": warningJSON("NO_RESULTS_ON_PAGE", "There are no results for scope 'zones/"+zone+"' on this page.")}
		for _, v := range f.zoneInstances(project, zone) {
			all = append(all, instanceJSON(v))
		}
	}
	page, next, err := l.page(all)
	if err != nil {
		return nil, err
	}
	for _, item := range page {
		addToScope(scopes, item)
	}
	answer["items"] = scopes
	if next != "" {
		answer["nextPageToken"] = next
	}
	return answer, nil
}

func addToScope(scopes map[string]any, item any) {
	zone, _ := item.(map[string]any)["zone"].(string)
	key := "zones/" + path.Base(zone)
	scope, _ := scopes[key].(map[string]any)
	list, _ := scope["instances"].([]any)
	scopes[key] = map[string]any{"instances": append(list, item)}
}

func warningJSON(code, message string) map[string]any {
	return map[string]any{"code": code, "message": message}
}
