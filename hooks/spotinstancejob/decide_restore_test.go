package spotinstancejob

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// What runtimes say, as it was read on real nodes.
const (
	saidNoBase    = `reading image "3f0c9d": locating image with ID "3f0c9d": image not known`
	saidNoCommand = `failed to generate container "a1" spec: failed to generate spec: no command specified`
	saidNoBinary  = `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: exec: "/usr/bin/python3": stat /usr/bin/python3: no such file or directory`
	saidShm       = `OCI runtime restore failed: criu failed: type NOTIFY errno 0: (files-reg.c:2305): Can't open file dev/shm/seg on restore: No such file or directory`
	saidTCP       = `criu failed: Connected TCP socket, consider using --tcp-established option`
)

// waits on a node since for its image, or for whatever the kubelet says.
func waits(since time.Duration, reason, message string) part {
	return func(job *batchv1.Job, pod *corev1.Pod) {
		on("vm-0", since)(job, pod)
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: "trainer", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		})
	}
}

// cannotBeStarted is a container that the runtime refused to start, in a pod that others keep running.
func cannotBeStarted(name, message string) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: message, StartedAt: stamp(time.Unix(0, 0)), FinishedAt: stamp(ago(time.Minute))},
		}})
	}
}

// initialized is what the kubelet says of the pod's init containers.
func initialized(status corev1.ConditionStatus, since time.Duration) part {
	return func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodInitialized, Status: status, LastTransitionTime: stamp(ago(since))})
	}
}

// stuck is what status says of an attempt that could not start when it was seen so long ago.
func stuck(replica, number int32, since time.Duration) fact {
	return func(w *world) {
		status(replica, number, v1alpha1.ReplicaStarting, 0)(w)
		at := stamp(ago(since))
		w.job.Status.JobStatuses[len(w.job.Status.JobStatuses)-1].StuckSince = &at
	}
}

// TestOutlook: what passes is waited for, what is the user's is waited for without an end, and all else never comes.
func TestOutlook(t *testing.T) {
	for name, c := range map[string]struct {
		reason, message string
		want            outlook
	}{
		"the kubelet has not looked":        {"ContainerCreating", "", mayStart},
		"init containers run":               {"PodInitializing", "", mayStart},
		"the registry is away":              {"ErrImagePull", "dial tcp 10.0.0.1:443: connect: connection refused", mayStart},
		"the registry is away, backing off": {"ImagePullBackOff", `Back-off pulling image "r/x:1": ErrImagePull: i/o timeout`, mayStart},
		"the registry wants credentials":    {"ErrImagePull", "401 Unauthorized", mayStart},
		"the image is gone, containerd":     {"ErrImagePull", `failed to resolve reference "r/x:1": r/x:1: not found`, cannotStart},
		"the image is gone, CRI-O":          {"ImagePullBackOff", `Back-off pulling image "r/x:1": ErrImagePull: reading manifest 1 in r/x: manifest unknown`, cannotStart},
		"a Secret is missing":               {"CreateContainerConfigError", `secret "token" not found`, notItsFault},
		"the base image is missing":         {"CreateContainerError", saidNoBase, cannotStart},
		"not known as a checkpoint":         {"CreateContainerError", saidNoCommand, cannotStart},
		"the name is none":                  {"InvalidImageName", "invalid reference format", cannotStart},
		"the runtime does not start it":     {"RunContainerError", "x", cannotStart},
		"a reason of tomorrow's kubelet":    {"SomethingElse", "x", cannotStart},
	} {
		assert.Equal(t, c.want, outlookOf(containerWait{c.reason, c.message}), name)
	}
}

