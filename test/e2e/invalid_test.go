package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// madeNothing checks that no child and no VM was ever created in the story.
func (s *scene) madeNothing() {
	s.Helper()
	assert.Empty(s, recorded.past(childJobs, s.namespace), "Jobs")
	assert.Empty(s, recorded.past(backups, s.namespace), "CheckpointBackups")
	assert.Empty(s, s.requested(), "VMs")
}

func TestJobThatCannotBeRunSaysWhichFieldAndWhatToDo(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		template string
		says     []string
	}{
		"a typo":            {`{"backofLimit": 3}`, []string{"spec.jobTemplate", `unknown field "spec.backofLimit"`, "apply it again"}},
		"parallelism":       {`{"parallelism": 3}`, []string{"spec.jobTemplate.spec.parallelism", "must be 1", "spec.replicas"}},
		"indexed":           {`{"completionMode": "Indexed", "completions": 4}`, []string{"spec.jobTemplate.spec.completions", "must be 1", "spec.replicas"}},
		"a wrong type":      {`{"backoffLimit": "three"}`, []string{"spec.jobTemplate", "backoffLimit", "apply it again"}},
		"a selector of its": {`{"manualSelector": true}`, []string{"spec.jobTemplate.spec.selector", "remove it"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.newPool()
			job := s.newJob(withTemplate(c.template))

			s.eventually("a condition tells", job.says(v1alpha1.ConditionSpecValid, metav1.ConditionFalse, v1alpha1.ReasonInvalid, c.says...))
			s.eventually("Ready tells too", job.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSpecInvalid, c.says...))
			s.madeNothing()
			s.end()
		})
	}
}

func TestPoolThatCannotBeRunSaysWhichFieldAndWhatToDo(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edit              poolEdit
		condition, reason string
		says              []string
	}{
		"machine type": {
			func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.MachineType = "G2 standard 4" },
			v1alpha1.ConditionSpecValid, v1alpha1.ReasonInvalid,
			[]string{"spec.gcp.machineType", "G2 standard 4", "use the bare name of a machine type"},
		},
		"GPU that the machine type has not": {
			func(p *v1alpha1.SpotInstanceVM) { p.Spec.GPU.Type = "nvidia-tesla-t4" },
			v1alpha1.ConditionSpecValid, v1alpha1.ReasonInvalid,
			[]string{"spec.gpu.type", "make spec.gpu.type and spec.gcp.machineType agree"},
		},
		"zone that does not exist": {
			inZones("mars-north1-a"),
			v1alpha1.ConditionSpecValid, v1alpha1.ReasonZoneUnknown,
			[]string{"spec.gcp.zone", "mars-north1-a"},
		},
		"placeholder of the CA": {
			func(p *v1alpha1.SpotInstanceVM) {
				p.Spec.KubeadmJoinConfig = &v1alpha1.KubeadmJoinConfig{CACertHash: "sha256:abc123..."}
			},
			v1alpha1.ConditionJoinDataValid, v1alpha1.ReasonJoinValueMalformed,
			[]string{"spec.kubeadmJoinConfig.caCertHash", "placeholder", "kubeadm token create --print-join-command"},
		},
		"join Secret that does not exist": {
			func(p *v1alpha1.SpotInstanceVM) {
				p.Spec.KubeadmJoinConfig = &v1alpha1.KubeadmJoinConfig{TokenSecretRef: "forgotten"}
			},
			v1alpha1.ConditionJoinDataValid, v1alpha1.ReasonSecretNotFound,
			[]string{"spec.kubeadmJoinConfig.tokenSecretRef", "/forgotten", "create it with the keys token"},
		},
		"credentials that do not exist": {
			func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCPCredentialsSecretRef = secretNamed("forgotten") },
			v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretNotFound,
			[]string{"spec.gcpCredentialsSecretRef", "forgotten", "credentials.json"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			pool := s.newPool(c.edit)
			job := s.newJob()

			s.eventually("a condition tells", pool.says(c.condition, metav1.ConditionFalse, c.reason, c.says...))
			s.eventually("Ready tells too", pool.says(v1alpha1.ConditionReady, metav1.ConditionFalse, c.reason, c.says...))
			s.eventually("the job repeats it", job.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReplicasPending, c.says...))
			assert.Empty(t, s.requested(), "VMs")
			s.end()
		})
	}
}

func TestMalformedJoinTokenIsMendedInItsSecret(t *testing.T) {
	s := begin(t)
	s.patch(secrets, "kubeadm-join-token", `{"stringData": {"token": "abcdef-0123456789abcdef"}}`)
	pool := s.newPool()
	job := s.newJob(withReplicas(1))

	s.eventually("a condition tells", pool.says(v1alpha1.ConditionJoinDataValid, metav1.ConditionFalse, v1alpha1.ReasonJoinValueMalformed,
		"key token of Secret "+s.namespace+"/kubeadm-join-token", "kubeadm token create"))
	assert.Empty(t, s.requested(), "VMs")

	s.patch(secrets, "kubeadm-join-token", `{"stringData": {"token": "`+s.join.Token+`"}}`)
	s.eventually("the replica trains", job.trains(1))
	s.end()
}

func TestExpiredJoinTokenIsNoticedBeforeAVMIsBought(t *testing.T) {
	s := begin(t)
	expired, err := lab.NewJoinToken(t.Context(), 0)
	assert.NoError(t, err)
	assert.NoError(t, lab.RevokeJoinToken(t.Context(), expired))
	s.patch(secrets, "kubeadm-join-token", `{"stringData": {"token": "`+expired.Token+`"}}`)
	pool := s.newPool()
	s.newJob()

	s.eventually("a condition tells", pool.says(v1alpha1.ConditionJoinDataValid, metav1.ConditionFalse, v1alpha1.ReasonJoinTokenExpired,
		"kubeadm token create --print-join-command"))
	s.stays("no VM is bought", 3*time.Second, func() error { return noVM(s) })
	s.end()
}
