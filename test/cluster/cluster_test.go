package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// patience is how long a test waits for something that takes a second or two on an idle machine.
const patience = 90 * time.Second

// eventually polls until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool { err = check(); return err == nil }, patience, 50*time.Millisecond, "%v",
		stringer(func() string { return fmt.Sprint(err) }))
}

type stringer func() string

func (s stringer) String() string { return s() }

func TestServerSaysWhichVersionItIs(t *testing.T) {
	version, err := lab.Client().Discovery().ServerVersion()

	require.NoError(t, err)
	assert.Equal(t, "v1.36.3", version.GitVersion)
	assert.Equal(t, "36", version.Minor)
}

func TestKubectlReportsItsOwnMessage(t *testing.T) {
	out, err := lab.Kubectl(t.Context(), "get", "node", "lab-control-plane", "--output=name")
	require.NoError(t, err)
	assert.Equal(t, "node/lab-control-plane\n", out)

	_, err = lab.Kubectl(t.Context(), "get", "node", "nobody")
	assert.ErrorContains(t, err, `nodes "nobody" not found`)
}

func TestServiceAccountMayDoWhatItsRoleSays(t *testing.T) {
	require.NoError(t, lab.Apply(t.Context(), "default", `
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader, namespace: default}
`))
	path, err := lab.KubeconfigFor(t.Context(), "default", "reader")
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	reader := kubernetes.NewForConfigOrDie(config)

	eventually(t, func() error {
		_, err := reader.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		return err
	})
	_, err = reader.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "listing Secrets: %v", err)
}

func TestExpiredJoinTokenLeavesClusterInfo(t *testing.T) {
	token, err := lab.NewJoinToken(t.Context(), 0)
	require.NoError(t, err)
	assert.Contains(t, clusterInfo(t).Data, "jws-kubeconfig-"+token.ID())

	require.NoError(t, lab.RevokeJoinToken(t.Context(), token))
	assert.NotContains(t, clusterInfo(t).Data, "jws-kubeconfig-"+token.ID())
}

func clusterInfo(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	info, err := lab.Client().CoreV1().ConfigMaps("kube-public").Get(t.Context(), "cluster-info", metav1.GetOptions{})
	require.NoError(t, err)
	return info
}

// ownerEnv makes this test binary start a lab, print what it runs, and wait to be killed.
const ownerEnv = "LAB_TEST_OWNER"

// owned is what such a process prints.
type owned struct {
	Dir  string
	Host string
}

func ownLab() int {
	binaries, err := cluster.BuildControlPlane(context.Background(), os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := cluster.Start(context.Background(), cluster.Options{Binaries: binaries})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(owned{Dir: c.Dir(), Host: strings.TrimPrefix(c.Config().Host, "https://")}); err != nil {
		return 1
	}
	if os.Getenv(ownerEnv) == "stop" {
		c.Stop()
		return 0
	}
	select {}
}

// startOwner starts a process with a lab of its own, in a temporary directory of its own.
func startOwner(t *testing.T, then, tmp string) (*exec.Cmd, owned) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"="+then, "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err, "the process with the lab ended early")
	var lab owned
	require.NoError(t, json.Unmarshal(line, &lab))
	return cmd, lab
}

// nothingLeft checks that no process has dir on its command line and that nobody listens on host.
func nothingLeft(lab owned) error {
	out, err := exec.Command("ps", "-A", "-o", "command=").Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, lab.Dir) {
			return fmt.Errorf("still running: %s", line)
		}
	}
	connection, err := net.DialTimeout("tcp", lab.Host, time.Second)
	if err == nil {
		_ = connection.Close()
		return errors.New("somebody listens on " + lab.Host)
	}
	return nil
}

func TestStopLeavesNothing(t *testing.T) {
	cmd, lab := startOwner(t, "stop", t.TempDir())

	require.NoError(t, cmd.Wait())

	require.NoError(t, nothingLeft(lab))
	assert.NoDirExists(t, lab.Dir)
}

func TestKilledOwnerTakesItsLabAlong(t *testing.T) {
	tmp := t.TempDir()
	cmd, lab := startOwner(t, "wait", tmp)
	pids, err := os.ReadFile(filepath.Join(lab.Dir, "pids"))
	require.NoError(t, err)
	assert.Len(t, strings.Fields(string(pids)), 5)

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()

	if runtime.GOOS == "linux" { // elsewhere the next lab ends the children
		eventually(t, func() error { return nothingLeft(lab) })
	}
	next, _ := startOwner(t, "stop", tmp)
	require.NoError(t, next.Wait())
	require.NoError(t, nothingLeft(lab))
	left, err := filepath.Glob(filepath.Join(tmp, "spot-lab-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "the next lab removes the data of the one that was killed")
}
