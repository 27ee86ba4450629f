package spotinstancejob

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Whatever an attempt has with another value than the template is told.
func TestNoFieldIsRewrittenSilently(t *testing.T) {
	const at = "spec.jobTemplate.spec.template.spec."
	job := func(part string) string { return `{` + part + `"spec":{` + plainPod + `}}` }
	pod := func(part string) string {
		return `{"spec":{"template":{` + part + `"spec":{"containers":[{"name":"trainer","image":"acme/train:1"}]}}}}`
	}
	for name, c := range map[string]struct{ template, says string }{
		"a Job's replacement policy":         {`{"spec":{"podReplacementPolicy":"Failed",` + plainPod + `}}`, "spec.jobTemplate.spec.podReplacementPolicy Failed is not used"},
		"the one that attempts have":         {`{"spec":{"podReplacementPolicy":"TerminatingOrFailed",` + plainPod + `}}`, ""},
		"a label of ours on the Job":         {job(`"metadata":{"labels":{"team":"a","training.dcnlab.com/replica":"77"}},`), "spec.jobTemplate.metadata.labels[training.dcnlab.com/replica] is not used"},
		"an annotation of ours":              {job(`"metadata":{"annotations":{"training.dcnlab.com/final-attempt":"true"}},`), "spec.jobTemplate.metadata.annotations[training.dcnlab.com/final-attempt] is not used"},
		"a label of ours on the pod":         {pod(`"metadata":{"labels":{"training.dcnlab.com/pool":"x"}},`), "spec.jobTemplate.spec.template.metadata.labels[training.dcnlab.com/pool] is not used"},
		"labels and annotations of the user": {job(`"metadata":{"labels":{"team":"a"},"annotations":{"a":"b"}},`), ""},
		"another pool's Nodes": {
			`{"spec":{"template":{"spec":{"nodeSelector":{"training.dcnlab.com/pool":"x","disk":"ssd"},"containers":[{"name":"a","image":"b"}]}}}}`,
			at + "nodeSelector[training.dcnlab.com/pool] is not used: spec.spotInstanceVMRef says on whose VMs the replicas run",
		},
		"an image that is never pulled": {
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"b","imagePullPolicy":"Never"}]}}}}`,
			at + "containers[0].imagePullPolicy Never is not used for checkpoint images",
		},
		"a plain template": {plainTemplate, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := given()
			w.job.Spec.JobTemplate.Raw = []byte(c.template)
			o, d := w.decide(t)
			require.Nil(t, o.invalid)
			message := messageOf(d, v1alpha1.ConditionIgnoredFields)
			if c.says == "" {
				c.says = "no condition"
			}
			assert.Contains(t, message, c.says)
		})
	}
}

// What only the operator writes is never read from what the user wrote.
func TestAnnotationsOfTheUserAreNoFacts(t *testing.T) {
	w := given()
	w.job.Spec.JobTemplate.Raw = []byte(`{"metadata":{"annotations":{"training.dcnlab.com/restored-from":"x","mine":"y"}},"spec":{` + plainPod + `}}`)
	o, _ := w.decide(t)
	annotations := renderJob(o, newAttempt{replica: 0, attempt: 1}).Annotations
	assert.NotContains(t, annotations, annotationRestoredFrom)
	assert.Equal(t, "y", annotations["mine"])
}
