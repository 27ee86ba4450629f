package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SpotInstanceVMSpec is the pool that the user asks for. Edits apply to VMs created afterwards.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas"
type SpotInstanceVMSpec struct {
	// Boot image or image family: projects/P/global/images/I or projects/P/global/images/family/F.
	// It must hold kubeadm, kubelet, a container runtime with checkpoint support and the GPU driver, unless
	// startupScript installs them.
	// +kubebuilder:validation:MinLength=1
	VMImage string `json:"vmImage"`

	// GPUs of each VM: those to attach to N1, or those that the machine type comes with. Unset: none are attached,
	// and neither VMs nor pods are compared with them.
	// +optional
	GPU *GPUConfig `json:"gpu,omitempty"`

	// Where and as what the VMs run.
	GCP GCPConfig `json:"gcp"`

	// Script that each VM runs before it joins the cluster: bash runs it if it has no #! line. It must be safe to run again.
	// cloud-config, Windows line ends and others that no Linux VM can run are refused.
	// +kubebuilder:validation:MaxLength=131072
	// +optional
	StartupScript string `json:"startupScript,omitempty"`

	// How CRIU, which checkpoints and restores containers, is set on each VM. Unset: its files are left as they are.
	// +optional
	CRIU *CRIUConfig `json:"criu,omitempty"`

	// How a VM joins this cluster. Unset: the Secret kubeadm-join-token of this namespace.
	// +optional
	KubeadmJoinConfig *KubeadmJoinConfig `json:"kubeadmJoinConfig,omitempty"`

	// Secret with the key credentials.json: a Google service account key. Unset: that of the jobs that use
	// this pool, else the Secret gcp-credentials of this namespace, else the operator's own identity
	// (Application Default Credentials), if its flag --own-identity-namespaces names this namespace. A Secret of another namespace must allow this one with the annotation
	// training.dcnlab.com/allow-namespaces.
	// +optional
	GCPCredentialsSecretRef *corev1.SecretReference `json:"gcpCredentialsSecretRef,omitempty"`

	// Fixed number of VMs. Unset: as many as the SpotInstanceJobs that name this pool need.
	// minReplicas and maxReplicas hold either way.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Fewest VMs, also when no job needs them.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// Most VMs, whatever the demand. VMs that are being preempted or deleted come on top, and so does the one spot VM that is
	// tried while an on-demand VM stands in.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// Spot, Standard (on demand), or SpotWithStandardFallback.
	// +kubebuilder:default=Spot
	// +kubebuilder:validation:Enum=Spot;Standard;SpotWithStandardFallback
	// +optional
	ProvisioningModel ProvisioningModel `json:"provisioningModel,omitempty"`

	// With SpotWithStandardFallback: how long no zone must have had spot VMs before on-demand VMs stand in for them. As soon as
	// a spot VM is Ready again, its work moves back.
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('1m')",message="fallbackAfter must be a duration of at least 1m, such as 10m"
	// +optional
	FallbackAfter *metav1.Duration `json:"fallbackAfter,omitempty"`

	// Notice asked of GCE before it preempts a VM: 120s, or 0s for GCE's plain 30 s shutdown.
	// +kubebuilder:default="120s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && (duration(self) == duration('0s') || duration(self) == duration('120s'))",message="preemptionNotice must be 0s or 120s: GCE knows no other"
	// +optional
	PreemptionNotice *metav1.Duration `json:"preemptionNotice,omitempty"`

	// Longest life of a VM; GCE deletes it then, whatever happens to the operator. Replicas on it are moved
	// 20 minutes before.
	// +kubebuilder:default="168h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('30m') && duration(self) <= duration('2880h')",message="maxRunDuration must be a duration from 30m to 2880h (120 days), such as 168h"
	// +optional
	MaxRunDuration *metav1.Duration `json:"maxRunDuration,omitempty"`

	// How long a VM may take from its creation until its Node is Ready with its GPUs: 2h at most. After that it is
	// deleted and another one is tried.
	// +kubebuilder:default="15m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('1s') && duration(self) <= duration('2h')",message="joinTimeout must be a duration from 1s to 2h, such as 15m"
	// +optional
	JoinTimeout *metav1.Duration `json:"joinTimeout,omitempty"`

	// How long a VM that nobody needs is kept for the next job.
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]+)?h|[0-9]{1,8}([.][0-9]+)?(m|s|ms))+$') && duration(self) >= duration('0s')",message="idleTimeout must be a duration such as 5m, or 0s"
	// +optional
	IdleTimeout *metav1.Duration `json:"idleTimeout,omitempty"`

	// Taints that each Node registers with. Replicas of SpotInstanceJobs tolerate them.
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.all(t, t.effect in ['NoSchedule', 'PreferNoSchedule', 'NoExecute'])",message="the effect of each taint must be NoSchedule, PreferNoSchedule or NoExecute"
	// +listType=atomic
	// +optional
	Taints []corev1.Taint `json:"taints,omitempty"`

	// Labels that each Node registers with.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	NodeLabels map[string]string `json:"nodeLabels,omitempty"`
}

