package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// holder is a program that holds something (test/realnode/training/holds.py), and what becomes of it.
type holder struct {
	name, holds string
	edit        func(*corev1.PodSpec)
	want        string // of the outcome
}

const (
	goesOn       = "goes on"
	noCheckpoint = "no checkpoint: "
	noRestore    = "no restore: "
)

func holders() []holder {
	all := []holder{
		{"nothing", "", nil, goesOn},
		{"workers", "workers", nil, goesOn},
		{"event-loop", "event_loop", nil, goesOn},
		{"socketpair", "socketpair", nil, goesOn},
		{"unix-listener", "unix_listener", nil, goesOn},
		{"listener", "listener", nil, goesOn},
		{"deleted-file", "deleted_file", nil, goesOn},
		{"shm-deleted-file", "shm_deleted_file", nil, goesOn},
		{"host-ipc", "", func(s *corev1.PodSpec) { s.HostIPC = true }, goesOn},
		{"host-network", "", func(s *corev1.PodSpec) { s.HostNetwork = true }, goesOn},
		{"connection", "connection", nil, noCheckpoint + "criu failed"},
		{"shm-file", "shm_file", nil, noRestore + "criu failed"},
		{"memory-shm-file", "shm_file", mounting("/dev/shm", corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}), noRestore + "criu failed"},
		{"empty-dir-file", "volume_file", mounting("/volume", corev1.EmptyDirVolumeSource{}), noRestore + "criu failed"},
	}
	if os.Getenv("TRAINING") == "torch" {
		all = append(all, holder{"data-loader", "data_loader", nil, goesOn})
	}
	return all
}

func mounting(path string, dir corev1.EmptyDirVolumeSource) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{{Name: "volume", VolumeSource: corev1.VolumeSource{EmptyDir: &dir}}}
		s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "volume", MountPath: path}}
	}
}

// What a container holds when it is checkpointed decides whether it goes on elsewhere.
func TestWhatACheckpointTakesAlong(t *testing.T) {
	if !*realNodes {
		t.Skip("only real containers hold anything: run make test-real REAL_TESTS=TestWhatACheckpointTakesAlong")
	}
	for _, pool := range []struct {
		name    string
		criu    *v1alpha1.CRIUConfig
		holders []holder
	}{
		{"as it is", nil, holders()},
		{"tcp close", &v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPClose}, []holder{{"connection", "connection", nil, goesOn + ": the connection is lost"}}},
		{"tcp established", &v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPEstablished}, []holder{{"connection", "connection", nil, goesOn}}},
	} {
		t.Run(pool.name, func(t *testing.T) {
			s := begin(t)
			s.takes(8 * time.Minute)
			p := s.newPool(fixedAt(2), func(p *v1alpha1.SpotInstanceVM) { p.Spec.CRIU = pool.criu })
			s.eventually("two VMs are Ready", p.ready(2))
			c := carrier{s, s.nodes()[0].Name, s.nodes()[1].Name}
			for _, h := range pool.holders {
				c.start(h, c.from, h.name, cluster.ImageTraining)
			}
			for _, h := range pool.holders {
				c.checkpoint(h)
			}
			outcomes := map[string]string{}
			for _, h := range pool.holders {
				if outcomes[h.name] = c.checkpointed(h); outcomes[h.name] == "" {
					c.start(h, c.to, c.restoredName(h), c.image(h))
				}
			}
			for _, h := range pool.holders {
				if outcomes[h.name] == "" {
					outcomes[h.name] = c.restored(h)
				}
				kind, part, _ := strings.Cut(h.want, ": ")
				assert.True(t, strings.HasPrefix(outcomes[h.name], kind) && strings.Contains(outcomes[h.name], part), "%s: want %q, have %q", h.name, h.want, outcomes[h.name])
			}
			c.deleteCheckpoints()
			s.end()
		})
	}
}

// carrier takes programs from one VM to another one, without the operator.
type carrier struct {
	*scene
	from, to string
}

func (c carrier) restoredName(h holder) string { return h.name + "-restored" }
func (c carrier) repository(h holder) string   { return c.namespace + "/carried:" + h.name }
func (c carrier) image(h holder) string        { return "docker.io/" + c.repository(h) }

// start runs a holder on a VM, from an image.
func (c carrier) start(h holder, node, name, image string) {
	c.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName: node, RestartPolicy: corev1.RestartPolicyNever, Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "trainer", Image: image, Env: []corev1.EnvVar{{Name: "HOLDS", Value: h.holds}}}},
		},
	}
	if h.edit != nil {
		h.edit(&pod.Spec)
	}
	_, err := lab.Client().CoreV1().Pods(c.namespace).Create(c.Context(), pod, metav1.CreateOptions{})
	require.NoError(c, err)
}

