package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// traffic is what went to the hooks and back.
type traffic struct {
	mu        sync.Mutex
	exchanges []cluster.Exchange
}

func (r *traffic) add(e cluster.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, e)
}

func (r *traffic) all() []cluster.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]cluster.Exchange{}, r.exchanges...)
}

// left checks that nothing is left of the namespace's pools and jobs.
func (w world) left() error {
	left, err := lab.Leftovers(w.Context(), w.Name)
	if err == nil && len(left) > 0 {
		return errors.New(strings.Join(left, "\n"))
	}
	return err
}

func (w world) readyVMs(pool string, want int32) {
	w.Helper()
	eventually(w.T, func() error {
		out, err := lab.Kubectl(w.Context(), "get", "sivm", pool, "--namespace="+w.Name, "--output=json")
		if err != nil {
			return err
		}
		var object v1alpha1.SpotInstanceVM
		if err := json.Unmarshal([]byte(out), &object); err != nil {
			return err
		}
		if object.Status.ReadyReplicas != want {
			return fmt.Errorf("%d VMs are ready: %+v", object.Status.ReadyReplicas, object.Status)
		}
		return nil
	})
}

// TestOperator is not parallel: there is one operator for the whole lab, and other tests' VMs are none of its business.
func TestOperator(t *testing.T) {
	var seen traffic
	require.NoError(t, lab.InstallOperator(t.Context(), cluster.OperatorOptions{Observe: seen.add}))
	require.ErrorContains(t, lab.InstallOperator(t.Context(), cluster.OperatorOptions{}), "installed already")
	w := newWorld(t)
	require.NoError(t, lab.Apply(t.Context(), w.Name, `
apiVersion: training.training.dcnlab.com/v1alpha1
kind: SpotInstanceVM
metadata: {name: pool}
spec:
  vmImage: projects/lab/global/images/gpu
  gpu: {type: nvidia-l4, count: 1}
  gcp: {project: lab, zone: us-central1-a, machineType: g2-standard-4}
  replicas: 1
`))
	w.readyVMs("pool", 1)
	assert.NoError(t, w.left(), "what is wanted is not left over")

	lab.Hooks().Kill()
	_, err := lab.Kubectl(t.Context(), "scale", "sivm", "pool", "--replicas=2", "--namespace="+w.Name)
	require.NoError(t, err)
	require.NoError(t, lab.Hooks().Restart(t.Context()))
	w.readyVMs("pool", 2)

	_, err = lab.Kubectl(t.Context(), "delete", "sivm", "pool", "--wait=false", "--namespace="+w.Name)
	require.NoError(t, err)
	require.ErrorContains(t, w.left(), "pool pool: 2 VMs where 0 are wanted")
	eventually(t, func() error {
		_, err := lab.Kubectl(t.Context(), "get", "sivm", "pool", "--namespace="+w.Name)
		if err == nil {
			return errors.New("the pool is still there")
		}
		return w.left()
	})
	paths := map[string]bool{}
	for _, exchange := range seen.all() {
		paths[exchange.Path] = true
	}
	assert.Subset(t, paths, map[string]bool{"/spotinstancevm/customize": true, "/spotinstancevm/sync": true, "/spotinstancevm/finalize": true})
}

func TestLeftoversNameWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, lab.Apply(t.Context(), w.Name, `
apiVersion: batch/v1
kind: Job
metadata: {name: orphan, labels: {training.dcnlab.com/job-uid: nobody}}
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers: [{name: trainer, image: "docker.io/acme/resnet:v1"}]
`))

	left, err := lab.Leftovers(t.Context(), w.Name)

	require.NoError(t, err)
	assert.Contains(t, left, "Job orphan: its SpotInstanceJob is gone")
	require.NoError(t, lab.Client().BatchV1().Jobs(w.Name).Delete(t.Context(), "orphan", metav1.DeleteOptions{}))
	eventually(t, func() error {
		_, err := lab.Client().BatchV1().Jobs(w.Name).Get(t.Context(), "orphan", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return errors.New("still there")
		}
		return w.left()
	})
}
