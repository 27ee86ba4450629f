package install

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The API server's own answer, with the roles as it has put them together: who has the built-in edit or admin runs jobs and sees
// pools; pools are written by who was given the role for it.
func TestWhoMayWriteAPool(t *testing.T) {
	s := begin(t)
	for user, role := range map[string]string{"vera": "view", "ed": "edit", "ada": "admin", "jane": "spot-instance-training-pool-editor"} {
		s.kubectl("create", "rolebinding", user, "--clusterrole="+role, "--user="+user)
	}
	s.says("edit has our rules", "yes", "auth", "can-i", "create", "sij", "--as=ed")

	const yes, no = true, false
	for _, c := range []struct {
		user, verb, resource, subresource string
		may                               bool
	}{
		{"vera", "list", "sivm", "", yes},
		{"vera", "create", "sij", "", no},
		{"ed", "create", "sij", "", yes},
		{"ed", "patch", "sij", "scale", yes},
		{"ed", "list", "sivm", "", yes},
		{"ed", "create", "sivm", "", no},
		{"ed", "patch", "sivm", "", no},
		{"ed", "delete", "sivm", "", no},
		{"ed", "patch", "sivm", "scale", no},
		{"ada", "create", "sij", "", yes},
		{"ada", "create", "sivm", "", no},
		{"ada", "patch", "sivm", "scale", no},
		{"jane", "create", "sivm", "", yes},
		{"jane", "delete", "sivm", "", yes},
		{"jane", "patch", "sivm", "scale", yes},
		{"jane", "patch", "sivm", "status", no},
		{"jane", "create", "sij", "", no},
	} {
		out, err := lab.Kubectl(t.Context(), s.here([]string{"auth", "can-i", c.verb, c.resource, "--subresource=" + c.subresource, "--as=" + c.user})...)
		answer := map[bool]string{yes: "yes", no: "no"}[c.may]
		assert.Equal(t, c.may, err == nil, "%+v", c) // can-i fails to say no
		assert.Contains(t, out, answer, "%+v", c)
	}

	_, err := lab.Kubectl(t.Context(), s.here([]string{"apply", "--filename=" + manifests + "/samples/pool.yaml", "--as=ed"})...)
	require.ErrorContains(t, err, "forbidden")
	s.kubectl("apply", "--filename="+manifests+"/samples/pool.yaml", "--as=jane")
	s.end()
}
