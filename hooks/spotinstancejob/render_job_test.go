package spotinstancejob

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// richTemplate uses what real training jobs use. The fields that must not reach a Job are there, too.
const richTemplate = `
metadata:
  labels: {team: vision, training.dcnlab.com/replica: "77"}
  annotations: {acme.io/owner: ada}
  creationTimestamp: null
spec:
  backoffLimit: 4
  activeDeadlineSeconds: 86400
  ttlSecondsAfterFinished: 600
  suspend: false
  podReplacementPolicy: Failed
  podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [42]}}]}
  template:
    metadata:
      labels: {app: train}
      annotations: {prometheus.io/scrape: "true"}
      finalizers: [acme.io/look]
    spec:
      restartPolicy: OnFailure
      serviceAccountName: trainer
      runtimeClassName: nvidia
      terminationGracePeriodSeconds: 25
      priorityClassName: high
      hostIPC: true
      nodeSelector: {disk: ssd}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      imagePullSecrets: [{name: pull}]
      securityContext: {fsGroup: 1000}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: arch, operator: In, values: [amd64]}]}]
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: noisy}}}
      initContainers:
      - {name: fetch, image: acme/fetch:1, args: [--all]}
      - {name: logs, image: acme/logs:1, restartPolicy: Always}
      containers:
      - name: trainer
        image: acme/train:1
        command: [python, train.py]
        env:
        - {name: EPOCHS, value: "90"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        resources: {limits: {nvidia.com/gpu: 1, memory: 64Gi}, requests: {cpu: 500m}}
        ports: [{containerPort: 6006}]
        volumeMounts: [{name: data, mountPath: /data}, {name: shm, mountPath: /dev/shm}]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 5}
      - {name: exporter, image: acme/exporter:1}
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
      - {name: shm, emptyDir: {medium: Memory, sizeLimit: 8Gi}}
`