// log is what the program of a pod printed, with what it had printed where it was checkpointed.
func (c carrier) log(pod string) string {
	logs, err := lab.PodLogs(c.namespace)
	require.NoError(c, err)
	for name, log := range logs {
		if strings.HasPrefix(name, c.namespace+"_"+pod+"_") {
			return log
		}
	}
	return ""
}

// checkpoint waits until the holder trains, and has the agent checkpoint it.
func (c carrier) checkpoint(h holder) {
	c.Helper()
	c.eventually(h.name+" trains", func() error {
		if steps := realnode.Steps(c.log(h.name)); len(steps) < 3 {
			return fmt.Errorf("it has printed %q", c.log(h.name))
		}
		return nil
	})
	object := map[string]any{
		"apiVersion": "migration.dcnlab.com/v1", "kind": "CheckpointBackup", "metadata": map[string]any{"name": h.name},
		"spec": map[string]any{
			"schedule": "immediately", "podRef": map[string]any{"name": h.name, "namespace": c.namespace},
			"resourceRef": map[string]any{"apiVersion": "v1", "kind": "Pod", "name": h.name},
			"registry":    map[string]any{"url": "docker.io", "repository": c.namespace},
			"containers":  []any{map[string]any{"name": "trainer", "image": c.repository(h)}},
		},
	}
	_, err := lab.Dynamic().Resource(backups.resource).Namespace(c.namespace).Create(c.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
	require.NoError(c, err)
}

// deleteCheckpoints deletes the CheckpointBackups: no SpotInstanceJob owns them, so nobody else would while their agent is there.
func (c carrier) deleteCheckpoints() {
	c.Helper()
	objects := lab.Dynamic().Resource(backups.resource).Namespace(c.namespace)
	require.NoError(c, objects.DeleteCollection(c.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	c.eventually("the CheckpointBackups are gone", func() error {
		left, err := objects.List(c.Context(), metav1.ListOptions{})
		if err != nil || len(left.Items) == 0 {
			return err
		}
		return fmt.Errorf("%d are left, such as %s", len(left.Items), left.Items[0].GetName())
	})
}

// checkpointed waits for the outcome of the checkpoint: nothing to say if it is there.
func (c carrier) checkpointed(h holder) (failure string) {
	c.Helper()
	c.eventually("the checkpoint of "+h.name+" has an outcome", func() error {
		object, err := lab.Dynamic().Resource(backups.resource).Namespace(c.namespace).Get(c.Context(), h.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
		message, _, _ := unstructured.NestedString(object.Object, "status", "message")
		switch phase {
		case "Failed":
			failure = noCheckpoint + message
			return nil
		case "Completed":
			return nil
		}
		return errors.New(phase)
	})
	return failure
}

// restored waits for the outcome of the restore.
func (c carrier) restored(h holder) (outcome string) {
	c.Helper()
	name := c.restoredName(h)
	before := realnode.Steps(c.log(h.name))
	c.eventually("the restore of "+h.name+" has an outcome", func() error {
		pod, err := lab.Client().CoreV1().Pods(c.namespace).Get(c.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		log := c.log(name)
		own := slices.DeleteFunc(realnode.Steps(log), func(step realnode.Step) bool { return !step.At.After(pod.CreationTimestamp.Time) })
		if len(own) >= 3 && own[0].Boot == before[0].Boot {
			outcome = goesOn + ": " + lastRemark(log)
			return nil
		}
		if refused := refusalOf(pod); refused != "" {
			outcome = noRestore + refused
			return nil
		}
		return fmt.Errorf("it is %s: %q", pod.Status.Phase, log)
	})
	return outcome
}

// lastRemark is the last line that a program printed which is no step.
func lastRemark(log string) string {
	remark := ""
	for line := range strings.Lines(log) {
		if _, said, found := strings.Cut(line, " F "); found && !strings.HasPrefix(said, "step ") {
			remark = strings.TrimSpace(said)
		}
	}
	return remark
}

// refusalOf is why the container of a pod does not start, once that is known.
func refusalOf(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		if end := status.State.Terminated; end != nil {
			return end.Reason + " " + end.Message
		}
		if waits := status.State.Waiting; waits != nil && strings.HasSuffix(waits.Reason, "Error") {
			return waits.Reason + " " + waits.Message
		}
	}
	return ""
}
