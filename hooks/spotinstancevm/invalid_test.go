package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestInvalidPools(t *testing.T) {
	type spec = v1alpha1.SpotInstanceVMSpec
	for name, c := range map[string]struct {
		edit      func(*spec)
		world     func(*world)
		condition string
		reason    string
		says      []string
	}{
		"machine type is no name": {
			edit:      func(s *spec) { s.GCP.MachineType = "n1 standard 4" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.gcp.machineType", "n1-standard-8"},
		},
		"machine type without GPUs": {
			edit:      func(s *spec) { s.GCP.MachineType = "e2-standard-4" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.gpu", "remove spec.gpu"},
		},
		"machine type with other GPUs": {
			edit:      func(s *spec) { s.GCP.MachineType = "g2-standard-24" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.gpu.type", "nvidia-l4", "spec.gpu.count", "2 GPUs"},
		},
		"machine type never sold as spot": {
			edit:      func(s *spec) { s.GCP.MachineType, s.GPU = "a4x-highgpu-4g", nil },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.provisioningModel", "use Standard"},
		},
		"image is no image": {
			edit:      func(s *spec) { s.VMImage = "ubuntu" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.vmImage", "projects/P/global/images/I"},
		},
		"network tag": {
			edit:      func(s *spec) { s.GCP.NetworkTags = []string{"K8S"} },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.gcp.networkTags"},
		},
		"node label that no kubelet may set": {
			edit:      func(s *spec) { s.NodeLabels = map[string]string{"node-role.kubernetes.io/gpu": ""} },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.nodeLabels[node-role.kubernetes.io/gpu]", "prefix of your own"},
		},
		"node label of the operator": {
			edit:      func(s *spec) { s.NodeLabels = map[string]string{v1alpha1.LabelPool: "x"} },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.nodeLabels[" + v1alpha1.LabelPool + "]", "remove it"},
		},
		"taint without effect": {
			edit:      func(s *spec) { s.Taints = []corev1.Taint{{Key: "gpu"}} },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.taints[0].effect", "NoSchedule"},
		},
		"joinTimeout of before it had a limit": {
			edit:      func(s *spec) { s.JoinTimeout = &metav1.Duration{Duration: 99999 * time.Hour} },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.joinTimeout", "set it to 2h or less"},
		},
		"startup script with the line ends of Windows": {
			edit:      func(s *spec) { s.StartupScript = "#!/bin/bash\r\napt-get update\r\n" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.startupScript: ", "line 1", "dos2unix"},
		},
		"startup script that is for cloud-init": {
			edit:      func(s *spec) { s.StartupScript = "#cloud-config\npackages: [kubeadm]\n" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.startupScript: ", "cloud-init", "write a bash script"},
		},
		"socket of a runtime that is no path": {
			edit:      func(s *spec) { s.KubeadmJoinConfig.CRISocket = "crio" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonInvalid, says: []string{"spec.kubeadmJoinConfig.criSocket: ", "unix:///var/run/crio/crio.sock"},
		},
		"zone that GCE does not know": {
			edit:      func(s *spec) { s.GCP.Zone = "us-central9-z" },
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonZoneUnknown, says: []string{"spec.gcp.zone", "us-central9-z"},
		},
		"project that GCE does not know": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.ListInstances}, gcefake.Refused(gce.Error{Kind: gce.Invalid, Code: "notFound", HTTPStatus: 404, Message: "The resource 'projects/acme' was not found"}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.gcp.project", "acme", "use the project's id"},
		},
		"GCE allows no external IP": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{Kind: gce.Invalid, Code: "conditionNotMet", HTTPStatus: 412, Message: "Constraint constraints/compute.vmExternalIpAccess violated for project 1. Add instance projects/acme/zones/us-central1-a/instances/x to the constraint to use external IP with it."}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.gcp.externalIP: ", "set spec.gcp.externalIP to false"},
		},
		"GCE does not join the machine type and the disk type": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{Kind: gce.Invalid, Code: "badRequest", HTTPStatus: 400, Message: "[pd-ssd, n1-standard-4] features are not compatible for creating instance."}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.gcp.machineType, spec.gcp.diskType: "},
		},
		"the account may not be used": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.FailsInOperation(gce.Error{Kind: gce.Forbidden, Code: "SERVICE_ACCOUNT_ACCESS_DENIED", HTTPStatus: 400, Message: "The user does not have access to service account 'vm@acme.iam.gserviceaccount.com'."}))
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"vm@acme", "roles/iam.serviceAccountUser", "spec.gcp.serviceAccount"},
		},
		"the API is not enabled": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.ListInstances}, gcefake.Refused(gce.Error{Kind: gce.Forbidden, Code: "accessNotConfigured", HTTPStatus: 403, Message: "Compute Engine API has not been used in project 1 before or it is disabled."}))
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"gcloud services enable compute.googleapis.com --project acme"},
		},
		"nobody pays": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{Kind: gce.Forbidden, Code: "forbidden", HTTPStatus: 403, Message: "This API method requires billing to be enabled. Please enable billing on project #1 and retry."}))
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"link project acme to a billing account"},
		},
		"GCE refuses the machine type": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{Kind: gce.Invalid, Code: "invalid", HTTPStatus: 400, Message: "Invalid value for field 'resource.machineType'"}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.gcp.machineType", "mend"},
		},
		"GCE has no such image": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{Kind: gce.NotFound, Code: "notFound", HTTPStatus: 404, Message: "The resource 'projects/acme/global/images/ubuntu-2404-gpu' was not found"}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.vmImage", "was not found"},
		},
		"GCE refuses in the operation": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.FailsInOperation(gce.Error{Kind: gce.Invalid, Code: "INVALID_USAGE", Message: "diskType does not fit"}))
			},
			condition: v1alpha1.ConditionSpecValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"spec.gcp.diskType"},
		},
		"GCE forbids": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Denied("compute.instances.create"))
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"compute.instances.create", "grant"},
		},
		"GCE forbids to read": {
			world: func(w *world) {
				w.gce.When(gcefake.Call{Method: gcefake.ListInstances}, gcefake.Denied("compute.instances.list"))
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE, says: []string{"compute.instances.list"},
		},
		"join Secret missing": {
			edit:      func(s *spec) { s.KubeadmJoinConfig.TokenSecretRef = "nowhere" },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonSecretNotFound, says: []string{"spec.kubeadmJoinConfig.tokenSecretRef", "default/nowhere", "create it"},
		},
		"placeholder hash": {
			edit:      func(s *spec) { s.KubeadmJoinConfig.CACertHash = "sha256:abc123..." },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonJoinValueMalformed, says: []string{"spec.kubeadmJoinConfig.caCertHash", "placeholder", "kubeadm token create"},
		},
		"endpoint without port": {
			edit:      func(s *spec) { s.KubeadmJoinConfig.ControlPlaneEndpoint = "10.0.0.1" },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonJoinValueMalformed, says: []string{"spec.kubeadmJoinConfig.controlPlaneEndpoint", "host:port"},
		},
		"nothing but the Secret": {
			edit:      func(s *spec) { s.KubeadmJoinConfig = nil },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonJoinValueMalformed, says: []string{"key ca-cert-hash of Secret default/kubeadm-join-token", "is missing"},
		},
		"malformed token": {
			world: func(w *world) {
				w.kube.putSecret("default/kubeadm-join-token", nil, map[string]string{"token": "secret-but-no-token"})
			},
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonJoinValueMalformed, says: []string{"key token of Secret default/kubeadm-join-token"},
		},
		"expired token": {
			world:     func(w *world) { w.kube.signed = nil },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonJoinTokenExpired, says: []string{"expired", "kubeadm token create"},
		},
		"no cluster-info": {
			world:     func(w *world) { w.kube.noInfo = true },
			condition: v1alpha1.ConditionJoinDataValid, reason: v1alpha1.ReasonClusterInfoMissing, says: []string{"kube-public/cluster-info"},
		},
		"credentials missing": {
			edit:      func(s *spec) { s.GCPCredentialsSecretRef = &corev1.SecretReference{Name: "key"} },
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonSecretNotFound, says: []string{"spec.gcpCredentialsSecretRef", "default/key"},
		},
		"credentials without the key": {
			world:     func(w *world) { w.kube.putSecret("default/gcp-credentials", nil, map[string]string{"key.json": "{}"}) },
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonKeyMissing, says: []string{"default/gcp-credentials", "credentials.json"},
		},
		"credentials that are none": {
			world: func(w *world) {
				w.kube.putSecret("default/gcp-credentials", nil, map[string]string{"credentials.json": "garbage"})
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonCredentialsUnusable, says: []string{"Secret default/gcp-credentials", "create a new key"},
		},
		"credentials of a namespace that does not share them": {
			edit: func(s *spec) { s.GCPCredentialsSecretRef = &corev1.SecretReference{Namespace: "infra", Name: "key"} },
			world: func(w *world) {
				w.kube.putSecret("infra/key", map[string]string{v1alpha1.AnnotationAllowNamespaces: "team-a,team-b"}, map[string]string{"credentials.json": "x"})
			},
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonSecretNotShared, says: []string{"infra/key", v1alpha1.AnnotationAllowNamespaces + "=default"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
				if c.edit != nil {
					c.edit(&p.Spec)
				}
			})
			if c.world != nil {
				c.world(w)
			}
			w.run(20 * time.Second)
			require.Empty(t, w.gce.Instances())
			require.Equal(t, v1alpha1.PoolInvalid, w.pool.Status.Phase)
			found := w.condition(c.condition)
			require.Equal(t, metav1.ConditionFalse, found.Status)
			require.Equal(t, c.reason, found.Reason)
			for _, part := range c.says {
				require.Contains(t, found.Message, part)
			}
			require.NotContains(t, found.Message, "secret-but-no-token")
			require.Equal(t, found.Message, w.condition(v1alpha1.ConditionReady).Message)
			w.settled()
		})
	}
}

