package spotinstancejob

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// says is the termination message of the first container.
func says(message string) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].State.Terminated.Message = message
	}
}

// TestLastWords: status keeps how an attempt failed, since its pod goes.
func TestLastWords(t *testing.T) {
	const log = "epoch 3\nTraceback:\nRuntimeError: CUDA out of memory\n"
	healthy := one(v1alpha1.InstanceReady, time.Hour)
	failed := anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute), says(log))
	want := &v1alpha1.JobFailureStatus{
		Attempt: 1, Time: stamp(ago(time.Minute)),
		Message: "container trainer exited with code 1 (Error):\nepoch 3\nTraceback:\nRuntimeError: CUDA out of memory",
	}
	known := func(w *world) {
		status(0, 1, v1alpha1.ReplicaBackingOff, 1)(w)
		w.job.Status.JobStatuses[0].LastFailure = want
	}
	broken := func(w *world) {
		known(w)
		w.job.Status.JobStatuses[0].LastFailure = &v1alpha1.JobFailureStatus{Message: "at no time"}
	}
	for name, c := range map[string]struct {
		given []fact
		want  *v1alpha1.JobFailureStatus
	}{
		"failed":                            {[]fact{healthy, failed}, want},
		"the next attempt trains":           {[]fact{healthy, known, anAttempt(0, 2, trains("vm-0", time.Second))}, want},
		"its pod is gone":                   {[]fact{healthy, known, anAttempt(0, 1, jobIs(batchv1.JobFailed, time.Minute), noPod)}, want},
		"lost with its VM":                  {[]fact{one(v1alpha1.InstanceGone, time.Minute), failed}, nil},
		"what cannot be written is dropped": {[]fact{healthy, broken, anAttempt(0, 2, trains("vm-0", time.Second))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(c.given...).decide(t)
			replicas := renderStatus(o, d).JobStatuses
			require.NotEmpty(t, replicas)
			assert.Equal(t, c.want, replicas[0].LastFailure)
		})
	}
	_, d := given(healthy, failed).decide(t)
	assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), "container trainer exited with code 1 (Error RuntimeError: CUDA out of memory)")
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"\n\n":                         "",
		"one":                          "one",
		"one\ntwo\n":                   "one\ntwo",
		"12345\n1234567890":            "1234567890",
		"1234\n12345":                  "1234\n12345",
		"12345\n12345":                 "12345",
		"a line that is too long":      "s too long",
		"10%\r\r20%\r30%\nfailed":      "30%\nfailed",
		"\xff\xfebroken":               "broken",
		strings.Repeat("é", 9) + "12":  strings.Repeat("é", 4) + "12",
		strings.Repeat("é", 9) + "123": strings.Repeat("é", 3) + "123",
	} {
		got := lastLines(text, 10)
		assert.Equal(t, want, got, "%q", text)
		assert.True(t, utf8.ValidString(got))
	}
}

// TestContainersLeaveLastWords: unless the user has said how.
func TestContainersLeaveLastWords(t *testing.T) {
	pod := rendered(t, given(podOf(t, `{
		initContainers: [{name: i, image: i}],
		containers: [{name: a, image: a}, {name: b, image: b, terminationMessagePolicy: File}]}`)), source{})
	assert.Equal(t, corev1.TerminationMessageFallbackToLogsOnError, pod.InitContainers[0].TerminationMessagePolicy)
	assert.Equal(t, corev1.TerminationMessageFallbackToLogsOnError, pod.Containers[0].TerminationMessagePolicy)
	assert.Equal(t, corev1.TerminationMessageReadFile, pod.Containers[1].TerminationMessagePolicy)
}

// TestLabelsWithNames are for kubectl logs -l.
func TestLabelsWithNames(t *testing.T) {
	w := given()
	o, d := w.decide(t)
	job := renderJob(o, d.attempts[0])
	for _, labels := range []map[string]string{job.Labels, job.Spec.Template.Labels} {
		assert.Equal(t, "train", labels["training.dcnlab.com/job-name"])
		assert.Equal(t, "a100", labels["training.dcnlab.com/pool-name"])
	}
	long := strings.Repeat("a", 53) + "." + strings.Repeat("b", 60)
	value := v1alpha1.LabelValue(long)
	assert.Len(t, value, 63)
	assert.Equal(t, long[:54], value[:54])
	assert.NotEqual(t, value, v1alpha1.LabelValue(long+"c"))
	assert.Equal(t, long[:63], v1alpha1.LabelValue(long[:63]))
}
