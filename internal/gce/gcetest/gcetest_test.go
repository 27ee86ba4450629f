package gcetest

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestFakeInProcess(t *testing.T) {
	Run(t, func(_ *testing.T, fake *gcefake.Fake) gce.Cloud { return fake.Cloud(Project) })
}

func TestClientOverHTTP(t *testing.T) {
	Run(t, func(t *testing.T, fake *gcefake.Fake) gce.Cloud {
		server := httptest.NewServer(fake.Handler())
		t.Cleanup(server.Close)
		key := gce.Credentials{ServiceAccountJSON: []byte(`{"type":"service_account"}`)}
		client, err := gce.Dial(Project, key, gce.Options{Endpoint: server.URL, Timeout: time.Hour})
		require.NoError(t, err)
		return client
	})
}
