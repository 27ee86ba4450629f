package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

var lab *cluster.Cluster

func TestMain(m *testing.M) {
	cluster.Main(m, cluster.Build, cluster.Options{}, &lab)
}

// install installs the operator, and the checkpoint agent's kind, before the first story.
var install = sync.OnceValue(func() error {
	ctx := context.Background() // the operator outlives the story that happens to be first
	if err := lab.InstallCheckpointBackups(ctx); err != nil {
		return err
	}
	return lab.InstallOperator(ctx, cluster.OperatorOptions{})
})

// story is one test's namespace.
type story struct {
	*testing.T
	namespace string
	deadline  time.Time
}

func begin(t *testing.T) *story {
	t.Helper()
	require.NoError(t, install())
	namespace, err := lab.NewNamespace(t.Context(), "install")
	require.NoError(t, err)
	return &story{T: t, namespace: namespace.Name, deadline: time.Now().Add(2 * time.Minute)}
}

// eventually waits until check returns nil.
func (s *story) eventually(what string, check func() error) {
	s.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(s.deadline) {
			require.FailNow(s, "It did not happen that "+what+".", "%v", err)
		}
		<-ticker.C
	}
}

// says waits until kubectl prints this text.
func (s *story) says(what, text string, kubectl ...string) {
	s.Helper()
	s.eventually(what, func() error {
		out, err := lab.Kubectl(s.Context(), s.here(kubectl)...)
		if err == nil && !strings.Contains(out, text) {
			err = fmt.Errorf("no %q in %q", text, out)
		}
		return err
	})
}

// kubectl runs kubectl in the story's namespace.
func (s *story) kubectl(args ...string) string {
	s.Helper()
	out, err := lab.Kubectl(s.Context(), s.here(args)...)
	require.NoError(s, err)
	return out
}

func (s *story) here(args []string) []string {
	return append([]string{"--namespace=" + s.namespace}, args...)
}

// train applies a pool and a job of two replicas.
func (s *story) train() {
	s.Helper()
	require.NoError(s, lab.Apply(s.Context(), s.namespace, strings.ReplaceAll(training, "$NAMESPACE", s.namespace)))
}

// end deletes what the story created and waits until nothing of it is left.
func (s *story) end() {
	s.Helper()
	s.kubectl("delete", "sij,sivm", "--all", "--timeout=60s")
	s.eventually("nothing is left of the story", func() error {
		left, err := lab.Leftovers(s.Context(), s.namespace)
		if err == nil && len(left) > 0 {
			err = errors.New(strings.Join(left, ", "))
		}
		return err
	})
}

const training = `
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
metadata: {name: resnet}
spec:
  replicas: 2
  spotInstanceVMRef: {name: l4-pool}
  checkpointConfig: {checkpointImageRepo: docker.io/$NAMESPACE/checkpoints, checkpointInterval: 1h}
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - {name: trainer, image: docker.io/acme/resnet:v1, resources: {limits: {nvidia.com/gpu: 1}}}
`
