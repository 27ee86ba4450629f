package nodefit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	zoneA = "us-central1-a"
	zoneB = "us-central1-b"
	west  = "us-west1-b"
)

// l4 is a pool of g2-standard-8 in three zones of two regions.
func l4(edit ...func(*v1alpha1.SpotInstanceVM)) Pool {
	p := v1alpha1.SpotInstanceVM{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ml", Name: "l4", UID: "uid"},
		Spec: v1alpha1.SpotInstanceVMSpec{
			GCP:        v1alpha1.GCPConfig{Zone: zoneA, Zones: []string{zoneB, west}, MachineType: "g2-standard-8"},
			NodeLabels: map[string]string{"disk": "ssd", "rank": "3"},
		},
		Status: v1alpha1.SpotInstanceVMStatus{Machine: &v1alpha1.MachineStatus{
			MachineType: "g2-standard-8", Architecture: "amd64", Source: v1alpha1.MachineSourceType, Allocatable: corev1.ResourceList{
				"cpu": resource.MustParse("8"), "memory": resource.MustParse("32Gi"), "ephemeral-storage": resource.MustParse("100Gi"),
			},
		}},
	}
	for _, e := range edit {
		e(&p)
	}
	return PoolOf(&p)
}

func podOf(t *testing.T, text string) *corev1.PodSpec {
	t.Helper()
	var pod corev1.PodSpec
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &pod))
	return &pod
}

// affinity is a required node affinity with these terms.
func affinity(terms string) string {
	return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: " + terms + "}}}"
}

func asks(key, operator, values string) string {
	return affinity("[{matchExpressions: [{key: " + key + ", operator: " + operator + ", values: " + values + "}]}]")
}

