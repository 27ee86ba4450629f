package kube_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func poolList(meta map[string]any, items ...any) map[string]any {
	return map[string]any{
		"apiVersion": "training.training.dcnlab.com/v1alpha1", "kind": "SpotInstanceVMList", "metadata": meta, "items": items,
	}
}

func TestPools(t *testing.T) {
	pool := map[string]any{"metadata": map[string]any{"namespace": "ml", "name": "t4-pool", "uid": "u1"}, "spec": map[string]any{"gcp": map[string]any{"project": "acme"}}}
	k, s := client(t, func(call) (int, any) { return http.StatusOK, poolList(nil, pool) })
	pools, err := k.Pools(t.Context())
	require.NoError(t, err)
	require.Len(t, pools, 1)
	require.EqualValues(t, "u1", pools[0].UID)
	require.Equal(t, "acme", pools[0].Spec.GCP.Project)
	require.Equal(t, "/apis/training.training.dcnlab.com/v1alpha1/spotinstancevms", s.calls[0].path)
	require.Empty(t, s.calls[0].query, "no resourceVersion: not from a cache; no limit: all at once")

	k, _ = client(t, func(call) (int, any) { return http.StatusOK, poolList(nil) })
	pools, err = k.Pools(t.Context())
	require.NoError(t, err, "a cluster without pools is no mistake")
	require.Empty(t, pools)
}

// Whatever is not clearly the whole list would make orphans of all VMs that it does not show.
func TestPoolsAreAllOrAnError(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		answer any
		says   string
	}{
		"something else":   {http.StatusOK, map[string]any{}, `is a ""`},
		"of another kind":  {http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "PodList"}, `is a "PodList"`},
		"a first page":     {http.StatusOK, poolList(map[string]any{"continue": "abc"}), "only the first part"},
		"without identity": {http.StatusOK, poolList(nil, map[string]any{"metadata": map[string]any{"namespace": "ml", "name": "t4-pool"}}), "ml/t4-pool has no UID"},
		"not decodable":    {http.StatusOK, poolList(nil, "pool"), "decode"},
		"empty":            {http.StatusNoContent, nil, "decode"},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := client(t, func(call) (int, any) { return c.code, c.answer })
			_, err := k.Pools(t.Context())
			require.ErrorContains(t, err, "list SpotInstanceVMs of all namespaces")
			require.ErrorContains(t, err, c.says)
		})
	}
	k, _ := client(t, func(call) (int, any) { return failure(http.StatusForbidden, metav1.StatusReasonForbidden) })
	_, err := k.Pools(t.Context())
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	k, _ = client(t, func(call) (int, any) { return http.StatusNotFound, "404 page not found" })
	_, err = k.Pools(t.Context())
	require.True(t, apierrors.IsNotFound(err), "the CRD is missing: %v", err)
}

func TestClusterWithoutIDIsAnError(t *testing.T) {
	k, _ := client(t, func(call) (int, any) { return http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "Namespace"} })
	_, err := k.ClusterID(t.Context())
	require.ErrorContains(t, err, "no UID")
}
