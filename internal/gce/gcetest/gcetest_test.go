package gcetest

import (
	"flag"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestFakeInProcess(t *testing.T) {
	cloudOf := func(_ *testing.T, fake *gcefake.Fake) gce.Cloud { return fake.Cloud(Project) }
	t.Run("scripted", func(t *testing.T) { Scripted(t, cloudOf) })
	t.Run("plain", func(t *testing.T) { Plain(t, InUse(t, cloudOf)) })
}

func TestClientOverHTTP(t *testing.T) {
	cloudOf := func(t *testing.T, fake *gcefake.Fake) gce.Cloud {
		server := httptest.NewServer(fake.Handler())
		t.Cleanup(server.Close)
		key := gce.Credentials{ServiceAccountJSON: []byte(`{"type":"service_account"}`)}
		client, err := gce.Dial(Project, key, gce.Options{Endpoint: server.URL, Timeout: time.Hour})
		require.NoError(t, err)
		return client
	}
	t.Run("scripted", func(t *testing.T) { Scripted(t, cloudOf) })
	t.Run("plain", func(t *testing.T) { Plain(t, InUse(t, cloudOf)) })
}

var (
	project  = flag.String("project", "", "of TestServer: buy VMs in this project; empty: skip")
	endpoint = flag.String("endpoint", "", "of TestServer: URL of the server, called without credentials; empty: Google, with the default credentials")
	zones    = flag.String("zones", zoneA+","+zoneB+","+west, "of TestServer: two zones of one region, and one of another")
	machine  = flag.String("machine", "e2-micro", "of TestServer: machine type")
)

// TestServer runs the plain tests against any server that speaks the API. Against Google it costs some cents.
func TestServer(t *testing.T) {
	if *project == "" {
		t.Skip("name a project: go test ./internal/gce/gcetest -run TestServer -project=P [-endpoint=URL] [-zones=A,B,C]")
	}
	plainAt(t, *project, *endpoint, *speed)
}

// plainAt runs the plain tests against a server whose clock runs speed times as fast as ours.
func plainAt(t *testing.T, project, endpoint string, speed int) {
	t.Helper()
	cloud, err := gce.Dial(project, gce.Credentials{}, gce.Options{Endpoint: endpoint})
	require.NoError(t, err)
	named := strings.Split(*zones, ",")
	require.Len(t, named, 3, "-zones")
	pass := func(d time.Duration) { time.Sleep(d / time.Duration(speed)) }
	Plain(t, Server{Cloud: cloud, Zones: [3]string(named), Pass: pass, Spec: gce.InstanceSpec{
		MachineType: *machine, Image: "projects/debian-cloud/global/images/family/debian-12", DiskSizeGB: 10, DiskType: "pd-standard",
		ProvisioningModel: gce.ModelSpot, MaxRunDuration: time.Hour,
	}})
}