// TestImageThatDoesNotRestore has what a restored attempt that does not run comes to, and when the hook looks again.
func TestImageThatDoesNotRestore(t *testing.T) {
	from := restored("x", time.Hour)
	noBase := waits(2*time.Minute, "CreateContainerError", saidNoBase)
	replaced := anAttempt(0, 3, restored("x", time.Hour), carries(`{"replicas":{"0":{"through":2}}}`))
	for name, c := range map[string]struct {
		given []fact
		told  []part
		want  verdict
		wake  time.Duration
	}{
		"cannot start, seen now":                     {nil, []part{from, noBase}, starting, stuckDeadline},
		"cannot start, seen 44 s ago":                {[]fact{stuck(0, 2, 44*time.Second)}, []part{from, noBase}, starting, time.Second},
		"cannot start, seen 45 s ago":                {[]fact{stuck(0, 2, 45*time.Second)}, []part{from, noBase}, restoreFailed, 0},
		"another reason in between":                  {[]fact{stuck(0, 2, time.Minute)}, []part{from, waits(2*time.Minute, "ContainerCreating", "")}, starting, 13 * time.Minute},
		"it starts after all":                        {[]fact{stuck(0, 2, time.Minute)}, []part{from, trains("vm-0", time.Second)}, running, 0},
		"status tells of its successor":              {[]fact{replaced, stuck(0, 3, 0)}, []part{from, noBase}, restoreFailed, 0},
		"the template's image cannot start":          {[]fact{stuck(0, 2, time.Hour)}, []part{noBase}, starting, 0},
		"a Secret is missing":                        {[]fact{stuck(0, 2, time.Hour)}, []part{from, waits(time.Hour, "CreateContainerConfigError", "secret not found")}, starting, 0},
		"the registry is away for 14 min":            {nil, []part{from, waits(14*time.Minute, "ImagePullBackOff", "timeout")}, starting, time.Minute},
		"the registry is away for 15 min":            {nil, []part{from, waits(15*time.Minute, "ImagePullBackOff", "timeout")}, restoreFailed, 0},
		"init containers run for an hour":            {nil, []part{from, on("vm-0", time.Hour), initialized(corev1.ConditionFalse, time.Hour)}, starting, 0},
		"init containers ran for an hour":            {nil, []part{from, on("vm-0", 2*time.Hour), initialized(corev1.ConditionTrue, 14*time.Minute)}, starting, time.Minute},
		"one of two containers could not be started": {[]fact{stuck(0, 2, time.Minute)}, []part{from, trains("vm-0", time.Minute), cannotBeStarted("helper", saidShm)}, restoreFailed, 0},
		"its VM is going away":                       {[]fact{stopping("vm-0", time.Second), stuck(0, 2, time.Hour)}, []part{from, noBase}, doomed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(append(append([]fact{replicas(1)}, c.given...), anAttempt(0, 2, c.told...))...)
			if w.pool.Status.ProvisionedInstances == nil {
				ready("vm-0")(&w)
			}
			o, err := observe(w.request(t), noon)
			require.NoError(t, err)
			s := &survey{observed: o}
			require.Equal(t, c.want, s.judge(o.attempts[0]))
			if c.wake > 0 {
				assert.Equal(t, c.wake, s.alarm.Sub(noon))
			}
		})
	}
}

// TestStatusRemembersSinceWhenItIsStuck: nothing else tells how long a container has waited.
func TestStatusRemembersSinceWhenItIsStuck(t *testing.T) {
	noBase := waits(2*time.Minute, "CreateContainerError", saidNoBase)
	for name, c := range map[string]struct {
		given []fact
		told  []part
		want  time.Time
	}{
		"seen now":                  {nil, []part{restored("x", time.Hour), noBase}, noon},
		"seen before":               {[]fact{stuck(0, 2, 20*time.Second)}, []part{restored("x", time.Hour), noBase}, ago(20 * time.Second)},
		"another reason in between": {[]fact{stuck(0, 2, 20*time.Second)}, []part{restored("x", time.Hour), notStarted(time.Minute)}, ago(20 * time.Second)},
		"of an earlier attempt":     {[]fact{stuck(0, 1, time.Hour)}, []part{restored("x", time.Hour), noBase}, noon},
		"it runs":                   {[]fact{stuck(0, 2, 20*time.Second)}, []part{restored("x", time.Hour), trains("vm-0", time.Second)}, time.Time{}},
		"from the template":         {nil, []part{noBase}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(append(append([]fact{replicas(1), ready("vm-0")}, c.given...), anAttempt(0, 2, c.told...))...)
			o, d := w.decide(t)
			require.True(t, c.want.Equal(timeOf(renderStatus(o, d).JobStatuses[0].StuckSince)))
		})
	}
}