// CRIUConfig is what the startup script writes into /etc/criu/runc.conf, which CRIU reads when runc calls it.
type CRIUConfig struct {
	// What becomes of TCP connections that are open when a container is checkpointed. Without it CRIU refuses to
	// checkpoint such a container. Close: the restored container finds them closed. Established: they are restored, which
	// works for connections inside the pod only.
	// +kubebuilder:validation:Enum=Close;Established
	// +optional
	TCP CRIUTCP `json:"tcp,omitempty"`
}

// CRIUTCP says what becomes of open TCP connections.
type CRIUTCP string

const (
	// CRIUTCPClose closes them in the restored container.
	CRIUTCPClose CRIUTCP = "Close"
	// CRIUTCPEstablished restores those inside the pod.
	CRIUTCPEstablished CRIUTCP = "Established"
)

// GPUConfig is the GPUs of one VM.
type GPUConfig struct {
	// GCE accelerator type, such as nvidia-tesla-t4 or nvidia-l4.
	// +kubebuilder:validation:MinLength=1
	Type string `json:"type"`

	// Number of GPUs per VM.
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count"`

	// Resource that a Node shows its GPUs as, and that pods ask for. Unset: nvidia.com/gpu. A VM is Ready when it shows count of
	// them. Any other name, such as nvidia.com/gpu.shared or nvidia.com/mig-1g.10gb: when it shows at least one, since shared and
	// divided GPUs are not as many as count says. None: no resource is waited for, as with dynamic resource allocation.
	// +kubebuilder:validation:MaxLength=308
	// +kubebuilder:validation:XValidation:rule="self in ['', 'None'] || self.matches('^[a-z0-9.-]+/[A-Za-z0-9._-]+$')",message="resourceName must be what the device plugin calls the GPUs, such as nvidia.com/gpu.shared, or None, if VMs are not to wait for any"
	// +optional
	ResourceName string `json:"resourceName,omitempty"`
}

// Values of spec.gpu.resourceName that mean something of their own.
const (
	// GPUResourceNVIDIA is the default: what NVIDIA's device plugin calls a GPU.
	GPUResourceNVIDIA = "nvidia.com/gpu"
	// GPUResourceNone is for GPUs that are no resource of a Node.
	GPUResourceNone = "None"
)

// Resource is what a Node shows its GPUs as; empty: nothing tells.
func (g *GPUConfig) Resource() corev1.ResourceName {
	switch {
	case g == nil || g.ResourceName == GPUResourceNone:
		return ""
	case g.ResourceName == "":
		return GPUResourceNVIDIA
	default:
		return corev1.ResourceName(g.ResourceName)
	}
}

