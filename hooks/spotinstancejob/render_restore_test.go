package spotinstancejob

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// podOf is a template whose pod has this spec.
func podOf(t *testing.T, spec string) fact {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte("spec: {template: {spec: " + spec + "}}"))
	require.NoError(t, err)
	return func(w *world) { w.job.Spec.JobTemplate.Raw = raw }
}

// rendered is the pod of the job's next attempt, as an API server reads it.
func rendered(t *testing.T, w world, from source) corev1.PodSpec {
	t.Helper()
	o, err := observe(w.request(t), noon)
	require.NoError(t, err)
	require.Nil(t, o.invalid)
	data, err := yaml.Marshal(asYAML(t, renderJob(o, newAttempt{replica: 0, attempt: 2, from: from}).Spec.Template.Spec))
	require.NoError(t, err)
	var pod corev1.PodSpec
	require.NoError(t, yaml.UnmarshalStrict(data, &pod))
	return pod
}

func fromCheckpoint(containers ...string) source {
	from := source{backup: "ckpt", images: map[string]string{}}
	for _, c := range containers {
		from.images[c] = "registry.acme.io/checkpoints:ckpt-" + c
	}
	return from
}

// TestImagesThatACheckpointWasMadeFromArePulled: CRI-O restores a checkpoint only if they are on the Node.
func TestImagesThatACheckpointWasMadeFromArePulled(t *testing.T) {
	off := func(w *world) { w.job.Spec.CheckpointConfig.PullBaseImages = new(bool) }
	for name, c := range map[string]struct {
		pod  string
		from source
		also fact
		want map[string]string // image by volume
	}{
		"one container": {
			pod: `{containers: [{name: a, image: "acme/a:1"}]}`, from: fromCheckpoint("a"),
			want: map[string]string{"checkpoint-base-0": "acme/a:1"},
		},
		"two containers of two images": {
			pod: `{containers: [{name: a, image: "acme/a:1"}, {name: b, image: "acme/b:1"}]}`, from: fromCheckpoint("a", "b"),
			want: map[string]string{"checkpoint-base-0": "acme/a:1", "checkpoint-base-1": "acme/b:1"},
		},
		"two containers of one image": {
			pod: `{containers: [{name: a, image: "acme/a:1"}, {name: b, image: "acme/a:1"}]}`, from: fromCheckpoint("a", "b"),
			want: map[string]string{"checkpoint-base-0": "acme/a:1"},
		},
		"init containers start from their own images": {
			pod:  `{initContainers: [{name: i, image: "acme/i:1"}], containers: [{name: a, image: "acme/a:1"}]}`,
			from: fromCheckpoint("a"), want: map[string]string{"checkpoint-base-0": "acme/a:1"},
		},
		"the user has volumes of these names": {
			pod:  `{containers: [{name: a, image: "acme/a:1"}], volumes: [{name: checkpoint-base-0, emptyDir: {}}, {name: checkpoint-base-0-x, emptyDir: {}}]}`,
			from: fromCheckpoint("a"), want: map[string]string{"checkpoint-base-0-x-x": "acme/a:1"},
		},
		"an attempt from the template":  {pod: `{containers: [{name: a, image: "acme/a:1"}]}`},
		"the user wants no such volume": {pod: `{containers: [{name: a, image: "acme/a:1"}]}`, from: fromCheckpoint("a"), also: off},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(podOf(t, c.pod))
			if c.also != nil {
				c.also(&w)
			}
			pod := rendered(t, w, c.from)
			got := map[string]string{}
			for _, v := range pod.Volumes {
				if v.Image != nil {
					assert.Equal(t, corev1.PullIfNotPresent, v.Image.PullPolicy)
					got[v.Name] = v.Image.Reference
				}
			}
			if c.want == nil {
				c.want = map[string]string{}
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, len(c.want) > 0, hasBaseVolume(pod))
		})
	}
}

// TestPullPolicyOfACheckpoint: an image that no Node has yet must be pulled; all else is the user's.
func TestPullPolicyOfACheckpoint(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		from   source
		want   corev1.PullPolicy
	}{
		"Never, restored":          {"imagePullPolicy: Never", fromCheckpoint("a"), corev1.PullIfNotPresent},
		"Never, from the template": {"imagePullPolicy: Never", source{}, corev1.PullNever},
		"Always":                   {"imagePullPolicy: Always", fromCheckpoint("a"), corev1.PullAlways},
		"IfNotPresent":             {"imagePullPolicy: IfNotPresent", fromCheckpoint("a"), corev1.PullIfNotPresent},
		"unset":                    {"tty: true", fromCheckpoint("a"), ""},
	} {
		w := given(podOf(t, `{containers: [{name: a, image: "acme/a:1", `+c.policy+`}]}`))
		assert.Equal(t, c.want, rendered(t, w, c.from).Containers[0].ImagePullPolicy, name)
	}
}

