package e2e

import (
	"github.com/stretchr/testify/require"
)

// made is the change with which an object appeared. What exists under one version of the API server exists before
// everything of a later version, whatever its kind.
func (s *story) made(k kind, name string) change {
	s.Helper()
	for _, c := range recorded.past(k, s.namespace) {
		if c.object.GetName() == name {
			return c
		}
	}
	require.FailNow(s, "it was never made", "%s %s", k.name, name)
	return change{}
}

// dropped is the change with which somebody deleted an object.
func (s *story) dropped(k kind, name string) change {
	s.Helper()
	for _, c := range recorded.past(k, s.namespace) {
		if c.object.GetName() == name && c.leaving() {
			return c
		}
	}
	require.FailNow(s, "it was never deleted", "%s %s", k.name, name)
	return change{}
}

// isDropped reports whether an object has been deleted.
func (s *story) isDropped(k kind, name string) bool {
	for _, c := range recorded.past(k, s.namespace) {
		if c.object.GetName() == name && c.leaving() {
			return true
		}
	}
	return false
}
