package gce

import (
	"net/http"
	"strings"
)

// kindByCode is what GCE's codes mean, lower-cased and without underscores: operations write them in
// UPPER_SNAKE, answers in camelCase, and some were seen in both. A code that is not here says less than the HTTP
// status it comes with.
var kindByCode = map[string]Kind{
	"zoneresourcepoolexhausted":              Stockout,
	"zoneresourcepoolexhaustedwithdetails":   Stockout,
	"regionresourcepoolexhausted":            Stockout,
	"regionresourcepoolexhaustedwithdetails": Stockout,
	"resourcepoolexhausted":                  Stockout,
	"insufficientcapacity":                   Stockout,
	"stockout":                               Stockout,
	"machinetypeunsupported":                 Unsupported,
	"quotaexceeded":                          Quota,
	"ipspaceexhausted":                       Quota,
	"ipspaceexhaustedwithdetails":            Quota,
	"preempted":                              Preempted,
	"alreadyexists":                          AlreadyExists,
	"resourcealreadyexists":                  AlreadyExists,
	"notfound":                               NotFound,
	"resourcenotfound":                       NotFound,
	"invalid":                                Invalid,
	"invalidfieldvalue":                      Invalid,
	"invalidparameter":                       Invalid,
	"invalidusage":                           Invalid,
	"badrequest":                             Invalid,
	"required":                               Invalid,
	"conditionnotmet":                        Invalid,
	"unsupportedoperation":                   Invalid,
	"forbidden":                              Forbidden,
	"permissiondenied":                       Forbidden,
	"permissionserror":                       Forbidden,
	"insufficientpermissions":                Forbidden,
	"accessnotconfigured":                    Forbidden,
	"serviceaccountaccessdenied":             Forbidden,
	"autherror":                              Forbidden,
	"ratelimitexceeded":                      RateLimited,
	"userratelimitexceeded":                  RateLimited,
	"resourceoperationrateexceeded":          RateLimited,
	"concurrentoperationsquotaexceeded":      RateLimited,
	"resourcenotready":                       Unavailable,
	"resourceinusebyanotherresource":         Unavailable,
	"backenderror":                           Unavailable,
	"internalerror":                          Unavailable,
}

var kindByStatus = map[int]Kind{
	http.StatusBadRequest:            Invalid,
	http.StatusPreconditionFailed:    Invalid,
	http.StatusRequestEntityTooLarge: Invalid,
	http.StatusUnauthorized:          Forbidden,
	http.StatusForbidden:             Forbidden,
	http.StatusNotFound:              NotFound,
	http.StatusTooManyRequests:       RateLimited,
}

// evidence is what GCE said about one failure.
type evidence struct {
	code    string // a reason or an operation's error code
	detail  string // the reason of its errorInfo
	message string
	status  int  // HTTP
	insert  bool // it is the error of an insert operation
}

// kind weighs the evidence. How GCE words its no to a preemption notice nobody has seen: not every project, zone and
// machine type needs to know a field that became generally available in autumn 2026. So any no that names it counts.
func (e evidence) kind() Kind {
	kind := e.kindByCode()
	switch {
	case kind == Invalid && strings.Contains(strings.ToLower(e.message), "preemptionnotice"):
		return NoticeRefused
	case kind == Forbidden && strings.Contains(e.message, "'locations/"):
		return NotFound // a zone that does not exist, or that this project may not use: it says nothing of the others
	}
	return kind
}

// kindByCode is what the details say, then the code, then the status.
func (e evidence) kindByCode() Kind {
	kind, known := kindByCode[plain(e.code)]
	if strings.Contains(e.message, "state:STOCKOUT") {
		kind, known = Stockout, true
	}
	switch {
	case kind == Stockout && plain(e.detail) == "configurationavailability":
		return Unsupported // this zone never has it
	case plain(e.code) == "unsupportedoperation" && strings.Contains(e.message, "preempt"):
		return Preempted
	case plain(e.code) == "unsupportedoperation" && strings.Contains(e.message, "sufficient capacity"):
		return Stockout
	case e.insert && kind == NotFound && strings.Contains(e.message, "/instances/"):
		return Stockout // the VM vanished while it was being created: there was no place for it
	case known:
		return kind
	}
	if kind, ok := kindByCode[plain(e.detail)]; ok {
		return kind
	}
	if kind, ok := kindByStatus[e.status]; ok {
		return kind
	}
	if e.status == http.StatusConflict && strings.Contains(e.message, "already exists") {
		return AlreadyExists
	}
	return Unavailable
}

func plain(code string) string {
	return strings.ToLower(strings.ReplaceAll(code, "_", ""))
}