func TestInvalidPoolKeepsItsVMsAndRecovers(t *testing.T) {
	w := ready(t, 1)
	w.kube.putSecret("default/kubeadm-join-token", nil, map[string]string{"token": "bad"})
	w.run(time.Minute) // Secrets are read once a minute
	w.demand(2)
	w.run(5 * time.Minute)
	require.Equal(t, v1alpha1.PoolInvalid, w.pool.Status.Phase)
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
	require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
	w.kube.putSecret("default/kubeadm-join-token", nil, map[string]string{"token": token})
	w.run(30 * time.Second)
	require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
}

func TestPlanIsDroppedWhenTheTokenExpiresBeforeItIsSent(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	require.Equal(t, v1alpha1.InstancePlanned, w.entry(w.vm(0)).State)
	w.kube.signed = nil
	w.clock.Advance(61 * time.Second)
	w.run(time.Minute)
	require.Zero(t, w.inserts())
	require.Equal(t, v1alpha1.ReasonJoinTokenExpired, w.condition(v1alpha1.ConditionJoinDataValid).Reason)
}

func TestRefusalIsTriedAgainAndForgotten(t *testing.T) {
	w := newWorld(t, fixed(1))
	cancel := w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Denied("compute.instances.create"))
	w.run(50 * time.Second)
	require.Equal(t, 1, w.inserts())
	w.run(20 * time.Second)
	require.Equal(t, 2, w.inserts(), "after a minute")
	cancel()
	w.run(3 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionCredentialsValid).Status)
}

// A pool that was stored before joinTimeout had a limit does not pay for a VM that never joins until its run limit.
func TestVMIsGivenUpAfterTwoHoursWhateverJoinTimeoutSays(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.boot = -1
	w.run(20 * time.Second)
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
	w.pool.Spec.JoinTimeout = &metav1.Duration{Duration: 99999 * time.Hour}
	w.run(110 * time.Minute)
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
	w.run(15 * time.Minute)
	require.Empty(t, w.vmNames(), "it is gone, and none follows while the spec is invalid")
}
