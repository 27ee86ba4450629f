package install

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Any pod can reach the hooks' port. Three calls that once stopped the VMs of a running pool, bought VMs with a tenant's key in an
// attacker's project, and deleted an arbitrary Node.
func TestForgedCallsMoveNothing(t *testing.T) {
	s := begin(t)
	require.NoError(t, lab.Apply(t.Context(), s.namespace, strings.ReplaceAll(twoPools, "$NAMESPACE", s.namespace)))
	kept := s.onlyVMOf("kept")
	s.onlyVMOf("lost")
	bystander := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.namespace + "-bystander"}}
	bystander, err := lab.Client().CoreV1().Nodes().Create(t.Context(), bystander, metav1.CreateOptions{})
	require.NoError(t, err)
	var pool v1alpha1.SpotInstanceVM
	require.NoError(t, json.Unmarshal([]byte(s.kubectl("get", "sivm/kept", "--output=json")), &pool))
	before := vmsOf(s.namespace)

	s.forge("finalize", pool, corev1.Node{})

	invented := *pool.DeepCopy()
	invented.Name, invented.UID, invented.Spec.GCP.Project = "invented", "ffffffff-0000-4000-8000-000000000001", "attacker-"+s.namespace
	invented.Status = s.forge("sync", invented, corev1.Node{})
	require.NotEmpty(t, invented.Status.ProvisionedInstances, "the second call would buy what the first one planned")
	s.forge("sync", invented, corev1.Node{})

	forged := *bystander.DeepCopy()
	forged.Labels = map[string]string{v1alpha1.LabelPool: v1alpha1.PoolID(pool.Namespace, pool.Name), v1alpha1.LabelPoolUID: string(pool.UID)}
	forged.Spec.ProviderID = "gce://" + s.namespace + "/us-central1-a/" + forged.Name
	s.forge("sync", pool, forged)

	assert.ElementsMatch(t, before, vmsOf(s.namespace))
	assert.Empty(t, vmsOf(invented.Spec.GCP.Project))
	_, err = lab.Client().CoreV1().Nodes().Get(t.Context(), bystander.Name, metav1.GetOptions{})
	require.NoError(t, err, "the Node is still there")
	assert.Equal(t, kept, s.onlyVMOf("kept"))
	s.kubectl("delete", "node", bystander.Name)
	s.kubectl("delete", "sivm", "--all")
	s.end()
}

// forge sends a call as Metacontroller would, and returns the status that is answered.
func (s *story) forge(hook string, pool v1alpha1.SpotInstanceVM, node corev1.Node) v1alpha1.SpotInstanceVMStatus {
	s.Helper()
	nodes := map[string]any{}
	if node.Name != "" {
		nodes[node.Name] = node
	}
	body, err := json.Marshal(map[string]any{
		"controller": map[string]any{}, "parent": pool, "children": map[string]any{}, "finalizing": hook == "finalize",
		"related": map[string]any{"Job.batch/v1": map[string]any{}, "Pod.v1": map[string]any{}, "Node.v1": nodes},
	})
	require.NoError(s, err)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, lab.Hooks().URL()+"/spotinstancevm/"+hook, bytes.NewReader(body))
	require.NoError(s, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(s, err)
	defer answer.Body.Close()
	require.Equal(s, http.StatusOK, answer.StatusCode)
	var decoded struct {
		Status    v1alpha1.SpotInstanceVMStatus `json:"status"`
		Finalized bool                          `json:"finalized"`
	}
	require.NoError(s, json.NewDecoder(answer.Body).Decode(&decoded))
	assert.False(s, decoded.Finalized)
	return decoded.Status
}