// One case for each way in which labels are asked for: the zones that are left, and a part of what is said if none is.
func TestLabels(t *testing.T) {
	all := []string{zoneA, zoneB, west}
	for name, c := range map[string]struct {
		pod   string
		zones []string
		says  string
	}{
		"nothing":                        {"{}", all, ""},
		"the pool's own label":           {"nodeSelector: {training.dcnlab.com/pool: " + v1alpha1.PoolID("ml", "l4") + "}", all, ""},
		"a label of nodeLabels":          {"nodeSelector: {disk: ssd}", all, ""},
		"another value of it":            {"nodeSelector: {disk: hdd}", nil, `spec.nodeSelector[disk]: no Node of SpotInstanceVM l4 will have disk=hdd (they have disk=ssd): add the line disk: "hdd" to its spec.nodeLabels, or remove it, delete this SpotInstanceJob and apply it again`},
		"a label of GKE's":               {"nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}", nil, `no Node of SpotInstanceVM l4 will have cloud.google.com/gke-accelerator=nvidia-l4: add the line cloud.google.com/gke-accelerator: "nvidia-l4" to its spec.nodeLabels`},
		"one that an agent sets":         {"nodeSelector: {nvidia.com/gpu.product: NVIDIA-L4}", all, ""},
		"one of node feature discovery":  {"nodeSelector: {feature.node.kubernetes.io/pci-10de.present: 'true'}", all, ""},
		"one that a controller sets":     {"nodeSelector: {node-role.kubernetes.io/worker: ''}", all, ""},
		"how many seconds of notice":     {"nodeSelector: {training.dcnlab.com/preemption-notice: '120'}", all, ""},
		"the operating system":           {"nodeSelector: {kubernetes.io/os: linux}", all, ""},
		"another operating system":       {"nodeSelector: {kubernetes.io/os: windows}", nil, "(its VMs run Linux): remove it"},
		"the architecture":               {"nodeSelector: {kubernetes.io/arch: amd64}", all, ""},
		"another architecture":           {"nodeSelector: {kubernetes.io/arch: arm64}", nil, "(g2-standard-8 is amd64): name a SpotInstanceVM with such a spec.gcp.machineType"},
		"by its old name":                {"nodeSelector: {beta.kubernetes.io/arch: arm64}", nil, "(g2-standard-8 is amd64)"},
		"the machine type":               {"nodeSelector: {node.kubernetes.io/instance-type: g2-standard-8}", all, ""},
		"another machine type":           {"nodeSelector: {node.kubernetes.io/instance-type: a2-highgpu-1g}", nil, "(its spec.gcp.machineType is g2-standard-8)"},
		"a zone":                         {"nodeSelector: {topology.kubernetes.io/zone: " + zoneB + "}", []string{zoneB}, ""},
		"a zone by its old name":         {"nodeSelector: {failure-domain.beta.kubernetes.io/zone: " + zoneB + "}", []string{zoneB}, ""},
		"a zone in the disks' words":     {"nodeSelector: {topology.gke.io/zone: " + zoneB + "}", []string{zoneB}, ""},
		"a region":                       {"nodeSelector: {topology.kubernetes.io/region: us-central1}", []string{zoneA, zoneB}, ""},
		"no such zone":                   {"nodeSelector: {topology.kubernetes.io/zone: us-east1-b}", nil, "(its VMs are in us-central1-a, us-central1-b, us-west1-b): add us-east1-b to its spec.gcp.zones"},
		"no such region":                 {asks("topology.kubernetes.io/region", "In", "[us-east1, us-east4]"), nil, "add a zone of such a region to its spec.gcp.zones"},
		"a zone of another region":       {"nodeSelector: {topology.kubernetes.io/zone: " + zoneA + ", topology.kubernetes.io/region: us-west1}", nil, "asks for what no Node of SpotInstanceVM l4 has at once (topology.kubernetes.io/region=us-west1; topology.kubernetes.io/zone=us-central1-a)"},
		"a Node that no VM is":           {"nodeSelector: {kubernetes.io/hostname: node-1}", nil, "(VMs come and go, and each has a new name): remove it"},
		"the name in matchFields":        {affinity("[{matchFields: [{key: metadata.name, operator: In, values: [node-1]}]}]"), nil, "no Node of SpotInstanceVM l4 will be called so (metadata.name=node-1)"},
		"not a name":                     {affinity("[{matchFields: [{key: metadata.name, operator: NotIn, values: [node-1]}]}]"), all, ""},
		"one of several values":          {asks("disk", "In", "[hdd, ssd]"), all, ""},
		"none of several values":         {asks("disk", "In", "[hdd, tape]"), nil, `will have disk in (hdd, tape) (they have disk=ssd): add the line disk: "hdd"`},
		"not a value":                    {asks("disk", "NotIn", "[ssd]"), nil, "remove disk from its spec.nodeLabels"},
		"not a value, of a label unset":  {asks("cloud.google.com/gke-spot", "NotIn", "['true']"), all, ""},
		"a label":                        {asks("team", "Exists", "[]"), nil, `add the line team: "true" to its spec.nodeLabels`},
		"no label":                       {asks("node-role.kubernetes.io/control-plane", "DoesNotExist", "[]"), all, ""},
		"no label that there is":         {asks("disk", "DoesNotExist", "[]"), nil, "will have !disk"},
		"more than a number":             {asks("rank", "Gt", "['2']"), all, ""},
		"more than the number":           {asks("rank", "Gt", "['3']"), nil, `will have rank>3 (they have rank=3): add the line rank: "4"`},
		"less than a number":             {asks("rank", "Lt", "['3']"), nil, `add the line rank: "2"`},
		"one of two terms":               {affinity("[{matchExpressions: [{key: disk, operator: In, values: [hdd]}]}, {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [us-west1-b]}]}]"), []string{west}, ""},
		"none of two terms":              {affinity("[{matchExpressions: [{key: disk, operator: In, values: [hdd]}]}, {matchExpressions: [{key: disk, operator: In, values: [tape]}]}]"), nil, "nodeSelectorTerms[0].matchExpressions[0]: no Node of SpotInstanceVM l4 will have disk=hdd (they have disk=ssd), and the other term is not met either"},
		"a term that an agent may meet":  {affinity("[{matchExpressions: [{key: disk, operator: In, values: [hdd]}]}, {matchExpressions: [{key: nvidia.com/gpu.memory, operator: Gt, values: ['20000']}]}]"), all, ""},
		"an empty term":                  {affinity("[{}]"), nil, "which no Node matches"},
		"a preference is no requirement": {"affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: disk, operator: In, values: [hdd]}]}}]}}", all, ""},
		"selector and affinity":          {"nodeSelector: {topology.kubernetes.io/region: us-central1}\n" + asks("topology.kubernetes.io/zone", "NotIn", "["+zoneA+"]"), []string{zoneB}, ""},
		"what the API server refuses":    {asks("rank", "Gt", "[many]"), all, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, pod := l4(), podOf(t, c.pod)
			assert.Equal(t, c.zones, p.Zones(pod))
			misfit := p.Check(pod)
			if c.says == "" {
				require.Nil(t, misfit)
				return
			}
			require.NotNil(t, misfit)
			assert.Contains(t, misfit.String(), c.says)
		})
	}
}