// TestNothingIsRestartedInPlace: a container that a kubelet restarts trains from zero, beside a checkpoint. Not dropped silently.
func TestNothingIsRestartedInPlace(t *testing.T) {
	const rules = `restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]`
	const at = "spec.jobTemplate.spec.template.spec."
	for name, c := range map[string]struct {
		pod  string
		says []string // empty: no condition
	}{
		"a policy of a container":     {`{containers: [{name: a, image: a, restartPolicy: OnFailure}]}`, []string{at + "containers[0].restartPolicy is not used"}},
		"rules of a container":        {`{containers: [{name: a, image: a}, {name: b, image: b, ` + rules + `}]}`, []string{at + "containers[1].restartPolicyRules is not used", "backoffLimit"}},
		"the pod's, which no Job has": {`{restartPolicy: Always, containers: [{name: a, image: a}]}`, []string{at + "restartPolicy Always"}},
		"the pod's, as Jobs have it":  {`{restartPolicy: OnFailure, containers: [{name: a, image: a}]}`, []string{at + "restartPolicy OnFailure is not used"}},
		"the pod's, as it stays":      {`{restartPolicy: Never, containers: [{name: a, image: a}]}`, nil},
		"a sidecar":                   {`{initContainers: [{name: s, image: s, restartPolicy: Always}], containers: [{name: a, image: a}]}`, nil},
		"a resize that restarts": {
			`{restartPolicy: OnFailure, containers: [{name: a, image: a, resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: memory, restartPolicy: RestartContainer}]}]}`,
			[]string{at + "containers[0].resizePolicy[1].restartPolicy RestartContainer is not used", "memory is resized without a restart"},
		},
		"a sidecar's resize that restarts": {
			`{initContainers: [{name: s, image: s, restartPolicy: Always, resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]}], containers: [{name: a, image: a}]}`,
			[]string{at + "initContainers[0].resizePolicy[0].restartPolicy RestartContainer is not used"},
		},
		"a resize in place":         {`{containers: [{name: a, image: a, resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]}]}`, nil},
		"an init container's rules": {`{initContainers: [{name: s, image: s, ` + rules + `}], containers: [{name: a, image: a}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(podOf(t, c.pod))
			for _, from := range []source{{}, fromCheckpoint("a", "b")} {
				pod := rendered(t, w, from)
				assert.Equal(t, corev1.RestartPolicyNever, pod.RestartPolicy)
				for _, container := range pod.Containers {
					assert.Nil(t, container.RestartPolicy)
					assert.Empty(t, container.RestartPolicyRules)
				}
				for _, container := range pod.InitContainers {
					assert.NotNil(t, container.RestartPolicy, "it is the user's")
				}
				for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
					for _, policy := range container.ResizePolicy {
						assert.Equal(t, corev1.NotRequired, policy.RestartPolicy)
					}
				}
			}
			_, d := w.decide(t)
			message := messageOf(d, v1alpha1.ConditionIgnoredFields)
			for _, says := range c.says {
				assert.Contains(t, message, says)
			}
			if len(c.says) == 0 {
				assert.Contains(t, message, "no condition")
			}
		})
	}
}

// TestRestoreThatAPolicyRefuses: the Job is there, and its pod is refused. Nothing but the user can help, who is told how.
func TestRestoreThatAPolicyRefuses(t *testing.T) {
	made := func(since time.Duration) part {
		return func(job *batchv1.Job, _ *corev1.Pod) { job.CreationTimestamp = stamp(ago(since)) }
	}
	pulls := func(job *batchv1.Job, _ *corev1.Pod) {
		job.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "checkpoint-base-0", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "acme/train:1"}}}}
	}
	const refused = "has no pod, so it asks for no VM: kubectl describe job train-392faf-r0-a2 tells why"
	for name, c := range map[string]struct {
		told []part
		says bool
		hint bool
		wake time.Duration
	}{
		"no pod for 29 s":             {[]part{restored("x", time.Hour), pulls, made(29 * time.Second), noPod}, false, false, time.Second},
		"no pod for 30 s":             {[]part{restored("x", time.Hour), pulls, made(30 * time.Second), noPod}, true, true, 0},
		"no such volume":              {[]part{restored("x", time.Hour), made(time.Hour), noPod}, true, false, 0},
		"a pod that waits for its VM": {[]part{restored("x", time.Hour), pulls, made(time.Hour)}, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, d := given(replicas(1), anAttempt(0, 2, c.told...)).decide(t)
			message := messageOf(d, v1alpha1.ConditionReady)
			assert.Equal(t, c.says, strings.Contains(message, refused), message)
			assert.Equal(t, c.hint, strings.Contains(message, "spec.checkpointConfig.pullBaseImages to false and delete that Job"), message)
			assert.Equal(t, c.wake, d.resync)
		})
	}
}
