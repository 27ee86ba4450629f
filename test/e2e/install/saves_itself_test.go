package install

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// In a cluster without the checkpoint agent the kind that we ship is enough: a training that saves itself is served, is told of its
// preemption and goes on. The agent may come later, and bring its own kind; and ours never takes the place of that one.
func TestTrainingThatSavesItselfNeedsNoAgent(t *testing.T) {
	s := begin(t)
	s.kubectl("delete", "compositecontroller/spotinstancejob")
	require.NoError(t, lab.RemoveCheckpointBackups(t.Context()))
	s.kubectl("create", "--filename="+manifests+"/without-agent")
	s.kubectl("apply", "--filename="+controllers)
	require.NoError(t, lab.Apply(t.Context(), s.namespace, strings.ReplaceAll(trainingAlone, "$NAMESPACE", s.namespace)))
	s.trainsAs("1")
	require.Contains(t, s.schema(), `"x-kubernetes-preserve-unknown-fields":true`)

	require.NoError(t, lab.InstallCheckpointBackups(t.Context()), "kubectl apply of the agent's kind over ours")
	agents := s.schema()
	assert.Contains(t, agents, `"CompletedPodDeleted"`)
	_, err := lab.Kubectl(t.Context(), "create", "--filename="+manifests+"/without-agent")
	assert.ErrorContains(t, err, "already exists")
	assert.Equal(t, agents, s.schema(), "the agent's stays")

	s.preempt()
	s.trainsAs("2")
	assert.Equal(t, "1", s.kubectl("get", "sij/alone", "--output=jsonpath={.status.preemptions}"))
	assert.Empty(t, s.kubectl("get", "sij/alone", "--output=jsonpath={.status.lostSeconds}"))
	assert.Empty(t, s.kubectl("get", "checkpointbackups", "--output=name"))
	s.end()
}

// trainsAs waits until this attempt of the only replica trains.
func (s *story) trainsAs(attempt string) {
	s.Helper()
	s.says("attempt "+attempt+" trains", "1 1 "+attempt+" Running", "get", "sij/alone",
		"--output=jsonpath={.status.activeReplicas} {.status.desiredReplicas} {.status.jobStatuses[0].attempt} {.status.jobStatuses[0].phase}")
}

// schema is how the cluster describes a CheckpointBackup.
func (s *story) schema() string {
	s.Helper()
	return s.kubectl("get", "crd/checkpointbackups.migration.dcnlab.com", "--output=jsonpath={.spec.versions[0].schema}")
}

// preempt gives the story's only VM its notice.
func (s *story) preempt() {
	s.Helper()
	vms := vmsOf(s.namespace)
	require.Len(s, vms, 1)
	require.NoError(s, lab.GCE().Preempt(vms[0]))
}

const trainingAlone = `
apiVersion: training.training.dcnlab.com/v1alpha1
kind: SpotInstanceVM
metadata: {name: l4-pool}
spec:
  vmImage: projects/lab/global/images/family/gpu
  gpu: {type: nvidia-l4, count: 1}
  gcp: {project: $NAMESPACE, zone: us-central1-a, machineType: g2-standard-4}
---
apiVersion: training.training.dcnlab.com/v1alpha1
kind: SpotInstanceJob
metadata: {name: alone}
spec:
  spotInstanceVMRef: {name: l4-pool}
  jobTemplate:
    spec:
      template:
        metadata:
          annotations: {` + cluster.AnnotationSIGTERM + `: exit0}
        spec:
          restartPolicy: Never
          containers:
          - {name: trainer, image: docker.io/acme/resnet:v1, resources: {limits: {nvidia.com/gpu: 1}}}
`
