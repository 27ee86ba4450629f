package jobrules_test

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/jobrules"
)

// change is what a case of testdata changes in the plainest template.
type change struct {
	Name, Want                                 string
	Metadata, PodMetadata, Job, Pod, Container map[string]any
}

// template is the plainest one with the changes.
func (c change) template(t *testing.T) batchv1.JobTemplateSpec {
	t.Helper()
	container := map[string]any{"name": "trainer", "image": "acme/train:1"}
	maps.Copy(container, c.Container)
	pod := map[string]any{"containers": []any{container}}
	maps.Copy(pod, c.Pod)
	job := map[string]any{"template": map[string]any{"metadata": c.PodMetadata, "spec": pod}}
	maps.Copy(job, c.Job)
	data, err := json.Marshal(map[string]any{"metadata": c.Metadata, "spec": job})
	require.NoError(t, err)
	var template batchv1.JobTemplateSpec
	require.NoError(t, yaml.UnmarshalStrict(data, &template))
	return template
}

func changes(t *testing.T, file string) []change {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []change
	require.NoError(t, yaml.UnmarshalStrict(data, &all))
	require.NotEmpty(t, all)
	return all
}

func check(t *testing.T, c change) []string {
	t.Helper()
	template := c.template(t)
	var refused []string
	for _, e := range jobrules.Check(template, nil) {
		refused = append(refused, e.Error())
	}
	again := jobrules.Check(template, field.NewPath("spec", "jobTemplate"))
	require.Len(t, again, len(refused))
	for i, e := range again {
		assert.Equal(t, "spec.jobTemplate."+refused[i], e.Error())
	}
	return refused
}

func TestTemplatesThatAnAPIServerTakesAreTaken(t *testing.T) {
	for _, c := range changes(t, "testdata/accepted.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			assert.Empty(t, check(t, c))
		})
	}
}

func TestTemplatesThatAnAPIServerRefusesAreRefused(t *testing.T) {
	for _, c := range changes(t, "testdata/refused.yaml") {
		t.Run(c.Name, func(t *testing.T) {
			refused := check(t, c)
			require.Len(t, refused, 1)
			require.NotEmpty(t, c.Want)
			assert.True(t, strings.HasPrefix(refused[0], c.Want), "%s\ninstead of %s", refused[0], c.Want)
		})
	}
}

// TestAllThatIsWrongIsSaidInOneOrder: labels and resources are maps.
func TestAllThatIsWrongIsSaidInOneOrder(t *testing.T) {
	c := change{
		Container: map[string]any{"resources": map[string]any{"limits": map[string]any{"gpu": 1, "tpu": 1}}},
		Metadata:  map[string]any{"labels": map[string]any{"a": "a a", "b": "b b", "c": "c c"}},
		Job:       map[string]any{"backoffLimit": -1},
	}
	first := check(t, c)
	require.Len(t, first, 6)
	for range 20 {
		require.Equal(t, first, check(t, c))
	}
}
