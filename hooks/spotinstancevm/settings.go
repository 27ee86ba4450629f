package spotinstancevm

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// settings is a SpotInstanceVM's spec with all defaults filled in.
type settings struct {
	fixed          *int // spec.replicas; nil follows demand
	minimum        int
	maximum        int
	zones          []string // in the order in which they are asked, each once
	image          string
	machineType    string
	fullType       string // machineType with its series, which the rules go by
	diskType       string
	diskSizeGB     int64
	gpus           int64
	gpuResource    corev1.ResourceName // that a Node shows its GPUs as; empty: it shows none
	accelerator    string              // to attach; empty: none, or part of the machine type
	model          string              // gce.ModelSpot or gce.ModelStandard
	fallback       bool                // on-demand VMs stand in when there are no spot VMs
	fallbackAfter  time.Duration
	notice         time.Duration
	maxRunDuration time.Duration
	joinTimeout    time.Duration
	idleTimeout    time.Duration
	startupScript  string
	criu           []string // lines of runc's CRIU configuration
	criSocket      string   // empty: kubeadm finds it
	taints         []corev1.Taint
	nodeLabels     map[string]string
	networkTags    []string
	serviceAccount string
	network        string
	subnetwork     string
	externalIP     bool
}

// The schema's defaults, once more, for objects that were stored before a field existed.
const (
	defaultMaximum        = 10
	defaultDiskSizeGB     = 100
	defaultMaxRunDuration = 7 * 24 * time.Hour
	defaultJoinTimeout    = 15 * time.Minute
	defaultIdleTimeout    = 5 * time.Minute
	defaultFallbackAfter  = 10 * time.Minute
)

// maxJoinTimeout is the schema's limit, once more. VMs of an object that was stored before with more are given up after it.
const maxJoinTimeout = 2 * time.Hour

func settingsOf(spec v1alpha1.SpotInstanceVMSpec) settings {
	s := settings{
		minimum:        intOr(spec.MinReplicas, 0),
		maximum:        intOr(spec.MaxReplicas, defaultMaximum),
		zones:          zonesOf(spec.GCP),
		image:          spec.VMImage,
		machineType:    spec.GCP.MachineType,
		fullType:       v1alpha1.FullMachineType(spec.GCP.MachineType),
		diskType:       spec.GCP.DiskType,
		diskSizeGB:     int64(spec.GCP.DiskSizeGB),
		model:          gce.ModelSpot,
		fallback:       spec.ProvisioningModel == v1alpha1.ProvisioningSpotWithStandardFallback,
		fallbackAfter:  durationOr(spec.FallbackAfter, defaultFallbackAfter),
		maxRunDuration: durationOr(spec.MaxRunDuration, defaultMaxRunDuration),
		joinTimeout:    min(durationOr(spec.JoinTimeout, defaultJoinTimeout), maxJoinTimeout),
		idleTimeout:    durationOr(spec.IdleTimeout, defaultIdleTimeout),
		notice:         durationOr(spec.PreemptionNotice, gce.PreemptionNotice),
		startupScript:  spec.StartupScript,
		criu:           criuOptions(spec.CRIU),
		taints:         spec.Taints,
		nodeLabels:     spec.NodeLabels,
		networkTags:    spec.GCP.NetworkTags,
		serviceAccount: spec.GCP.ServiceAccount,
		network:        spec.GCP.Network,
		subnetwork:     spec.GCP.Subnetwork,
		externalIP:     spec.GCP.ExternalIP == nil || *spec.GCP.ExternalIP,
	}
	if spec.Replicas != nil {
		fixed := int(*spec.Replicas)
		s.fixed = &fixed
	}
	if s.diskSizeGB == 0 {
		s.diskSizeGB = defaultDiskSizeGB
	}
	if s.diskType == "" {
		s.diskType = gce.DefaultDiskType(s.fullType)
	}
	if spec.ProvisioningModel == v1alpha1.ProvisioningStandard {
		s.model, s.notice = gce.ModelStandard, 0
	}
	if spec.KubeadmJoinConfig != nil {
		s.criSocket = spec.KubeadmJoinConfig.CRISocket
	}
	return s.withGPUs(spec.GPU)
}

func (s settings) withGPUs(gpu *v1alpha1.GPUConfig) settings {
	if gpu == nil {
		return s
	}
	s.gpus, s.gpuResource = int64(gpu.Count), gpu.Resource()
	if gce.AttachesGPUs(s.fullType) {
		s.accelerator = gpu.Type
	}
	return s
}

// mustShow is how many of gpuResource the Node of a VM with so many GPUs must show to be Ready. Of GPUs that a device plugin
// shares or divides, and therefore calls otherwise, nobody knows the number.
func (s settings) mustShow(gpus int64) int64 {
	switch s.gpuResource {
	case "":
		return 0
	case v1alpha1.GPUResourceNVIDIA:
		return gpus
	default:
		return min(gpus, 1)
	}
}

// criuOptions are CRIU's own words for what the spec says.
func criuOptions(config *v1alpha1.CRIUConfig) []string {
	options := map[v1alpha1.CRIUTCP]string{v1alpha1.CRIUTCPClose: "tcp-close", v1alpha1.CRIUTCPEstablished: "tcp-established"}
	if config == nil || options[config.TCP] == "" {
		return nil
	}
	return []string{options[config.TCP]}
}

func zonesOf(gcp v1alpha1.GCPConfig) []string {
	zones := []string{gcp.Zone}
	for _, zone := range gcp.Zones {
		if !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	return zones
}

// specHash changes with whatever makes a new VM differ from an old one. Join data and sizes of the pool do not.
func specHash(spec v1alpha1.SpotInstanceVMSpec) string {
	spec.Replicas, spec.MinReplicas, spec.MaxReplicas = nil, nil, nil
	spec.JoinTimeout, spec.IdleTimeout, spec.FallbackAfter = nil, nil, nil
	spec.KubeadmJoinConfig, spec.GCPCredentialsSecretRef = nil, nil
	if spec.GPU != nil {
		spec.GPU = &v1alpha1.GPUConfig{Type: spec.GPU.Type, Count: spec.GPU.Count}
	}
	spec.GCP.Zone, spec.GCP.Zones, spec.GCP.Region = "", nil, ""
	text, err := json.Marshal(spec)
	if err != nil {
		// A spec that came as JSON goes as JSON.
		return strings.Repeat("0", 16)
	}
	return v1alpha1.Hash(string(text))[:16]
}
