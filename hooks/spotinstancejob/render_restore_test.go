package spotinstancejob

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
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
