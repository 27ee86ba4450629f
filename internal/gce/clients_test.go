package gce_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func key(id string) gce.Credentials {
	return gce.Credentials{ServiceAccountJSON: fmt.Appendf(nil, `{"type":"service_account","private_key_id":%q}`, id)}
}

func TestClients(t *testing.T) {
	clients := gce.NewClients(gce.Options{Endpoint: "http://127.0.0.1:1"}, 2)
	get := func(project string, creds gce.Credentials) *gce.Client {
		t.Helper()
		c, err := clients.Client(project, creds)
		require.NoError(t, err)
		return c
	}
	first, second := get("project-1", key("a")), get("project-1", key("b"))
	assert.NotSame(t, first, second, "other credentials")
	assert.Same(t, first, get("project-1", key("a")))
	third := get("project-2", key("a"))
	assert.NotSame(t, first, third, "another project")
	assert.Same(t, first, get("project-1", key("a")), "used last but one")
	assert.NotSame(t, second, get("project-1", key("b")), "dropped as the least recently used")
}

func TestClientsKeepNoFailure(t *testing.T) {
	clients := gce.NewClients(gce.Options{Endpoint: "http://127.0.0.1:1"}, 2)
	for range 2 {
		_, err := clients.Client("project-1", gce.Credentials{ServiceAccountJSON: []byte(`{}`)})
		assert.Equal(t, gce.Forbidden, gce.KindOf(err))
	}
}

func TestClientsAtOnce(t *testing.T) {
	clients := gce.NewClients(gce.Options{Endpoint: "http://127.0.0.1:1"}, 4)
	var group sync.WaitGroup
	got := make([]*gce.Client, 16)
	for i := range got {
		group.Go(func() { got[i], _ = clients.Client("project-1", key("a")) })
	}
	group.Wait()
	for _, c := range got {
		assert.Same(t, got[0], c)
		assert.NotNil(t, c)
	}
}
