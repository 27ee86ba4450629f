package crds_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// apiServer treats objects of one CRD as an API server does when it stores them: default, prune, validate.
type apiServer struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// apiServers returns an apiServer by kind for every CRD of this directory.
func apiServers(t *testing.T) map[string]apiServer {
	t.Helper()
	servers := map[string]apiServer{}
	for _, crd := range load(t) {
		props := crd.Spec.Validation // Where the conversion puts the schema of a single version.
		structural, err := structuralschema.NewStructural(props.OpenAPIV3Schema)
		require.NoError(t, err)
		schema, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
		require.NoError(t, err)
		servers[crd.Spec.Names.Kind] = apiServer{
			structural: structural,
			schema:     schema,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		}
	}
	return servers
}

// admit returns the object as it would be stored, and why it is refused. A nil old means that it is created.
func (s apiServer) admit(object, old map[string]any) (stored map[string]any, refused []string) {
	stored = (&unstructured.Unstructured{Object: object}).DeepCopy().Object
	pruning.Prune(stored, s.structural, true)
	defaulting.Default(stored, s.structural)

	found := validation.ValidateCustomResource(nil, stored, s.schema)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, s.structural, stored)...)
	var previous any
	if old != nil {
		previous = maps.Clone(old)
	}
	broken, _ := s.rules.Validate(context.Background(), nil, s.structural, stored, previous, celconfig.RuntimeCELCostBudget)
	for _, err := range append(found, broken...) {
		refused = append(refused, err.Error())
	}
	return stored, refused
}

// load returns the CRDs of this directory in the form the API server validates them.
func load(t *testing.T) []*apiextensions.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no CRDs here: run make generate")
	var crds []*apiextensions.CustomResourceDefinition
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var crd apiextensionsv1.CustomResourceDefinition
		require.NoError(t, yaml.UnmarshalStrict(text, &crd), file)
		apiextensionsv1.SetDefaults_CustomResourceDefinition(&crd)
		apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
		crd.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
		var internal apiextensions.CustomResourceDefinition
		require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&crd, &internal, nil), file)
		crds = append(crds, &internal)
	}
	return crds
}

// documents returns the objects of a YAML file.
func documents(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var objects []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err)
		json, err := yaml.YAMLToJSONStrict(document)
		require.NoError(t, err, file)
		if string(json) == "null" {
			continue
		}
		var object unstructured.Unstructured
		require.NoError(t, object.UnmarshalJSON(json), file)
		objects = append(objects, &object)
	}
}
