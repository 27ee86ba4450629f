package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const (
	thisCluster    = "11111111-2222-3333-4444-555555555555"
	anotherCluster = "99999999-2222-3333-4444-555555555555"
	existingPool   = "aaaaaaaa-0000-0000-0000-000000000001"
	createdLate    = "aaaaaaaa-0000-0000-0000-000000000002" // which the first list does not have yet
	deletedPool    = "aaaaaaaa-0000-0000-0000-000000000003"

	poolsPath = "/apis/training.training.dcnlab.com/v1alpha1/spotinstancevms"
)

// leak is a cluster and a Google Cloud with one VM that nobody wants any more, and others that look like it.
type leak struct {
	*testing.T
	cloud    *gcefake.Fake
	clock    *gcefake.ManualClock
	endpoint string
	// pools answers lists of SpotInstanceVMs; call counts from 1.
	pools      func(w http.ResponseWriter, call int)
	kubeconfig string

	orphan string
	others []string
}

func newLeak(t *testing.T) *leak {
	l := &leak{T: t, clock: gcefake.NewManualClock(time.Now().Add(-3 * time.Hour))}
	l.cloud = gcefake.New(gcefake.Config{Clock: l.clock, Timings: gcefake.RealTimings()})
	google := httptest.NewServer(l.cloud.Handler())
	t.Cleanup(google.Close)
	l.endpoint = google.URL
	l.pools = func(w http.ResponseWriter, call int) {
		if call == 1 {
			writeJSON(w, http.StatusOK, poolList(existingPool))
			return
		}
		writeJSON(w, http.StatusOK, poolList(existingPool, createdLate))
	}
	l.serveKubernetes()

	l.orphan = l.vm("acme", thisCluster, deletedPool)
	l.others = []string{
		l.vm("acme", thisCluster, existingPool), l.vm("acme", thisCluster, createdLate),
		l.vm("acme", anotherCluster, deletedPool), l.vm("elsewhere", thisCluster, deletedPool),
	}
	l.clock.Advance(3*time.Hour - time.Minute)
	l.others = append(l.others, l.vm("acme", thisCluster, "aaaaaaaa-0000-0000-0000-000000000004"))
	l.clock.Advance(time.Minute)
	return l
}

// serveKubernetes serves what gc asks the API server for.
func (l *leak) serveKubernetes() {
	calls := 0 // gc makes one at a time
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/api/v1/namespaces/kube-system":
			writeJSON(w, http.StatusOK, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"`+thisCluster+`"}}`)
		case r.Method == http.MethodGet && r.URL.Path == poolsPath:
			calls++
			l.pools(w, calls)
		default: // Secrets: the pools have none, so that the operator's own credentials serve
			writeJSON(w, http.StatusNotFound, refusal(http.StatusNotFound, "NotFound"))
		}
	}))
	l.Cleanup(api.Close)
	l.kubeconfig = filepath.Join(l.TempDir(), "kubeconfig")
	require.NoError(l, os.WriteFile(l.kubeconfig, []byte(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":"`+api.URL+`"}}],"contexts":[{"name":"c","context":{"cluster":"c"}}]}`), 0o600))
}

// vm makes a VM as the pool hook does, and returns its project and name.
func (l *leak) vm(project, cluster, pool string) string {
	name := "t4-pool-" + v1alpha1.Hash(cluster + "/" + pool)[:6] + "-0"
	_, err := l.cloud.Cloud(project).Insert(l.Context(), gce.InstanceSpec{
		Name: name, Zone: "us-central1-a", MachineType: "g2-standard-8", Image: "projects/p/global/images/i", DiskSizeGB: 100, DiskType: "pd-ssd",
		ProvisioningModel: gce.ModelSpot, PreemptionNotice: gce.PreemptionNotice, MaxRunDuration: 24 * time.Hour,
		Labels: map[string]string{
			"spot-training-cluster": cluster, "spot-training-pool": v1alpha1.PoolID("ml", "t4-pool"), "spot-training-pool-uid": pool,
		},
	}, uuid.NewString())
	require.NoError(l, err)
	return project + "/" + name
}

// gc runs the command as a user does, and lets the cloud end what it began.
func (l *leak) gc(flags ...string) (output string, err error) {
	var out bytes.Buffer
	err = run(l.Context(), append([]string{"gc", "--kubeconfig=" + l.kubeconfig, "--gce-endpoint=" + l.endpoint}, flags...), strings.NewReader(""), &out)
	l.clock.Advance(5 * time.Minute)
	return out.String(), err
}

func (l *leak) left() []string {
	var names []string
	for _, vm := range l.cloud.Instances() {
		names = append(names, vm.Project+"/"+vm.Name)
	}
	return names
}

func (l *leak) all() []string { return append([]string{l.orphan}, l.others...) }

