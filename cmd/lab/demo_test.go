package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// The demo checks itself: it fails if any part of its story did not happen.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	err := demo(t.Context(), newScreen(&out), false)
	require.NoError(t, err, out.String())
	assert.NotContains(t, out.String(), "\x1b[", "not a terminal: plain lines")
	for _, row := range []string{`0 +t4-pool-\S+ +12s +replica 0, TIME +TIME +TIME +resnet-\S+-trainer +0s`, `1 +t4-pool-\S+ +none +replica 0, TIME +TIME +TIME +resnet-\S+-trainer +\d+s`} {
		assert.Regexp(t, "(?m)^"+strings.ReplaceAll(row, "TIME", `\+\d+\.\ds`)+"$", out.String())
	}
	assert.Equal(t, 2, strings.Count(out.String(), "nobody left"))
}

func TestSampleIsTheManifestButForTime(t *testing.T) {
	root, err := checkout(t.Context())
	require.NoError(t, err)
	for name, replaced := range compressed(time.Minute, sampleInterval, false) {
		document, changes, err := sample(root, name, replaced)
		require.NoError(t, err)
		assert.Len(t, changes, len(replaced))
		for field, value := range replaced {
			assert.Contains(t, document, value, field)
		}
	}
	document, _, err := sample(root, "job.yaml", compressed(time.Minute, sampleInterval, false)["job.yaml"])
	require.NoError(t, err)
	assert.Contains(t, document, cluster.AnnotationTrainSeconds+`: "60"`)
	assert.Contains(t, document, "checkpointImageRepo: docker.io/acme/checkpoints")
}

// story is a world in which one of two replicas was lost, and restored as the demo wants it.
func story() *world {
	notice := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{checkpoints: map[string]*checkpoint{
		"old":   {name: "old", image: "repo:old", seen: notice.Add(-time.Minute), completed: notice.Add(time.Hour)},
		"fresh": {name: "fresh", image: "repo:fresh", seen: notice.Add(time.Second), completed: notice.Add(7 * time.Second)},
	}}
	w.losses = []*loss{{
		vm: "vm-1", replica: "1", at: notice, trained: 30 * time.Second,
		checkpointed: notice.Add(time.Second), saviour: "0", requested: notice.Add(2 * time.Second), training: notice.Add(12 * time.Second),
		image: "repo:fresh", restored: 25 * time.Second,
	}}
	w.job.Status.Preemptions = 1
	return w
}

func TestCheckpointOfAPodThatIsGoneIsNotInFlight(t *testing.T) {
	w := story()
	assert.False(t, w.inFlight())
	w.checkpoints["new"] = &checkpoint{name: "new", pod: "resnet-r1-a1"}
	assert.False(t, w.inFlight())
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}}}
	w.pods = map[string]*corev1.Pod{"resnet-r1-a1": pod}
	assert.True(t, w.inFlight())
	pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	assert.False(t, w.inFlight(), "Kubernetes keeps it for a minute after its Node is gone")
}

func TestCheckFailsUnlessEveryPartHappened(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*world, *loss)
		want  string
	}{
		"as it should be":          {func(*world, *loss) {}, ""},
		"no replacement":           {func(_ *world, l *loss) { l.requested = time.Time{} }, "no VM was requested"},
		"no rescue checkpoint":     {func(_ *world, l *loss) { l.checkpointed = time.Time{} }, "no checkpoint was asked for"},
		"with a notice":            {func(_ *world, l *loss) { l.noticed, l.saviour, l.trained = true, "1", l.restored }, ""},
		"of the wrong replica":     {func(_ *world, l *loss) { l.noticed, l.trained = true, l.restored }, "replica 0 was checkpointed, not replica 1"},
		"lost despite a notice":    {func(_ *world, l *loss) { l.noticed, l.saviour = true, "1" }, "5s of training were lost"},
		"started over":             {func(_ *world, l *loss) { l.image, l.restored = "template", 0 }, "which holds no training"},
		"a better one was there":   {func(_ *world, l *loss) { l.best = time.Minute }, "a better checkpoint was there"},
		"one after the other":      {func(_ *world, l *loss) { l.requested = l.at.Add(10 * time.Second) }, "requested only after the checkpoint"},
		"from an older image":      {func(_ *world, l *loss) { l.image = "repo:old" }, "not from the checkpoint made at its preemption"},
		"an old one will do alone": {func(_ *world, l *loss) { l.alone, l.image = true, "repo:old" }, ""},
		"miscounted":               {func(w *world, _ *loss) { w.job.Status.Preemptions = 2 }, "status.preemptions is 2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := story()
			test.spoil(w, w.losses[0])
			err := w.check()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestTableCountsFromThePreemption(t *testing.T) {
	table := story().table()
	for _, want := range []string{"vm-1", "none", "replica 0, +1.0s", "+2.0s", "+12.0s", "fresh", "UNSAVED", "5s"} {
		assert.Contains(t, table, want)
	}
}

func TestAVMReplacesOneLossOnly(t *testing.T) {
	w := story()
	w.screen, w.changed, w.vms = newScreen(&bytes.Buffer{}), make(chan struct{}), map[string]gcefake.VM{}
	w.losses[0].requested = time.Time{}
	second := *w.losses[0]
	w.losses = append(w.losses, &second)
	created := func(after time.Duration) {
		w.sawVM(gcefake.Event{Kind: gcefake.Created, Time: second.at.Add(after)})
	}
	created(-time.Second)
	assert.True(t, w.losses[0].requested.IsZero(), "a VM asked for before the loss replaces nothing")
	created(time.Second)
	created(3 * time.Second)
	assert.Equal(t, second.at.Add(time.Second), w.losses[0].requested)
	assert.Equal(t, second.at.Add(3*time.Second), w.losses[1].requested)
}

func TestScreenOnATerminalKeepsTheStateBelow(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	s.terminal = true
	s.show([]string{"job Running", "pool Ready"})
	s.say(s.start, "a VM is gone")
	assert.Equal(t, "job Running\npool Ready\n\x1b[2A\x1b[J    0.0s  a VM is gone\njob Running\npool Ready\n", out.String())
}
