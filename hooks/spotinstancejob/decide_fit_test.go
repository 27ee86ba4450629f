package spotinstancejob

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// asks is a template whose pod asks for so many GPUs.
func asks(gpus int) fact {
	return podWith(fmt.Sprintf(`"containers":[{"name":"trainer","image":"acme/train:1","resources":{"limits":{"nvidia.com/gpu":%d}}}]`, gpus))
}

func podWith(spec string) fact {
	return func(w *world) {
		w.job.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{` + spec + `}}}}`)
	}
}

// have is a pool of VMs with so many GPUs.
func have(gpus int32) fact { return func(w *world) { w.pool.Spec.GPU.Count = gpus } }

// shownAs is a pool whose VMs show their GPUs as this resource.
func shownAs(resource string) fact { return func(w *world) { w.pool.Spec.GPU.ResourceName = resource } }

func asksFor(resource string, n int) fact {
	return podWith(fmt.Sprintf(`"containers":[{"name":"trainer","image":"acme/train:1","resources":{"limits":{"%s":%d}}}]`, resource, n))
}

func noGPUSpec(w *world) { w.pool.Spec.GPU = nil }

func TestGPUsOfAPod(t *testing.T) {
	const limit = "resources: {limits: {nvidia.com/gpu: %d}}"
	one, two, four := fmt.Sprintf(limit, 1), fmt.Sprintf(limit, 2), fmt.Sprintf(limit, 4)
	for name, c := range map[string]struct {
		pod  string
		want int64
	}{
		"none":                                  {`{containers: [{name: a, resources: {limits: {cpu: 4}}}]}`, 0},
		"one container":                         {`{containers: [{name: a, ` + two + `}]}`, 2},
		"containers add up":                     {`{containers: [{name: a, ` + two + `}, {name: b, ` + one + `}, {name: c}]}`, 3},
		"init containers run before":            {`{initContainers: [{name: i, ` + two + `}], containers: [{name: a, ` + two + `}]}`, 2},
		"one after the other":                   {`{initContainers: [{name: i, ` + two + `}, {name: j, ` + two + `}], containers: [{name: a, ` + one + `}]}`, 2},
		"the greatest init container":           {`{initContainers: [{name: i, ` + four + `}], containers: [{name: a, ` + one + `}]}`, 4},
		"sidecars stay":                         {`{initContainers: [{name: s, restartPolicy: Always, ` + one + `}], containers: [{name: a, ` + two + `}]}`, 3},
		"init containers beside earlier ones":   {`{initContainers: [{name: s, restartPolicy: Always, ` + one + `}, {name: i, ` + four + `}], containers: [{name: a, ` + two + `}]}`, 5},
		"init containers before later ones":     {`{initContainers: [{name: i, ` + four + `}, {name: s, restartPolicy: Always, ` + one + `}], containers: [{name: a, ` + two + `}]}`, 4},
		"an init container that is no sidecar":  {`{initContainers: [{name: i, restartPolicy: Never, ` + two + `}], containers: [{name: a, ` + two + `}]}`, 2},
		"other resources are none of ours":      {`{containers: [{name: a, resources: {limits: {amd.com/gpu: 8}}}]}`, 0},
		"GPUs as a text, as many clients write": {`{containers: [{name: a, resources: {limits: {nvidia.com/gpu: "8"}}}]}`, 8},
	} {
		t.Run(name, func(t *testing.T) {
			var pod corev1.PodSpec
			require.NoError(t, yaml.UnmarshalStrict([]byte(c.pod), &pod))
			assert.Equal(t, c.want, gpusOf(pod, v1alpha1.GPUResourceNVIDIA))
		})
	}
}

// TestFit: a pod that no VM of the pool has room for is refused, and no attempt is made, so that no VM is bought for it. What
// runs already goes on: it has a VM of an earlier spec.
func TestFit(t *testing.T) {
	checkTales(t, map[string]tale{
		"as many as the VM has":             {given: []fact{asks(4), have(4)}, want: "Pending; start r0-a1; start r1-a1"},
		"fewer":                             {given: []fact{asks(1), have(4)}, want: "Pending; start r0-a1; start r1-a1", reported: "r0 Pending; r1 Pending; GPUsIdle:FewerGPUsRequested"},
		"more":                              {given: []fact{asks(8), have(4)}, want: "Invalid"},
		"more, of shared GPUs":              {given: []fact{asksFor("nvidia.com/gpu.shared", 8), have(1), shownAs("nvidia.com/gpu.shared")}, want: "Pending; start r0-a1; start r1-a1"},
		"fewer, of parts of a GPU":          {given: []fact{asksFor("nvidia.com/mig-1g.10gb", 1), have(8), shownAs("nvidia.com/mig-1g.10gb")}, want: "Pending; start r0-a1; start r1-a1"},
		"by another name than the pool's":   {given: []fact{asks(8), have(1), shownAs("nvidia.com/gpu.shared")}, want: "Pending; start r0-a1; start r1-a1", reported: "r0 Pending; r1 Pending; GPUsIdle:FewerGPUsRequested"},
		"more, by the default's name":       {given: []fact{asks(8), have(4), shownAs("nvidia.com/gpu")}, want: "Invalid"},
		"more, and no resource tells":       {given: []fact{asks(8), have(4), shownAs("None")}, want: "Pending; start r0-a1; start r1-a1"},
		"none, and no resource tells":       {given: []fact{asks(0), have(4), shownAs("None")}, want: "Pending; start r0-a1; start r1-a1"},
		"more, but the pool does not tell":  {given: []fact{asks(8), noGPUSpec}, want: "Pending; start r0-a1; start r1-a1"},
		"more, and replicas were added":     {given: []fact{asks(8), have(4), peers(time.Minute), replicas(3)}, want: "Running; keep r0-a1 r1-a1; resync 29m0s"},
		"more, both train":                  {given: []fact{asks(8), have(4), peers(time.Minute)}, want: "Running; keep r0-a1 r1-a1; resync 29m0s"},
		"more, a checkpoint is due":         {given: []fact{asks(8), have(4), replicas(1), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Running; keep r0-a1; checkpoint r0-a1 scheduled"},
		"more, one waits for its VM":        {given: []fact{asks(8), have(4), replicas(1), anAttempt(0, 1)}, want: "Invalid; keep r0-a1"},
		"more, one lost its VM":             {given: []fact{asks(8), have(4), one(v1alpha1.InstanceGone, time.Minute), anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Invalid; keep r0-a1", reported: "r0 Lost; NoUsableCheckpoint:StartedOver"},
		"more, one is doomed and trains on": {given: []fact{asks(8), have(4), one(v1alpha1.InstanceStopping, time.Second), anAttempt(0, 1, trains("vm-0", time.Hour))}, want: "Recovering; keep r0-a1"},
		"more, one failed":                  {given: []fact{asks(8), have(4), one(v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, failedOn("vm-0", time.Hour, time.Minute))}, want: "Invalid; keep r0-a1"},
		"more, and suspended":               {given: []fact{asks(8), have(4), peers(time.Minute), suspended}, want: "Running; keep r0-a1 r1-a1; checkpoint r0-a1 suspend"},
		"more, and one succeeded":           {given: []fact{asks(8), have(4), one(v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))}, want: "Succeeded; keep r0-a1"},
	})
}

// TestWhatIsSaidOfTheFit looks at the whole text: the field, what is wrong, and what to do.
func TestWhatIsSaidOfTheFit(t *testing.T) {
	const (
		valid  = "SpecValid True Valid: the spec can be run"
		refuse = "spec.jobTemplate.spec.template.spec: asks for 8 nvidia.com/gpu, and VMs of SpotInstanceVM a100 have 4: lower it, delete this SpotInstanceJob and apply it again (the training starts from zero), or give the SpotInstanceVM spec.gpu.count 8 and a machine type to match"
		unfit  = "SpecValid False PodDoesNotFit: " + refuse
		asked  = "GPUsIdle True FewerGPUsRequested: spec.jobTemplate.spec.template.spec: asks for "
		again  = " in resources.limits, delete this SpotInstanceJob and apply it again (the training starts from zero)"
	)
	healthy := one(v1alpha1.InstanceReady, time.Hour)
	for name, c := range map[string]struct {
		given []fact
		want  []string // of these conditions
	}{
		"enough":         {[]fact{asks(4), have(4)}, []string{"Ready False ReplicasPending: 0 of 2 replicas are training", valid}},
		"more":           {[]fact{asks(8), have(4)}, []string{"Ready False SpecInvalid: " + refuse, unfit}},
		"more, no pool":  {[]fact{asks(8), noPool}, []string{"Ready False PoolNotFound: spec.spotInstanceVMRef: SpotInstanceVM a100 does not exist in namespace ml: apply it", valid}},
		"more, pool not": {[]fact{asks(8), noGPUSpec}, []string{"Ready False ReplicasPending: 0 of 2 replicas are training", valid}},
		"more, training": {[]fact{asks(8), have(4), peers(time.Minute)}, []string{"Ready True AllReplicasTraining: all replicas are training", unfit}},
		"more, one lost": {
			[]fact{asks(8), have(4), ready("vm-0"), anAttempt(0, 1, trains("vm-0", time.Minute)), anAttempt(1, 1, trains("vm-1", time.Minute), podDeleted(30*time.Second))},
			[]string{
				"NoUsableCheckpoint True StartedOver: replica 1 starts over from the template's image: no usable checkpoint exists",
				"Ready False SpecInvalid: " + refuse, unfit,
			},
		},
		"fewer":        {[]fact{asks(1), have(4)}, []string{asked + "1 nvidia.com/gpu, and VMs of SpotInstanceVM a100 have 4: 3 of them idle on each VM, since it runs one replica: to use them ask for 4" + again, "Ready False ReplicasPending: 0 of 2 replicas are training", valid}},
		"none":         {[]fact{asks(0), have(1)}, []string{asked + "no nvidia.com/gpu, and VMs of SpotInstanceVM a100 have 1: all of them idle, unless its containers find them in another way: to use them ask for 1" + again, "Ready False ReplicasPending: 0 of 2 replicas are training", valid}},
		"another name": {[]fact{asks(1), have(1), shownAs("nvidia.com/gpu.shared")}, []string{asked + "no nvidia.com/gpu.shared, which is what VMs of SpotInstanceVM a100 show their GPUs as (its spec.gpu.resourceName): all of them idle, unless its containers find them in another way: to use them ask for it" + again, "Ready False ReplicasPending: 0 of 2 replicas are training", valid}},
		"a claim": {
			[]fact{have(4), podWith(`"resourceClaims":[{"name":"gpus","resourceClaimTemplateName":"four"}],"containers":[{"name":"a","image":"b"}]`)},
			[]string{"Ready False ReplicasPending: 0 of 2 replicas are training", valid},
		},
		"fewer, and over": {
			[]fact{asks(1), have(4), healthy, anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))},
			[]string{"Complete True TrainingCompleted: Job train-392faf-r0-a1 completed the training", "Ready True Complete: the training is completed", valid},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(c.given...).decide(t)
			var said []string
			for _, found := range renderConditions(o, d.conditions) {
				said = append(said, fmt.Sprintf("%s %s %s: %s", found.Type, found.Status, found.Reason, found.Message))
			}
			assert.Equal(t, c.want, said)
		})
	}
}

// TestFitOfLabelsAndSize: a pod that asks for labels, zones or a size that no VM of the pool has is refused as one with too many GPUs is.
func TestFitOfLabelsAndSize(t *testing.T) {
	const container = `"containers":[{"name":"trainer","image":"acme/train:1","resources":{"limits":{"nvidia.com/gpu":1}%s}}]`
	pod := func(spec string) fact { return podWith(spec + fmt.Sprintf(container, "")) }
	cpus := func(n int) fact { return podWith(fmt.Sprintf(container, fmt.Sprintf(`,"requests":{"cpu":%d}`, n))) }
	size := func(w *world) {
		w.pool.Status.Machine = &v1alpha1.MachineStatus{MachineType: "a2-highgpu-1g", Allocatable: corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(12, resource.DecimalSI)}}
	}
	gke := pod(`"nodeSelector":{"cloud.google.com/gke-accelerator":"nvidia-tesla-a100"},`)
	labelled := func(w *world) {
		w.pool.Spec.NodeLabels = map[string]string{"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}
	}
	const start = "Pending; start r0-a1; start r1-a1"
	for name, c := range map[string]struct {
		given []fact
		want  string
		says  string // in SpecValid; empty: it is
	}{
		"a label that no Node has":  {[]fact{gke}, "Invalid", `spec.jobTemplate.spec.template.spec.nodeSelector[cloud.google.com/gke-accelerator]: no Node of SpotInstanceVM a100 will have cloud.google.com/gke-accelerator=nvidia-tesla-a100: add the line cloud.google.com/gke-accelerator: "nvidia-tesla-a100" to its spec.nodeLabels, or remove it, delete this SpotInstanceJob and apply it again`},
		"and that the pool gives":   {[]fact{gke, labelled}, start, ""},
		"what trains goes on":       {[]fact{gke, peers(time.Minute)}, "Running; keep r0-a1 r1-a1; resync 29m0s", "add the line"},
		"no pool tells":             {[]fact{gke, noPool}, "Pending", ""},
		"as many CPUs as there are": {[]fact{cpus(12), size}, start, ""},
		"more CPUs":                 {[]fact{cpus(13), size}, "Invalid", "spec.jobTemplate.spec.template.spec: asks for 13 cpu, and VMs of SpotInstanceVM a100 (a2-highgpu-1g) have 12: lower the requests, delete this SpotInstanceJob and apply it again, or give the SpotInstanceVM a larger spec.gcp.machineType"},
		"nobody knows how many":     {[]fact{cpus(13)}, start, ""},
		"one waits for its VM":      {[]fact{cpus(13), size, replicas(1), anAttempt(0, 1)}, "Invalid; keep r0-a1", "asks for 13 cpu"},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(c.given...).decide(t)
			assert.Equal(t, c.want, told(o, d))
			if c.says == "" {
				assert.NotContains(t, fmt.Sprint(d.conditions), v1alpha1.ReasonPodDoesNotFit)
				return
			}
			assert.Contains(t, messageOf(d, v1alpha1.ConditionSpecValid), c.says)
		})
	}
}