// TestWhyAnImageDoesNotRestore: conditions carry the runtime's own words, the likely cause, and what to do on this cluster.
func TestWhyAnImageDoesNotRestore(t *testing.T) {
	pulls := func(job *batchv1.Job, _ *corev1.Pod) {
		job.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "checkpoint-base-0", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "acme/train:1"}}}}
	}
	off := func(w *world) { w.job.Spec.CheckpointConfig.PullBaseImages = new(bool) }
	for name, c := range map[string]struct {
		said string
		also fact
		says []string
	}{
		"base image, on a cluster without image volumes": {saidNoBase, nil, []string{"CreateContainerError", "image not known", "its Job has no volume", "Kubernetes 1.35", "spec.startupScript"}},
		"base image, though it was asked for":            {saidNoBase, func(w *world) { pulls(&w.jobs[0], nil) }, []string{"the kubelets of the VMs need image volumes", "tag must not have moved"}},
		"base image, not asked for":                      {saidNoBase, off, []string{"spec.checkpointConfig.pullBaseImages"}},
		"not known as a checkpoint":                      {saidNoCommand, nil, []string{"no command specified", "ordinary image", "enable_experimental_restore_via_create"}},
		"not known as a checkpoint, with a command":      {saidNoBinary, nil, []string{"ordinary image"}},
		"a file in /dev/shm":                             {saidShm, nil, []string{"Can't open file dev/shm/seg on restore", "CheckpointsMayNotRestore"}},
		"connections":                                    {saidTCP, nil, []string{"--tcp-established", "spec.criu.tcp", "/etc/criu/runc.conf"}},
		"words behind many others":                       {strings.Repeat("runc run failed: ", 60) + saidShm, nil, []string{"Can't open file dev/shm/seg on restore", "CheckpointsMayNotRestore"}},
		"nobody knows":                                   {"exit status 1", nil, []string{"exit status 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(replicas(1), ready("vm-0"), aCheckpoint("x", 0, 1, 2*time.Hour, time.Hour, done(time.Hour)),
				anAttempt(0, 3, restored("x", time.Hour), waits(2*time.Minute, "CreateContainerError", c.said), carries(`{"replicas":{"0":{"through":2}},"restoreFailures":{"x":1}}`)),
				stuck(0, 3, time.Minute))
			if c.also != nil {
				c.also(&w)
			}
			_, d := w.decide(t)
			for _, want := range append(c.says, imageOf("x")) {
				assert.Contains(t, messageOf(d, v1alpha1.ConditionRestoreFailed), want)
			}
			if c.said == "exit status 1" {
				assert.NotContains(t, messageOf(d, v1alpha1.ConditionRestoreFailed), "likely cause")
			}
			assert.Contains(t, messageOf(d, v1alpha1.ConditionReady), "could not run from its checkpoint image: container trainer waits: CreateContainerError")
			require.Len(t, d.attempts, 1)
			assert.Empty(t, d.attempts[0].from.backup, "the template's own image is last")
			later := given(replicas(1), ready("vm-0"), anAttempt(0, 4, trains("vm-0", time.Minute), carries(d.attempts[0].ledger.String())))
			_, next := later.decide(t)
			assert.Contains(t, messageOf(next, v1alpha1.ConditionRestoreFailed), "the last attempt: container trainer waits", "the ledger remembers it")
		})
	}
}