// What was seen of the pool's Nodes counts, too.
func TestLabelsOfNodesThatWereSeen(t *testing.T) {
	team := podOf(t, "nodeSelector: {team: vision}")
	require.NotNil(t, l4().Check(team))
	require.Nil(t, l4(func(p *v1alpha1.SpotInstanceVM) { p.Status.OtherNodeLabels = []string{"team"} }).Check(team), "somebody labels Nodes so")
	require.Nil(t, l4(func(p *v1alpha1.SpotInstanceVM) { p.Status.LentNodes = 1 }).Check(team), "a Node of the user's own may have any label")

	pinned := podOf(t, "nodeSelector: {kubernetes.io/hostname: l4-1a2b3c-0}")
	with := func(state v1alpha1.InstanceState) Pool {
		return l4(func(p *v1alpha1.SpotInstanceVM) {
			p.Status.ProvisionedInstances = []v1alpha1.VMInstanceStatus{{Name: "l4-1a2b3c-0", Zone: zoneA, State: state}}
		})
	}
	require.Nil(t, with(v1alpha1.InstanceReady).Check(pinned))
	require.Empty(t, with(v1alpha1.InstanceReady).Zones(pinned), "no new VM is of use")
	require.NotNil(t, with(v1alpha1.InstanceGone).Check(pinned))

	arm := podOf(t, "nodeSelector: {kubernetes.io/arch: arm64}")
	require.Nil(t, l4(func(p *v1alpha1.SpotInstanceVM) { p.Status.Machine = nil }).Check(arm), "nobody has told the architecture")
	require.Nil(t, l4(func(p *v1alpha1.SpotInstanceVM) {
		p.Spec.GCP.MachineType, p.Status.Machine = "c4a-standard-8", &v1alpha1.MachineStatus{MachineType: "c4a-standard-8", Architecture: "arm64"}
	}).Check(arm))
}

// One case for each way in which a pod asks for more than its containers' requests, on 8 vCPUs, 32Gi and 100Gi.
func TestRequests(t *testing.T) {
	for name, c := range map[string]struct{ pod, says string }{
		"no requests":                   {"containers: [{name: a}]", ""},
		"all of it":                     {"containers: [{name: a, resources: {requests: {cpu: 8, memory: 32Gi, ephemeral-storage: 100Gi}}}]", ""},
		"more CPUs":                     {"containers: [{name: a, resources: {requests: {cpu: 64}}}]", "its spec: asks for 64 cpu, and VMs of SpotInstanceVM l4 (g2-standard-8) have 8: lower the requests, delete this SpotInstanceJob and apply it again, or give the SpotInstanceVM a larger spec.gcp.machineType"},
		"more of all":                   {"containers: [{name: a, resources: {requests: {cpu: 64, memory: 256Gi}}}]", "asks for 64 cpu and 256Gi memory, and VMs of SpotInstanceVM l4 (g2-standard-8) have 8 and 32Gi"},
		"more disk":                     {"containers: [{name: a, resources: {requests: {ephemeral-storage: 1Ti}}}]", "asks for 1Ti ephemeral-storage, and VMs of SpotInstanceVM l4 (g2-standard-8) have 100Gi: lower the requests, delete this SpotInstanceJob and apply it again, or give the SpotInstanceVM a larger spec.gcp.diskSizeGB"},
		"a limit is a request":          {"containers: [{name: a, resources: {limits: {cpu: 9}}}]", "asks for 9 cpu"},
		"not beside a request":          {"containers: [{name: a, resources: {limits: {cpu: 9}, requests: {cpu: 1}}}]", ""},
		"containers add up":             {"containers: [{name: a, resources: {requests: {cpu: 5}}}, {name: b, resources: {requests: {cpu: 3500m}}}]", "asks for 8500m cpu"},
		"init containers do not":        {"initContainers: [{name: i, resources: {requests: {cpu: 8}}}]\ncontainers: [{name: a, resources: {requests: {cpu: 8}}}]", ""},
		"sidecars do":                   {"initContainers: [{name: i, restartPolicy: Always, resources: {requests: {cpu: 1}}}]\ncontainers: [{name: a, resources: {requests: {cpu: 8}}}]", "asks for 9 cpu"},
		"so does overhead":              {"overhead: {cpu: 250m}\ncontainers: [{name: a, resources: {requests: {cpu: 8}}}]", "asks for 8250m cpu"},
		"requests of the pod as one":    {"resources: {requests: {cpu: 9}}\ncontainers: [{name: a}]", "asks for 9 cpu"},
		"which count for more":          {"resources: {requests: {cpu: 4}}\ncontainers: [{name: a, resources: {requests: {cpu: 9}}}]", ""},
		"limits of the pod as one":      {"resources: {limits: {memory: 33Gi}}\ncontainers: [{name: a}]", "asks for 33Gi memory"},
		"which containers' go before":   {"resources: {limits: {memory: 33Gi}}\ncontainers: [{name: a, resources: {requests: {memory: 1Gi}}}]", ""},
		"a device that nobody knows of": {"containers: [{name: a, resources: {limits: {rdma/ib: 1, hugepages-2Mi: 1Ti}}}]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			misfit := l4().Check(podOf(t, c.pod))
			if c.says == "" {
				require.Nil(t, misfit)
				return
			}
			require.NotNil(t, misfit)
			assert.Contains(t, misfit.String(), c.says)
		})
	}
}

