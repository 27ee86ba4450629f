package composite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/composite"
)

// patience bounds every wait of the suite. Nothing depends on how long a wait really takes.
const patience = time.Minute

// conformance is what the driver and Metacontroller have to agree on, each case with a CompositeController,
// a namespace and hooks of its own.
var conformance = map[string]func(*testing.T, *fixture){
	"request":                   testRequest,
	"finalizer-first":           testFinalizerFirst,
	"status-replaced":           testStatusReplaced,
	"own-status-syncs-again":    testOwnStatusSyncsAgain,
	"ignore-status-changes":     testIgnoreStatusChanges,
	"status-despite-children":   testStatusDespiteChildren,
	"finalized-skips-children":  testFinalizedSkipsChildren,
	"finalize-in-order":         testFinalizeInOrder,
	"deletes-before-creates":    testDeletesBeforeCreates,
	"child-metadata":            testChildMetadata,
	"update-strategies":         testUpdateStrategies,
	"already-exists":            testAlreadyExists,
	"terminating-child":         testTerminatingChild,
	"adopt-and-release":         testAdoptAndRelease,
	"undeclared-kind":           testUndeclaredKind,
	"resync-earliest":           testResyncEarliest,
	"errors-back-off":           testErrorsBackOff,
	"resync-despite-back-off":   testResyncDespiteBackOff,
	"too-many-requests":         testTooManyRequests,
	"strict-response":           testStrictResponse,
	"customize-cached":          testCustomizeCached,
	"related-events":            testRelatedEvents,
	"spec-change-restarts":      testSpecChangeRestarts,
	"child-crd-installed-later": testChildCRDInstalledLater,
}

// TestConformance runs every case on the driver and, if METACONTROLLER names the binary, on Metacontroller.
func TestConformance(t *testing.T) {
	c := startCluster(t)
	apply(t, c.Dynamic(), "crd.yaml", "crd-binary.yaml", filepath.Join("testdata", "crds.yaml"))
	t.Run("driver", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		driver, err := composite.Start(ctx, c.Config(), composite.Options{})
		require.NoError(t, err)
		t.Cleanup(func() {
			cancel()
			driver.Wait()
		})
		runSuite(t, c.Dynamic(), func() bool { return true })
	})
	t.Run("metacontroller", func(t *testing.T) {
		binary := os.Getenv("METACONTROLLER")
		if binary == "" {
			t.Skip("set METACONTROLLER to the path of a Metacontroller v4.17 binary to run the same cases on it")
		}
		runSuite(t, c.Dynamic(), startMetacontroller(t, binary, c.Kubeconfig()))
	})
}

// runSuite runs every case as long as the host is alive.
func runSuite(t *testing.T, client dynamic.Interface, alive func() bool) {
	hooks := newProbe()
	t.Cleanup(hooks.server.Close)
	host := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	for name, test := range conformance {
		require.True(t, alive(), "the host has died")
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, client, hooks, host+"-"+name)) })
	}
}

func startCluster(t *testing.T) *cluster.Cluster {
	if testing.Short() {
		t.Skip("needs a control plane")
	}
	binaries, err := cluster.BuildControlPlane(t.Context(), os.Stderr)
	require.NoError(t, err)
	c, err := cluster.Start(t.Context(), cluster.Options{Binaries: binaries})
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return c
}

// startMetacontroller runs the binary until the test ends and shows its log if the test fails. The returned
// function says whether it still runs.
func startMetacontroller(t *testing.T, binary, kubeconfig string) (alive func() bool) {
	log, err := os.Create(filepath.Join(t.TempDir(), "metacontroller.log"))
	require.NoError(t, err)
	cmd := exec.Command(binary, "--kubeconfig="+kubeconfig, "--discovery-interval=1s",
		"--client-go-qps=500", "--client-go-burst=1000", "--metrics-address=0", "--health-probe-bind-address=0")
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if content, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("metacontroller:\n%s", content)
		}
	})
	return func() bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
}

// apply creates the CRDs in the files and waits until they are served.
func apply(t *testing.T, client dynamic.Interface, files ...string) {
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			crd := &unstructured.Unstructured{}
			require.NoError(t, yaml.Unmarshal([]byte(document), &crd.Object), file)
			install(t, client, crd)
		}
	}
}

func install(t *testing.T, client dynamic.Interface, crd *unstructured.Unstructured) {
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err := crds.Create(t.Context(), crd, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, fmt.Sprintf("CRD %s is established", crd.GetName()), func() bool {
		live, err := crds.Get(t.Context(), crd.GetName(), metav1.GetOptions{})
		require.NoError(t, err)
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, c := range conditions {
			if condition := c.(map[string]any); condition["type"] == "Established" && condition["status"] == "True" {
				return true
			}
		}
		return false
	})
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 20*time.Millisecond, "waiting until %s", what)
}