// rich is a world with the rich template, on a pool with a taint.
func rich(t *testing.T) observed {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte(richTemplate))
	require.NoError(t, err)
	w := given()
	w.job.Spec.JobTemplate = runtime.RawExtension{Raw: raw}
	w.job.Spec.GCPCredentialsSecretRef = &corev1.SecretReference{Name: "gcp"}
	w.pool.Spec.Taints = []corev1.Taint{{Key: "spot", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
	o, err := observe(w.request(t), noon)
	require.NoError(t, err)
	require.Nil(t, o.invalid)
	return o
}

func asYAML(t *testing.T, object any) map[string]any {
	t.Helper()
	data, err := json.Marshal(object)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	return fields
}

// wantRichJob is the Job of replica 1's third attempt, restored. What the operator adds is marked with +, what it
// changes with ~; of the template's spec it drops backoffLimit, deadline, ttl, suspend and podFailurePolicy.
const wantRichJob = `
apiVersion: batch/v1
kind: Job
metadata:
  name: train-392faf-r1-a3
  namespace: ml
  labels:
    team: vision
    training.dcnlab.com/job-uid: uid-train # +
    training.dcnlab.com/replica: "1" # ~
    training.dcnlab.com/attempt: "3" # +
    training.dcnlab.com/pool: POOL # +
    training.dcnlab.com/job-name: train # +
    training.dcnlab.com/pool-name: a100 # +
  annotations:
    acme.io/owner: ada
    training.dcnlab.com/job-name: train # + and all below
    training.dcnlab.com/pool-name: a100
    training.dcnlab.com/gcp-credentials: ml/gcp
    training.dcnlab.com/ledger: '{"replicas":{"1":{"through":2,"losses":2}}}'
    training.dcnlab.com/restored-from: ckpt
    training.dcnlab.com/inherited-seconds: "3600"
    training.dcnlab.com/gpu: nvidia-tesla-a100/1
    training.dcnlab.com/final-attempt: "true"
spec:
  parallelism: 1 # +
  completions: 1 # +
  backoffLimit: 0 # ~
  podReplacementPolicy: TerminatingOrFailed # ~
  template:
    metadata:
      labels:
        app: train
        training.dcnlab.com/job-uid: uid-train # +
        training.dcnlab.com/replica: "1" # +
        training.dcnlab.com/attempt: "3" # +
        training.dcnlab.com/pool: POOL # +
        training.dcnlab.com/job-name: train # +
        training.dcnlab.com/pool-name: a100 # +
      annotations: {prometheus.io/scrape: "true"}
      finalizers: [acme.io/look]
    spec:
      restartPolicy: Never # ~
      serviceAccountName: trainer
      runtimeClassName: nvidia
      terminationGracePeriodSeconds: 25
      priorityClassName: high
      hostIPC: true
      nodeSelector: {disk: ssd, training.dcnlab.com/pool: POOL} # + pool
      tolerations:
      - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
      - {key: spot, operator: Equal, value: "yes", effect: NoSchedule} # +
      imagePullSecrets: [{name: pull}]
      securityContext: {fsGroup: 1000}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: arch, operator: In, values: [amd64]}]}]
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: noisy}}}
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {training.dcnlab.com/pool: POOL}}} # +
          preferredDuringSchedulingIgnoredDuringExecution: # +
          - weight: 50
            podAffinityTerm: {topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {training.dcnlab.com/job-uid: uid-train}}}
      initContainers:
      - {name: fetch, image: acme/fetch:1, args: [--all], terminationMessagePolicy: FallbackToLogsOnError} # + the policy, of all containers
      - {name: logs, image: acme/logs:1, restartPolicy: Always, terminationMessagePolicy: FallbackToLogsOnError}
      containers:
      - name: trainer
        image: registry.acme.io/checkpoints:ckpt-trainer # ~
        terminationMessagePolicy: FallbackToLogsOnError
        command: [python, train.py]
        env:
        - {name: EPOCHS, value: "90"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        resources: {limits: {nvidia.com/gpu: "1", memory: 64Gi}, requests: {cpu: 500m}}
        ports: [{containerPort: 6006}]
        volumeMounts: [{name: data, mountPath: /data}, {name: shm, mountPath: /dev/shm}]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 5}
      - {name: exporter, image: "registry.acme.io/checkpoints:ckpt-exporter", terminationMessagePolicy: FallbackToLogsOnError} # ~
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
      - {name: shm, emptyDir: {medium: Memory, sizeLimit: 8Gi}}
      - {name: checkpoint-base-0, image: {reference: "acme/train:1", pullPolicy: IfNotPresent}} # +
      - {name: checkpoint-base-1, image: {reference: "acme/exporter:1", pullPolicy: IfNotPresent}} # +
`

func richAttempt() newAttempt {
	return newAttempt{
		replica: 1, attempt: 3, final: true,
		from: source{backup: "ckpt", progress: time.Hour, images: map[string]string{
			"trainer": "registry.acme.io/checkpoints:ckpt-trainer", "exporter": "registry.acme.io/checkpoints:ckpt-exporter",
		}},
		ledger: parseLedger(`{"replicas":{"1":{"through":2,"losses":2}}}`),
	}
}

func TestARichTemplateIsRenderedWhole(t *testing.T) {
	o := rich(t)
	text := strings.ReplaceAll(wantRichJob, "POOL", v1alpha1.PoolID("ml", "a100"))
	var want map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &want))
	got := asYAML(t, renderJob(o, richAttempt()))
	assert.Equal(t, asYAML(t, want), got)
}

// TestAttemptsOfOneResponseShareNothing: rendering one leaves the template and the others as they were.
func TestAttemptsOfOneResponseShareNothing(t *testing.T) {
	o := rich(t)
	template := asYAML(t, o.template.apply)
	fresh := newAttempt{replica: 0, attempt: 1}
	alone := asYAML(t, renderJob(rich(t), fresh))

	first, second := renderJob(o, richAttempt()), renderJob(o, fresh)
	before := asYAML(t, first)
	assert.Equal(t, alone, asYAML(t, second))
	assert.Equal(t, before, asYAML(t, first))
	assert.Equal(t, template, asYAML(t, o.template.apply))
	assert.Equal(t, "acme/train:1", *second.Spec.Template.Spec.Containers[0].Image)
}

