package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// world is one test's namespace and VMs.
type world struct {
	*testing.T
	cluster.Namespace
}

func newWorld(t *testing.T) world {
	t.Helper()
	namespace, err := lab.NewNamespace(t.Context(), "cluster-test")
	require.NoError(t, err)
	return world{T: t, Namespace: namespace}
}

// insert asks for a VM whose startup script joins with the given data.
func (w world) insert(name string, join cluster.JoinToken) {
	w.Helper()
	script, err := bootstrap.VM{
		Name: name, ProviderID: "gce://lab/us-central1-a/" + name,
		Labels: map[string]string{"training.dcnlab.com/pool": w.Name},
		Taints: []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}},
		Join:   bootstrap.Join{Token: join.Token, CACertHash: join.CACertHash, Endpoint: join.Endpoint},
	}.Script()
	require.NoError(w, err)
	_, err = lab.GCE().Cloud("lab").Insert(w.Context(), gce.InstanceSpec{
		Name: name, Zone: "us-central1-a", MachineType: "g2-standard-24", Image: "projects/lab/global/images/gpu",
		Metadata: map[string]string{"startup-script": script}, ProvisioningModel: "SPOT", DiskSizeGB: 100, DiskType: "pd-balanced", MaxRunDuration: time.Hour,
	}, uuid.NewString())
	require.NoError(w, err)
}

// start inserts a VM and waits until its Node is Ready.
func (w world) start(suffix string) string {
	w.Helper()
	name := w.Name + "-" + suffix
	w.insert(name, w.Join)
	w.nodeIs(name, corev1.ConditionTrue, "KubeletReady")
	return name
}

func (w world) node(name string) (*corev1.Node, error) {
	return lab.Client().CoreV1().Nodes().Get(w.Context(), name, metav1.GetOptions{})
}

// nodeIs waits until the Node's condition Ready has this status and reason.
func (w world) nodeIs(name string, status corev1.ConditionStatus, reason string) {
	w.Helper()
	eventually(w.T, func() error {
		node, err := w.node(name)
		if err != nil {
			return err
		}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == status && c.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("Node %s is not Ready=%s (%s): %v", name, status, reason, node.Status.Conditions)
	})
}