// TestWhyACheckpointFails: the condition has the agent's words and the remedy.
func TestWhyACheckpointFails(t *testing.T) {
	const kubelet = "kubelet checkpoint API returned status 500: checkpointing of ml/train-x/trainer failed (rpc error: criu failed: type NOTIFY errno 0 log file: /run/dump.log)"
	tcp := func(w *world) { w.pool.Spec.CRIU = &v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPClose} }
	for name, c := range map[string]struct {
		said  string
		also  fact
		says  []string
		never string
	}{
		"connections":                        {saidTCP, nil, []string{saidTCP, "spec.criu.tcp of the SpotInstanceVM to Close or Established", "/etc/criu/runc.conf"}, ""},
		"connections, though the pool says":  {saidTCP, tcp, []string{saidTCP, "VMs that are older", "replace them"}, "/etc/criu/runc.conf"},
		"connections behind many words":      {strings.Repeat("checkpointing failed: ", 60) + saidTCP, nil, []string{"--tcp-established", "spec.criu.tcp"}, ""},
		"what a kubelet says of CRIU":        {kubelet, nil, []string{kubelet, "CRIU's log", "/etc/criu/runc.conf"}, ""},
		"the same, and the pool says of TCP": {kubelet, tcp, []string{kubelet}, "runc.conf"},
		"an old CRIU":                        {"criu failed: Unexpected rt vDSO area bounds", nil, []string{"CRIU 4.2 or newer"}, "runc.conf"},
		"a registry":                         {"push: unauthorized", nil, []string{"push: unauthorized"}, "CRIU"},
		"nothing":                            {"", nil, []string{"its status.message tells why"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			failure := func(b *checkpointBackup) { b.Status.Phase, b.Status.Message = "Failed", c.said }
			w := given(replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour)), aCheckpoint("x", 0, 1, time.Minute, 59*time.Minute, failure))
			if c.also != nil {
				c.also(&w)
			}
			_, d := w.decide(t)
			message := messageOf(d, v1alpha1.ConditionCheckpointingStalled)
			assert.Contains(t, message, "CheckpointBackup x failed")
			for _, says := range c.says {
				assert.Contains(t, message, says)
			}
			if c.never != "" {
				assert.NotContains(t, message, c.never)
			}
		})
	}
}

// TestAnyPhaseEnds: an agent that is killed never resumes what it was about, whatever phase that is in.
func TestAnyPhaseEnds(t *testing.T) {
	for _, phase := range []string{"Checkpointing", "Checkpointed", "ImageBuilding", "ImageBuilt", "ImagePushing", "ImagePushed", "of another time"} {
		t.Run(phase, func(t *testing.T) {
			from := func(asked time.Duration) (decision, *survey) {
				w := given(replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour)), aCheckpoint("x", 0, 1, asked, time.Minute, inPhase(phase)))
				o, d := w.decide(t)
				return d, surveyOf(o)
			}
			d, s := from(14 * time.Minute)
			assert.NotNil(t, s.inFlight(podUID(0, 1)), "it may still complete")
			assert.Equal(t, time.Minute, d.resync)
			d, s = from(15 * time.Minute)
			assert.Nil(t, s.inFlight(podUID(0, 1)), "it blocks nothing any more")
			assert.Contains(t, messageOf(d, v1alpha1.ConditionCheckpointingStalled), "x stood in phase "+phase+" longer than spec.checkpointConfig.timeout")
		})
	}
}

// TestARestoreIsKnownByItsJob: the kubelet names the base image as that of a restored container.
func TestARestoreIsKnownByItsJob(t *testing.T) {
	base := func(_ *batchv1.Job, pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].Image, pod.Status.ContainerStatuses[0].ImageID = "docker.io/acme/train:1", "sha256:1"
	}
	w := given(replicas(1), ready("vm-0"), anAttempt(0, 2, restored("x", time.Hour), trains("vm-0", time.Minute), base))
	o, d := w.decide(t)
	assert.Equal(t, imageOf("x"), renderStatus(o, d).JobStatuses[0].RestoredFrom)
	assert.Equal(t, time.Hour+time.Minute, o.attempts[0].progress(noon))
	assert.Equal(t, "x", surveyOf(o).best.backup, "what it started from counts")
}

func messageOf(d decision, kind string) string {
	for _, c := range d.conditions {
		if c.kind == kind {
			return c.message
		}
	}
	return fmt.Sprintf("no condition %s", kind)
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 4000)
	assert.Equal(t, "short", excerpt("short"))
	assert.Equal(t, long[:longestMessage]+"...", excerpt(long))
	assert.Contains(t, excerpt(long+saidShm+long), "Can't open file dev/shm/seg")
	assert.LessOrEqual(t, len(excerpt(long+saidShm+long)), longestMessage+3)
	assert.Contains(t, excerpt(strings.Repeat("ü", 1000)+saidTCP), "tcp-established")
}
