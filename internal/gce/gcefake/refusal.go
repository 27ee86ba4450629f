package gcefake

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Refusal is a way in which GCE says no to an insert that another zone, or region, may take: the name of a file of
// testdata/refusals. The bodies there have the form of those that users of GCE have published. They say beside it what package gce
// makes of them; {zone}, {region} and {instance} stand for those of the insert.
type Refusal string

// Some of them, in the answer and then in the insert's operation. Refusals has all.
const (
	SubnetworkNotFound  Refusal = "subnetwork-not-found"
	AcceleratorNotFound Refusal = "accelerator-not-found"
	NoMachineType       Refusal = "no-machine-type"
	LocationForbidden   Refusal = "location-forbidden"
	LocationUnavailable Refusal = "location-unavailable"
	NotReady            Refusal = "not-ready"
	BackendError        Refusal = "backend-error"
	InternalError       Refusal = "internal-error"
	TooManyCalls        Refusal = "too-many-calls"

	FailedInternally Refusal = "failed-internally"
)

//go:embed testdata/refusals/*.json
var refusalFiles embed.FS

// golden is one file: the body of an answer, or the end of an operation.
type golden struct {
	Kind   gce.Kind  `json:"kind"`
	Scope  gce.Scope `json:"scope"`
	Answer struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	} `json:"answer"`
	Operation *struct {
		Error struct {
			Errors []struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"errors"`
		} `json:"error"`
		Status int `json:"httpErrorStatusCode"`
	} `json:"operation"`
}

// read is a Refusal's file. One that is not there, or not of this form, is a mistake in the program.
func (r Refusal) read() golden {
	var g golden
	text, err := refusalFiles.ReadFile("testdata/refusals/" + string(r) + ".json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		panic(err)
	}
	return g
}

// Refusals are all of them, in order.
func Refusals() []Refusal {
	files, err := refusalFiles.ReadDir("testdata/refusals")
	if err != nil {
		panic(err)
	}
	var all []Refusal
	for _, file := range files {
		all = append(all, Refusal(strings.TrimSuffix(file.Name(), ".json")))
	}
	return slices.Sorted(slices.Values(all))
}

// Kind is what the refusal means for the caller, or what the operation's failure does.
func (r Refusal) Kind() gce.Kind { return r.read().Kind }

// Scope is how far it reaches.
func (r Refusal) Scope() gce.Scope { return r.read().Scope }

// IsLate tells whether the insert is taken, and its operation ends with the refusal.
func (r Refusal) IsLate() bool { return r.read().Operation != nil }

// Refuses lets inserts be refused so, whatever their zone: name it in the pattern of When or Once.
func Refuses(r Refusal) Behaviour {
	g := r.read()
	if g.Operation != nil {
		end := g.Operation.Error.Errors[0]
		return FailsInOperation(gce.Error{Kind: g.Kind, Code: end.Code, HTTPStatus: g.Operation.Status, Message: end.Message})
	}
	e := g.Answer.Error
	return Refused(gce.Error{Kind: g.Kind, Code: e.Errors[0].Reason, HTTPStatus: e.Code, Message: e.Message})
}

// in is the behaviour with the names of a call's zone, region and VM in the words of its errors.
func (b Behaviour) in(c Call) Behaviour {
	words := strings.NewReplacer("{zone}", c.Zone, "{region}", regionOf(c.Zone), "{instance}", c.Name)
	for _, e := range []**gce.Error{&b.err, &b.inOperation} {
		if *e != nil {
			named := **e
			named.Message = words.Replace(named.Message)
			*e = &named
		}
	}
	return b
}