// train starts a Job of one attempt on the test's VMs, with an image and annotations for its pod.
func (w world) train(name, image string, annotations ...string) {
	w.Helper()
	var lines strings.Builder
	for _, annotation := range annotations {
		fmt.Fprintf(&lines, "        %s\n", annotation)
	}
	require.NoError(w, lab.Apply(w.Context(), w.Name, fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: %s}
spec:
  backoffLimit: 0
  podReplacementPolicy: TerminatingOrFailed
  template:
    metadata:
      annotations:
        test: "yes"
%s    spec:
      restartPolicy: Never
      nodeSelector: {training.dcnlab.com/pool: %s}
      tolerations: [{key: gpu, operator: Exists}]
      containers:
      - {name: trainer, image: %s, resources: {limits: {nvidia.com/gpu: 1}}}
`, name, lines.String(), w.Name, image)))
}

// pod is the only pod of a Job.
func (w world) pod(job string) (*corev1.Pod, error) {
	pods, err := lab.Client().CoreV1().Pods(w.Name).List(w.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) != 1 {
		return nil, fmt.Errorf("Job %s has %d pods", job, len(pods.Items))
	}
	return &pods.Items[0], nil
}

// podIs waits until the Job's pod is in a phase, and returns it.
func (w world) podIs(job string, phase corev1.PodPhase) *corev1.Pod {
	w.Helper()
	var pod *corev1.Pod
	eventually(w.T, func() (err error) {
		if pod, err = w.pod(job); err != nil {
			return err
		}
		if pod.Status.Phase != phase {
			return fmt.Errorf("pod %s is %s: %v", pod.Name, pod.Status.Phase, pod.Status.ContainerStatuses)
		}
		return nil
	})
	return pod
}

// jobIs waits until the Job has a condition.
func (w world) jobIs(name string, condition batchv1.JobConditionType) {
	w.Helper()
	eventually(w.T, func() error {
		job, err := lab.Client().BatchV1().Jobs(w.Name).Get(w.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range job.Status.Conditions {
			if c.Type == condition && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("Job %s has no %s: %+v", name, condition, job.Status)
	})
}

func exitCode(pod *corev1.Pod) int32 {
	return pod.Status.ContainerStatuses[0].State.Terminated.ExitCode
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func TestVMJoinsAsItsStartupScriptSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	name := w.start("vm")

	node, err := w.node(name)
	require.NoError(t, err)
	assert.Equal(t, "gce://lab/us-central1-a/"+name, node.Spec.ProviderID)
	assert.Equal(t, w.Name, node.Labels["training.dcnlab.com/pool"])
	assert.Equal(t, name, node.Labels[corev1.LabelHostname])
	assert.Contains(t, node.Spec.Taints, corev1.Taint{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule})
	gpus := node.Status.Allocatable["nvidia.com/gpu"]
	assert.EqualValues(t, 2, gpus.Value(), "a g2-standard-24 has two")
}

func TestVMWithWrongJoinDataNeverJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expired, err := lab.NewJoinToken(t.Context(), 0)
	require.NoError(t, err)
	require.NoError(t, lab.RevokeJoinToken(t.Context(), expired))
	cases := map[string]struct {
		change  func(*cluster.JoinToken)
		console string
	}{
		"expired": {
			change:  func(j *cluster.JoinToken) { j.Token = expired.Token },
			console: "could not find a JWS signature in the cluster-info ConfigMap",
		},
		"secret": {
			change:  func(j *cluster.JoinToken) { j.Token = j.ID() + ".0123456789abcdef" },
			console: "failed to verify JWS signature",
		},
		"hash": {
			change:  func(j *cluster.JoinToken) { j.CACertHash = "sha256:" + strings.Repeat("0", 64) },
			console: "none of the public keys",
		},
		"endpoint": {
			change:  func(j *cluster.JoinToken) { j.Endpoint = "10.0.0.10:6443" },
			console: "no route to host",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := world{T: t, Namespace: w.Namespace}
			join := w.Join
			c.change(&join)
			vm := w.Name + "-" + name
			w.insert(vm, join)

			eventually(t, func() error {
				console := strings.Join(lab.Hypervisor().Console(vm), "\n")
				if !strings.Contains(console, c.console) {
					return errors.New(console)
				}
				return nil
			})
			_, err := w.node(vm)
			assert.ErrorContains(t, err, "not found")
		})
	}
}

func TestTrainingCompletesItsJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("vm")

	w.train("resnet", "docker.io/acme/resnet:v1", cluster.AnnotationTrainSeconds+`: "2"`)

	w.jobIs("resnet", batchv1.JobComplete)
	pod, err := w.pod("resnet")
	require.NoError(t, err)
	assert.Zero(t, exitCode(pod))
	assert.GreaterOrEqual(t, lab.Trainer().Progress(pod).Seconds(), 2.0)
}

func TestFailingProgramFailsItsJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("vm")

	w.train("resnet", "docker.io/acme/resnet:v1", cluster.AnnotationFailAfter+`: "1"`)

	w.jobIs("resnet", batchv1.JobFailed)
	pod, err := w.pod("resnet")
	require.NoError(t, err)
	assert.EqualValues(t, 1, exitCode(pod))
}

func TestPreemptionShutsTheNodeDownGracefully(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vm := w.start("vm")
	w.train("deaf", "docker.io/acme/resnet:v1")
	w.train("polite", "docker.io/acme/resnet:v1", cluster.AnnotationSIGTERM+`: exit0`)
	w.podIs("deaf", corev1.PodRunning)
	w.podIs("polite", corev1.PodRunning)

	require.NoError(t, lab.GCE().PreemptWithoutNotice(vm))

	deaf := w.podIs("deaf", corev1.PodFailed)
	assert.EqualValues(t, 143, exitCode(deaf))
	assert.Equal(t, "Terminated", deaf.Status.Reason)
	polite := w.podIs("polite", corev1.PodSucceeded)
	assert.Zero(t, exitCode(polite))
	for _, pod := range []*corev1.Pod{deaf, polite} {
		disrupted := condition(pod, corev1.DisruptionTarget)
		require.NotNil(t, disrupted)
		assert.Equal(t, "TerminationByKubelet", disrupted.Reason)
	}
	node, err := w.node(vm)
	require.NoError(t, err)
	i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	assert.Equal(t, "node is shutting down", node.Status.Conditions[i].Message)
	w.jobIs("deaf", batchv1.JobFailed)
}

func TestCrashedVMIsNoticedByTheControllersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vm := w.start("vm")
	w.train("resnet", "docker.io/acme/resnet:v1", cluster.AnnotationTrainSeconds+`: "15"`)
	w.podIs("resnet", corev1.PodRunning)

	require.NoError(t, lab.GCE().Crash(vm))

	w.nodeIs(vm, corev1.ConditionUnknown, "NodeStatusUnknown")
	w.jobIs("resnet", batchv1.JobFailureTarget)
	pod, err := w.pod("resnet")
	require.NoError(t, err)
	assert.NotNil(t, pod.DeletionTimestamp, "the eviction waits for a kubelet that is no more")
	assert.NotEqual(t, corev1.PodSucceeded, pod.Status.Phase)
}

func TestDisconnectedVMTrainsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vm := w.start("vm")
	w.train("resnet", "docker.io/acme/resnet:v1", cluster.AnnotationTrainSeconds+`: "3"`)
	w.podIs("resnet", corev1.PodRunning)

	require.NoError(t, lab.Hypervisor().Disconnect(t.Context(), vm))
	w.nodeIs(vm, corev1.ConditionUnknown, "NodeStatusUnknown")
	w.podIs("resnet", corev1.PodRunning)
	require.NoError(t, lab.Hypervisor().Reconnect(t.Context(), vm))

	w.nodeIs(vm, corev1.ConditionTrue, "KubeletReady")
	w.podIs("resnet", corev1.PodSucceeded)
}

func TestMachinesThatDoNotJustJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := func(name string) func(gcefake.VM) bool {
		return func(vm gcefake.VM) bool { return vm.Name == w.Name+"-"+name }
	}
	t.Cleanup(lab.Hypervisor().When(named("blind"), cluster.Machine{WithoutGPUs: true}))
	t.Cleanup(lab.Hypervisor().When(named("stuck"), cluster.Machine{NeverJoins: true}))
	w.insert(w.Name+"-stuck", w.Join)

	blind := w.start("blind")

	node, err := w.node(blind)
	require.NoError(t, err)
	assert.NotContains(t, node.Status.Allocatable, corev1.ResourceName("nvidia.com/gpu"))
	assert.Contains(t, lab.Hypervisor().Console(w.Name+"-stuck"), "startup-script: hangs")
	_, err = w.node(w.Name + "-stuck")
	assert.ErrorContains(t, err, "not found")
}
