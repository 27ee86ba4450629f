package gce

import (
	"regexp"
	"slices"
	"strings"
)

// Scope is how far the refusal of an insert reaches: where else it would be refused in the same way.
type Scope string

// Scopes of refusals.
const (
	ScopeZone    Scope = "Zone"
	ScopeRegion  Scope = "Region"
	ScopeProject Scope = "Project"
)

// Scope is how far e reaches, the refusal of an insert into a zone. It is the zone unless GCE names something larger. Which
// request would be refused in no zone at all, GCE does not tell: its words for a zone that lacks something are the same.
func (e *Error) Scope(zone string) Scope {
	code := plain(e.Code)
	switch {
	case e.Kind == Quota && isOfAllRegions(e):
		return ScopeProject
	case e.Kind == Quota, strings.HasPrefix(code, "regionresourcepool"):
		return ScopeRegion
	case names(e.Message, regionOf(zone)) && !names(e.Message, zone):
		return ScopeRegion // of a subnetwork, for instance
	default:
		return ScopeZone
	}
}

// isOfAllRegions tells whether all regions share the quota that is used up.
func isOfAllRegions(e *Error) bool {
	return strings.Contains(strings.ToUpper(e.QuotaMetric), "ALL_REGIONS") || strings.Contains(e.Message, "globally")
}

// location is a word that may be a zone or a region.
var location = regexp.MustCompile(`[a-z0-9]+(?:-[a-z0-9]+)+`)

// names tells whether a message has this zone or region in it, and not only as a part of another name.
func names(message, place string) bool {
	return slices.Contains(location.FindAllString(message, -1), place)
}
