package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// hooksProcess is the server as its Deployment runs it.
type hooksProcess struct {
	address       string
	pid           int
	limit         int64 // of memory, which the container has
	probeTimeout  time.Duration
	probeFailures int // in a row, which end the container
}

func buildHooks(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hooks")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// startHooks runs the server until the test ends, which it must live to see.
func startHooks(t *testing.T, binary string) *hooksProcess {
	t.Helper()
	container := deployedContainer(t)
	cmd := exec.Command(binary, "--listen=127.0.0.1:0", "--kubeconfig="+kubeSystemOnly(t))
	for _, v := range container.Spec.Template.Spec.Containers[0].Env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	logs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	address := make(chan string, 1)
	ended := make(chan error, 1)
	go func() { // reads to the end: a full pipe would stop the server
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				address <- line.Address
			}
		}
		_, _ = io.Copy(io.Discard, logs)
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM), "the server has died")
		require.NoError(t, <-ended)
	})
	p := &hooksProcess{pid: cmd.Process.Pid}
	first := container.Spec.Template.Spec.Containers[0]
	p.limit = first.Resources.Limits.Memory().Value()
	p.probeTimeout = time.Duration(first.LivenessProbe.TimeoutSeconds) * time.Second
	p.probeFailures = max(int(first.LivenessProbe.FailureThreshold), 1)
	if first.LivenessProbe.FailureThreshold == 0 {
		p.probeFailures = 3 // by default
	}
	require.Positive(t, p.limit)
	require.Positive(t, p.probeTimeout)
	select {
	case p.address = <-address:
	case <-time.After(startTimeout):
		t.Fatal("the server did not start")
	}
	return p
}

func deployedContainer(t *testing.T) (deployment appsv1.Deployment) {
	t.Helper()
	manifest, err := os.ReadFile("../../manifests/20-deployment.yaml")
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(manifest), "\n---\n")
	require.NoError(t, yaml.Unmarshal([]byte(first), &deployment))
	return deployment
}

// kubeSystemOnly is the kubeconfig of an API server that knows the cluster's id.
func kubeSystemOnly(t *testing.T) string {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/kube-system" {
			writeJSON(w, http.StatusForbidden, refusal(http.StatusForbidden, "Forbidden"))
			return
		}
		writeJSON(w, http.StatusOK, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"`+thisCluster+`"}}`)
	}))
	t.Cleanup(api.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c"}}]}`, api.URL)), 0o600))
	return path
}

// peakMemory is the most that the process has had, by the kernel's count.
func (p *hooksProcess) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	require.NoError(t, err, "the server has died")
	_, after, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found, "the server has died")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	require.NoError(t, err)
	return kilobytes << 10
}