// Where the size of a VM is known from, and that it is not compared otherwise.
func TestSizes(t *testing.T) {
	pod := podOf(t, "containers: [{name: a, resources: {requests: {cpu: 9, memory: 40Gi}}}]")
	for name, c := range map[string]struct {
		machineType string
		known       *v1alpha1.MachineStatus
		says        string
	}{
		"not at all":              {"g2-standard-8", nil, ""},
		"of another machine type": {"g2-standard-16", &v1alpha1.MachineStatus{MachineType: "g2-standard-8", Allocatable: Size(8, 32768)}, ""},
		"by a custom name":        {"custom-8-53248", nil, "asks for 9 cpu, and VMs of SpotInstanceVM l4 (custom-8-53248) have 8"},
		"of a series":             {"n2-custom-16-32768", nil, "asks for 40Gi memory, and VMs of SpotInstanceVM l4 (n2-custom-16-32768) have 32Gi"},
		"with extended memory":    {"n2-custom-8-327680-ext", nil, "asks for 9 cpu"},
		"of a shared core":        {"e2-custom-micro-1024", nil, ""},
		"from a Node": {
			"g2-standard-8", &v1alpha1.MachineStatus{MachineType: "g2-standard-8", Source: v1alpha1.MachineSourceNode, Allocatable: corev1.ResourceList{"cpu": resource.MustParse("7910m")}},
			"asks for 9 cpu, and VMs of SpotInstanceVM l4 (g2-standard-8) leave pods 7910m",
		},
	} {
		t.Run(name, func(t *testing.T) {
			misfit := l4(func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.MachineType, p.Status.Machine = c.machineType, c.known }).Check(pod)
			if c.says == "" {
				require.Nil(t, misfit)
				return
			}
			require.NotNil(t, misfit)
			assert.Contains(t, misfit.String(), c.says)
		})
	}
}

func TestRejection(t *testing.T) {
	failed := func(reason, message string, edit ...func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "vm"}, Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: reason, Message: message}}
		for _, e := range edit {
			e(pod)
		}
		return pod
	}
	ran := func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
	}
	initRan := func(p *corev1.Pod) {
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
	}
	waits := func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}}
	}
	disrupted := func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}}
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		said string
	}{
		"rejected":                    {failed("UnexpectedAdmissionError", "Allocate failed"), "UnexpectedAdmissionError: Allocate failed"},
		"for a reason of tomorrow":    {failed("OutOfMoon", ""), "OutOfMoon"},
		"its containers never began":  {failed("OutOfcpu", "m", waits), "OutOfcpu: m"},
		"it ran":                      {failed("UnexpectedAdmissionError", "m", ran), ""},
		"its init container ran":      {failed("UnexpectedAdmissionError", "m", initRan), ""},
		"the Node is shut down":       {failed("NodeShutdown", "m"), ""},
		"it was evicted":              {failed("Evicted", "m", disrupted), ""},
		"it took too long":            {failed("DeadlineExceeded", "m"), ""},
		"it failed without a reason":  {failed("", ""), ""},
		"it was on no Node":           {failed("x", "m", func(p *corev1.Pod) { p.Spec.NodeName = "" }), ""},
		"it waits":                    {failed("x", "m", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }), ""},
		"it has no room for the disk": {failed("Evicted", "Pod was rejected: The node had condition: [DiskPressure]."), "Evicted: Pod was rejected: The node had condition: [DiskPressure]."},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.said, Rejection(c.pod)) })
	}
}
