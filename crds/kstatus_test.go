package crds_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// An object that no hook has seen yet is not taken for one that is well. Its status is what the API server puts in its place when it
// reads an object without one.
func TestKstatusOfAnObjectThatWasAppliedAMomentAgo(t *testing.T) {
	servers := apiServers(t)
	for kind, server := range servers {
		object := map[string]any{
			"apiVersion": "training.training.dcnlab.com/v1alpha1", "kind": kind,
			"metadata": map[string]any{"name": "new", "namespace": "default", "generation": int64(1)}, "spec": map[string]any{},
		}
		defaulting.Default(object, server.structural)
		result, err := kstatus.Compute(&unstructured.Unstructured{Object: object})
		require.NoError(t, err)
		assert.Equal(t, kstatus.InProgressStatus, result.Status, kind)
	}
	assert.Len(t, servers, 2)
}
