package cluster

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// What a VM boots from comes from its metadata server, and so does what its node agent hears.
func TestMetadataOfAVM(t *testing.T) {
	vm := gcefake.VM{Instance: gce.Instance{ID: "42", Name: "pool-0"}, Spec: gce.InstanceSpec{Metadata: map[string]string{"startup-script": "#!/bin/bash\n"}}}
	g := newGuest(t.Context(), vm)
	server := metadataServer{&Hypervisor{guests: map[string]*guest{"42": g}}}
	ask := func(key string) (int, string) {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/42/computeMetadata/v1/instance/"+key, nil)
		request.Header.Set("Metadata-Flavor", "Google")
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		return answer.Code, answer.Body.String()
	}
	for key, want := range map[string]string{
		"id": "42", "name": "pool-0", "attributes/startup-script": "#!/bin/bash\n", "preempted": "FALSE", "maintenance-event": "NONE",
	} {
		code, text := ask(key)
		assert.Equal(t, http.StatusOK, code, key)
		assert.Equal(t, want, text, key)
	}
	code, _ := ask("attributes/no-such-key")
	assert.Equal(t, http.StatusNotFound, code)
	close(g.noticed)
	_, text := ask("preempted")
	assert.Equal(t, "TRUE", text)
}
