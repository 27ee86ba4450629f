package story

import (
	"maps"
	"slices"
	"strings"
)

// Place is where a world tells a story: what the story's short names mean there.
type Place struct {
	Namespace string
	Project   string            // of Google Cloud
	Zones     map[string]string // GCE's name of a zone by the story's: a, b, c are of one region, w is of another
}

// Zone is GCE's name of a zone. One without a short name is itself.
func (p Place) Zone(name string) string {
	if long := p.Zones[name]; long != "" {
		return long
	}
	return name
}

// ShortZone is the story's name of a zone.
func (p Place) ShortZone(long string) string {
	for _, short := range slices.Sorted(maps.Keys(p.Zones)) {
		if p.Zones[short] == long {
			return short
		}
	}
	return long
}

// node is the name of a Node that a user has brought.
func (p Place) node(name string) string { return p.Namespace + "-" + name }

// plain puts the story's names in place of the world's.
func (p Place) plain(text string) string {
	for _, short := range slices.Sorted(maps.Keys(p.Zones)) {
		text = strings.ReplaceAll(text, p.Zones[short], short)
	}
	text = strings.ReplaceAll(text, "--project "+p.Project, "--project PROJECT")
	text = strings.ReplaceAll(text, " in namespace "+p.Namespace, " in namespace NAMESPACE")
	return strings.ReplaceAll(text, " "+p.Namespace+"/", " NAMESPACE/")
}
