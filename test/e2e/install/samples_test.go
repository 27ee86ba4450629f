package install

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	manifests   = "../../../manifests"
	controllers = manifests + "/30-compositecontrollers.yaml"
)

// The operator has been installed from them before; the server takes them again, and finds no field that it does not know.
func TestServerAcceptsEveryManifest(t *testing.T) {
	s := begin(t)
	for _, path := range []string{"../../../crds", manifests} {
		out, err := lab.Kubectl(t.Context(), "apply", "--validate=strict", "--filename="+path)
		assert.NoError(t, err)
		assert.NotContains(t, out, "created", "the installation has left something out")
	}
	s.end()
}

// The samples are accepted as they are, and say what to fill in before a VM is bought.
func TestSamplesSayWhatToFillIn(t *testing.T) {
	s := begin(t)
	s.kubectl("delete", "secret", "gcp-credentials", "kubeadm-join-token")
	s.kubectl("apply", "--filename="+manifests+"/samples")

	message := func(condition string) []string {
		return []string{"get", "sivm/t4-pool", `--output=jsonpath={.status.conditions[?(@.type=="` + condition + `")].message}`}
	}
	s.says("the pool names the Secret of the credentials", "Secret "+s.namespace+"/gcp-credentials does not exist", message(v1alpha1.ConditionCredentialsValid)...)
	s.says("the pool names the Secret of the join values", "Secret "+s.namespace+"/kubeadm-join-token does not exist", message(v1alpha1.ConditionJoinDataValid)...)
	s.says("the job repeats it", "gcp-credentials does not exist", "get", "sij/resnet", "--output=wide")
	assert.Empty(t, vmsOf("my-project"))
	s.end()
}

func vmsOf(project string) []string {
	var names []string
	for _, vm := range lab.GCE().Instances() {
		if vm.Project == project {
			names = append(names, vm.Name)
		}
	}
	return names
}