// TestIndexedWithOneCompletionStaysIndexed: the pod gets its index, 0.
func TestIndexedWithOneCompletionStaysIndexed(t *testing.T) {
	o, d := given(templateWith(`"completionMode":"Indexed","completions":1,`)).decide(t)
	require.Nil(t, o.invalid)
	require.Len(t, d.attempts, 2)
	for _, a := range d.attempts {
		spec := renderJob(o, a).Spec
		assert.Equal(t, batchv1.IndexedCompletion, *spec.CompletionMode)
		assert.EqualValues(t, 1, *spec.Completions)
		assert.EqualValues(t, 1, *spec.Parallelism)
	}
}

func TestABackupNamesAllThatTheAgentNeeds(t *testing.T) {
	o := rich(t)
	o.job.Spec.CheckpointConfig.CheckpointRepoCredentialRef = &corev1.SecretReference{Name: "push", Namespace: "ml"}
	pod := &podFacts{uid: "uid-pod", name: "train-r1-a3-abcde", started: ago(time.Hour)}
	backup := renderBackup(o, newBackup{
		name: "train-scheduled-0", reason: reasonScheduled, failedBefore: 2,
		of: attempt{name: "train-r1-a3", replica: 1, attempt: 3, inherited: time.Minute, pod: pod},
	})
	assert.Equal(t, metav1.ObjectMeta{
		Name: "train-scheduled-0", Namespace: "ml",
		Labels: map[string]string{v1alpha1.LabelJobUID: "uid-train", v1alpha1.LabelReplica: "1", v1alpha1.LabelAttempt: "3", v1alpha1.LabelJobName: "train", v1alpha1.LabelPoolName: "a100"},
		Annotations: map[string]string{
			annotationJobName: "train", annotationReason: "scheduled", annotationPodUID: "uid-pod", annotationFailedBefore: "2",
			annotationStartedAt: "2026-03-01T11:00:00Z", annotationInherited: "60",
			annotationGPU: "nvidia-tesla-a100/1", annotationMachineType: "a2-highgpu-1g", annotationVMImage: "",
		},
	}, backup.Metadata)
	assert.Equal(t, backupSpec{
		Schedule:    "immediately",
		PodRef:      podRef{"train-r1-a3-abcde", "ml"},
		ResourceRef: resourceRef{"batch/v1", "Job", "train-r1-a3", "ml"},
		Registry:    &backupRegistry{URL: "registry.acme.io", Repository: "checkpoints", SecretRef: &corev1.SecretReference{Name: "push", Namespace: "ml"}},
		Containers: []backupContainer{
			{"trainer", "checkpoints:train-scheduled-0-trainer"},
			{"exporter", "checkpoints:train-scheduled-0-exporter"},
		},
	}, backup.Spec)
}

// TestNamesFit: Job names are labels of pods and a prefix of their names, of which 58 characters are used; tags hold 128.
func TestNamesFit(t *testing.T) {
	long := given().job
	long.Name = "a." + strings.Repeat("x", 250) + ".z"
	for _, name := range []string{long.Name, strings.Repeat("y", 35) + ".b"} {
		long.Name = name
		attempt := jobName(&long, 63, mostCounted)
		assert.LessOrEqual(t, len(attempt), 57)
		assert.Regexp(t, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, attempt)
		backup := backupName(&long, &podFacts{uid: "u"}, reasonPreemption, attempt)
		assert.Regexp(t, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, backup)
		assert.LessOrEqual(t, len(backup+"-"+strings.Repeat("c", 63)), 128)
	}
	other := long
	other.UID = "other"
	assert.NotEqual(t, jobName(&long, 0, 1), jobName(&other, 0, 1))
}