func writeJSON(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

func refusal(code int, reason string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Status","status":"Failure","code":%d,"reason":%q,"message":"refused"}`, code, reason)
}

func poolList(uids ...string) string {
	var items []string
	for _, uid := range uids {
		items = append(items, `{"metadata":{"namespace":"ml","name":"pool-`+uid[35:]+`","uid":"`+uid+`"},"spec":{"gcp":{"project":"acme"}}}`)
	}
	return `{"apiVersion":"training.training.dcnlab.com/v1alpha1","kind":"SpotInstanceVMList","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

func TestGCDeletesOrphansAndNothingElse(t *testing.T) {
	l := newLeak(t)
	output, err := l.gc()
	require.NoError(t, err, output)
	assert.ElementsMatch(t, l.others, l.left(), output)
	assert.Contains(t, output, "deleted "+strings.TrimPrefix(l.orphan, "acme/")+" zone=us-central1-a project=acme age=3h0m0s")
	assert.Contains(t, output, "4 VMs in 1 of 1 projects (acme), 1 orphans, 1 deleted, 0 not deleted")
}

func TestGCLooksIntoNamedProjects(t *testing.T) {
	l := newLeak(t)
	output, err := l.gc("--project=elsewhere")
	require.NoError(t, err, output)
	assert.Len(t, l.left(), len(l.others)-1, output)
	assert.Contains(t, output, "project=elsewhere")
}

func TestGCDryRunDeletesNothing(t *testing.T) {
	l := newLeak(t)
	output, err := l.gc("--dry-run")
	require.NoError(t, err, output)
	assert.ElementsMatch(t, l.all(), l.left())
	assert.Zero(t, l.cloud.Calls()[gcefake.Delete])
	assert.Contains(t, output, "would delete "+strings.TrimPrefix(l.orphan, "acme/"))
	assert.Contains(t, output, "1 orphans, 0 deleted")
}

func TestGCDeletesNothingWithoutAListOfPools(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		body   string
		remedy string
	}{
		"no CRD":      {http.StatusNotFound, "404 page not found", "kubectl apply -f crds/"},
		"not allowed": {http.StatusForbidden, refusal(http.StatusForbidden, "Forbidden"), "apply manifests/10-rbac.yaml"},
		"half a list": {http.StatusOK, strings.Replace(poolList(), `"metadata":{}`, `"metadata":{"continue":"x"}`, 1), "only the first part"},
	} {
		for failing := 1; failing <= 2; failing++ { // before and after the look at the cloud
			t.Run(fmt.Sprintf("%s in list %d", name, failing), func(t *testing.T) {
				l := newLeak(t)
				good := l.pools
				l.pools = func(w http.ResponseWriter, call int) {
					if call == failing {
						writeJSON(w, c.code, c.body)
						return
					}
					good(w, call)
				}
				output, err := l.gc()
				require.ErrorContains(t, err, "nothing was deleted", output)
				require.ErrorContains(t, err, c.remedy)
				assert.ElementsMatch(t, l.all(), l.left())
			})
		}
	}
}

// A project that is not read whole is left alone, and keeps nobody from the others.
func TestGCFailsIfAProjectCannotBeRead(t *testing.T) {
	for name, trouble := range map[string]gcefake.Call{
		"all of it": {Method: gcefake.ListAllInstances}, "one zone": {Method: gcefake.ListAllInstances, Zone: "us-west1-b"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLeak(t)
			l.cloud.Once(trouble, gcefake.Denied("compute.instances.list"))
			output, err := l.gc("--project=elsewhere") // acme comes first
			require.ErrorContains(t, err, "1 projects could not be read, 0 VMs could not be deleted")
			assert.Contains(t, output, "project acme is skipped: ")
			assert.Contains(t, l.left(), l.orphan)
			assert.Len(t, l.left(), len(l.others), "that of the other project is gone:\n%s", output)
		})
	}
}

func TestGCFailsIfAVMCannotBeDeleted(t *testing.T) {
	l := newLeak(t)
	l.cloud.When(gcefake.Call{Method: gcefake.Delete}, gcefake.Denied("compute.instances.delete"))
	output, err := l.gc()
	require.ErrorContains(t, err, "0 projects could not be read, 1 VMs could not be deleted")
	assert.Contains(t, output, "could not delete "+strings.TrimPrefix(l.orphan, "acme/"))
	assert.Contains(t, output, "compute.instances.delete")
}

func TestGCWithoutPoolsNeedsAProject(t *testing.T) {
	l := newLeak(t)
	l.pools = func(w http.ResponseWriter, _ int) { writeJSON(w, http.StatusOK, poolList()) }
	_, err := l.gc()
	require.ErrorContains(t, err, "name projects with --project")

	output, err := l.gc("--project=elsewhere")
	require.NoError(t, err, output)
	assert.Len(t, l.left(), len(l.others), output)
}

func TestGCRefuses(t *testing.T) {
	for name, c := range map[string]struct{ flag, refused string }{
		"hardly any grace":   {"--grace=1m", "--grace 1m0s is too short: give 5m0s or more"},
		"an empty project":   {"--project=", "-project: it is empty"},
		"an argument":        {"now", `unknown argument "now"`},
		"endpoint not a URL": {"--gce-endpoint=localhost", "is not an http URL"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), []string{"gc", c.flag}, strings.NewReader(""), &bytes.Buffer{})
			assert.ErrorContains(t, err, c.refused)
		})
	}
}

func TestParseGCConfig(t *testing.T) {
	env := func(key string) string { return map[string]string{"KUBECONFIG": "/env/config"}[key] }
	got, err := parseGCConfig(nil, env)
	require.NoError(t, err)
	assert.Equal(t, gcConfig{kubeconfig: "/env/config", grace: time.Hour}, got)
	got, err = parseGCConfig([]string{"--kubeconfig=/flag", "--dry-run", "--grace=2h", "--project=a", "--project=b"}, env)
	require.NoError(t, err)
	assert.Equal(t, gcConfig{kubeconfig: "/flag", grace: 2 * time.Hour, dryRun: true, projects: []string{"a", "b"}}, got)
}
