package hooktest

import (
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Schema is the schema of a CRD with one version.
type Schema struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

// LoadSchema reads a CRD from a YAML file.
func LoadSchema(t *testing.T, file string) Schema {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var crd apiextensionsv1.CustomResourceDefinition
	require.NoError(t, yaml.UnmarshalStrict(text, &crd))
	require.Len(t, crd.Spec.Versions, 1)
	var props apiextensions.JSONSchemaProps
	require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil))
	structural, err := structuralschema.NewStructural(&props)
	require.NoError(t, err)
	validator, _, err := validation.NewSchemaValidator(&props)
	require.NoError(t, err)
	return Schema{structural, validator}
}

// Refuses tells why an API server would not store the object as it is: what is invalid, and that fields would be pruned.
// CEL rules are not looked at.
func (s Schema) Refuses(o map[string]any) []string {
	stored := (&unstructured.Unstructured{Object: o}).DeepCopy().Object
	pruning.Prune(stored, s.structural, true)
	var reasons []string
	if !reflect.DeepEqual(stored, (&unstructured.Unstructured{Object: o}).DeepCopy().Object) {
		reasons = append(reasons, fmt.Sprintf("fields are not in the schema: of %v remains %v", o, stored))
	}
	invalid := validation.ValidateCustomResource(nil, stored, s.validator)
	invalid = append(invalid, listtype.ValidateListSetsAndMaps(nil, s.structural, stored)...)
	for _, err := range invalid {
		reasons = append(reasons, err.Error())
	}
	return reasons
}
