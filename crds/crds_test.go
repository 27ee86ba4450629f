// Package crds_test checks the generated CRDs as an API server would, without one: that they are accepted, that they
// are small and described, what they refuse and with which words.
package crds_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// lastAppliedLimit bounds all annotations of an object: kubectl apply keeps the whole CRD in one.
const lastAppliedLimit = 256 << 10

func TestAnAPIServerAcceptsTheCRDs(t *testing.T) {
	for _, crd := range load(t) {
		errs := apiextensionsvalidation.ValidateCustomResourceDefinition(context.Background(), crd)
		assert.Empty(t, errs.ToAggregate(), crd.Name)
	}
}

func TestCRDsAreSmallEnoughForKubectlApply(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		lastApplied, err := yaml.YAMLToJSON(text)
		require.NoError(t, err)
		assert.Less(t, len(lastApplied), lastAppliedLimit, file)
	}
}

func TestCRDsHaveTheSubresourcesAndNamesThatPeopleUse(t *testing.T) {
	shortNames := map[string][]string{"SpotInstanceJob": {"sij"}, "SpotInstanceVM": {"sivm"}}
	for _, crd := range load(t) {
		assert.Equal(t, shortNames[crd.Spec.Names.Kind], crd.Spec.Names.ShortNames)
		assert.NotNil(t, crd.Spec.Subresources.Status, crd.Name)
		assert.Equal(t, ".spec.replicas", crd.Spec.Subresources.Scale.SpecReplicasPath, crd.Name)
		status := crd.Spec.Validation.OpenAPIV3Schema.Properties["status"]
		assert.Contains(t, status.Properties, "observedGeneration",
			"Metacontroller writes it into every status: a schema that prunes it makes every sync a write")
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	for kind, server := range apiServers(t) {
		for _, stage := range []string{"spec", "status"} {
			assert.Empty(t, undescribed(kind+"."+stage, server.structural.Properties[stage]),
				"add a comment in api/v1alpha1 and run make generate")
		}
	}
}

// undescribed returns the paths of all fields below s, and of s itself, that have no description.
func undescribed(path string, s structuralschema.Structural) []string {
	var paths []string
	if s.Description == "" {
		paths = append(paths, path)
	}
	if s.Items != nil {
		for name, field := range s.Items.Properties {
			paths = append(paths, undescribed(path+"[]."+name, field)...)
		}
	}
	for name, field := range s.Properties {
		paths = append(paths, undescribed(path+"."+name, field)...)
	}
	return paths
}

func TestManifestsAreAcceptedUnchanged(t *testing.T) {
	servers := apiServers(t)
	for _, file := range []string{
		"testdata/original-fields.yaml", "../manifests/samples/pool.yaml", "../manifests/samples/job.yaml",
		"../manifests/samples/job-saves-itself.yaml",
	} {
		objects := documents(t, file)
		require.NotEmpty(t, objects, file)
		for _, object := range objects {
			if object.GetAPIVersion() == "v1" {
				continue // a sample's volume or script
			}
			server, ours := servers[object.GetKind()]
			require.True(t, ours, "%s: %s is none of our kinds", file, object.GetKind())
			stored, refused := server.admit(object.Object, nil)
			assert.Empty(t, refused, "%s: %s", file, object.GetName())
			assertKept(t, file+": "+object.GetName(), object.Object, stored)
		}
	}
}

// assertKept fails for each value of the manifest that is not stored as it was written: a field that was pruned.
func assertKept(t *testing.T, path string, written, stored any) {
	t.Helper()
	fields, isObject := written.(map[string]any)
	if !isObject {
		assert.Equal(t, written, stored, path)
		return
	}
	kept, _ := stored.(map[string]any)
	for name, value := range fields {
		assertKept(t, path+"."+name, value, kept[name])
	}
}

func TestDefaults(t *testing.T) {
	servers := apiServers(t)
	job, _ := servers["SpotInstanceJob"].admit(example(t, "smallest-job"), nil)
	pool, _ := servers["SpotInstanceVM"].admit(example(t, "smallest-pool"), nil)

	assertSpec(t, job, `{
		"checkpointConfig": {
			"method": "Container", "checkpointImageRepo": "acme/checkpoints", "checkpointInterval": "30m",
			"retain": 3, "timeout": "15m", "onPreemption": "Auto"},
		"spotInstanceVMRef": {"name": "smallest-pool"},
		"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "trainer", "image": "acme/mnist"}]}}}}}`)
	assertSpec(t, pool, `{
		"vmImage": "projects/acme-ml/global/images/ubuntu-node",
		"gcp": {
			"project": "acme-ml", "zone": "europe-west4-a", "machineType": "n1-standard-4",
			"diskSizeGB": 100, "externalIP": true},
		"minReplicas": 0, "maxReplicas": 10, "provisioningModel": "Spot", "preemptionNotice": "120s",
		"maxRunDuration": "168h", "joinTimeout": "15m", "idleTimeout": "5m", "fallbackAfter": "10m"}`)
}

func assertSpec(t *testing.T, object map[string]any, want string) {
	t.Helper()
	spec, err := json.Marshal(object["spec"])
	require.NoError(t, err)
	assert.JSONEq(t, want, string(spec))
}

// example returns a fresh copy of one of the original operator's manifests.
func example(t *testing.T, name string) map[string]any {
	t.Helper()
	for _, object := range documents(t, "testdata/original-fields.yaml") {
		if object.GetName() == name {
			return object.Object
		}
	}
	require.Failf(t, "no such example", "testdata/original-fields.yaml has no %s", name)
	return nil
}

// with returns the object with the value at the path of the spec replaced.
func with(t *testing.T, object map[string]any, value any, path ...string) map[string]any {
	t.Helper()
	require.NoError(t, unstructured.SetNestedField(object, value, append([]string{"spec"}, path...)...))
	return object
}