// GCPConfig is where and as what the VMs run.
//
// +kubebuilder:validation:XValidation:rule="self.project == oldSelf.project",message="gcp.project is immutable: delete this SpotInstanceVM and apply it again to use another project"
type GCPConfig struct {
	// Google Cloud project id. Immutable.
	// +kubebuilder:validation:MinLength=1
	Project string `json:"project"`

	// First zone to try, such as us-central1-a.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]+-[a-z]+[0-9]+-[a-z0-9]+$')",message="zone must be the name of a GCE zone, such as us-central1-a"
	// +kubebuilder:validation:MaxLength=63
	Zone string `json:"zone"`

	// Further zones, of any region. A VM goes where capacity was not short lately, then where the fewest replicas of its job
	// and the fewest VMs of the pool are; the order decides between equals.
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.all(z, z.matches('^[a-z]+-[a-z]+[0-9]+-[a-z0-9]+$'))",message="zones must be names of GCE zones, such as us-central1-b"
	// +listType=atomic
	// +optional
	Zones []string `json:"zones,omitempty"`

	// Accepted for compatibility and not used: the region follows from each zone.
	// +optional
	Region string `json:"region,omitempty"`

	// GCE machine type, such as n1-standard-4 or g2-standard-4.
	// +kubebuilder:validation:MinLength=1
	MachineType string `json:"machineType"`

	// Size of the boot disk in GB.
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=10
	// +optional
	DiskSizeGB int32 `json:"diskSizeGB,omitempty"`

	// Type of the boot disk, such as pd-balanced. Unset: what fits the machine series.
	// +optional
	DiskType string `json:"diskType,omitempty"`

	// Network tags of each VM, for firewall rules.
	// +listType=atomic
	// +optional
	NetworkTags []string `json:"networkTags,omitempty"`

	// Email of the service account that each VM runs as. Unset: none.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty"`

	// VPC network: a name, or projects/P/global/networks/N. Unset: default.
	// +optional
	Network string `json:"network,omitempty"`

	// Subnetwork: a name in each zone's region, or projects/P/regions/R/subnetworks/S. Needed in a network
	// whose subnets were made by hand.
	// +optional
	Subnetwork string `json:"subnetwork,omitempty"`

	// Whether each VM gets an external IP address. Without one the network needs Cloud NAT.
	// +kubebuilder:default=true
	// +optional
	ExternalIP *bool `json:"externalIP,omitempty"`
}

// KubeadmJoinConfig is how a VM joins this cluster. Values given here win over those of the Secret.
type KubeadmJoinConfig struct {
	// Secret of this namespace with the keys token, ca-cert-hash and control-plane-endpoint.
	// Unset: kubeadm-join-token.
	// +optional
	TokenSecretRef string `json:"tokenSecretRef,omitempty"`

	// Hash of the cluster's CA certificate: sha256: and 64 hexadecimal digits.
	// +optional
	CACertHash string `json:"caCertHash,omitempty"`

	// host:port of the API server, as the VMs reach it.
	// +optional
	ControlPlaneEndpoint string `json:"controlPlaneEndpoint,omitempty"`

	// Socket of the container runtime that the VM is to use, such as unix:///var/run/crio/crio.sock. It is needed where
	// vmImage has several runtimes: kubeadm refuses to choose. Unset: kubeadm finds the only one.
	// +kubebuilder:validation:MaxLength=114
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^(unix://)?(/[A-Za-z0-9._-]+)+$')",message="criSocket must be the path of a Unix socket, such as unix:///var/run/crio/crio.sock"
	// +optional
	CRISocket string `json:"criSocket,omitempty"`
}

// ProvisioningModel is how VMs are bought.
type ProvisioningModel string

const (
	// ProvisioningSpot buys spot VMs only.
	ProvisioningSpot ProvisioningModel = "Spot"
	// ProvisioningStandard buys on-demand VMs only.
	ProvisioningStandard ProvisioningModel = "Standard"
	// ProvisioningSpotWithStandardFallback prefers spot VMs, and buys on-demand VMs while no zone has them.
	ProvisioningSpotWithStandardFallback ProvisioningModel = "SpotWithStandardFallback"
)

// SpotInstanceVM is a pool of Google Compute Engine spot VMs that join this cluster as Nodes.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=sivm,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="Zones",type=string,JSONPath=`.status.placement`
// +kubebuilder:printcolumn:name="Preemptions",type=integer,JSONPath=`.status.preemptions`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Spent USD",type=string,priority=1,JSONPath=`.status.cost.spentUSD`
// +kubebuilder:printcolumn:name="Saved USD",type=string,priority=1,JSONPath=`.status.cost.savedUSD`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type SpotInstanceVM struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What VMs to run.
	Spec SpotInstanceVMSpec `json:"spec"`

	// What was observed. Until something was, observedGeneration is -1, so that nobody takes an object that was applied a moment ago
	// for one that is well.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SpotInstanceVMStatus `json:"status,omitempty"`
}

// SpotInstanceVMList is a list of SpotInstanceVMs.
//
// +kubebuilder:object:root=true
type SpotInstanceVMList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SpotInstanceVM `json:"items"`
}
