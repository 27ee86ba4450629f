package spotinstancevm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// asks lets the pods of all Jobs ask for so many CPUs.
func (w *world) asks(cpus string) {
	for i := range w.jobs {
		w.jobs[i].Spec.Template.Spec.Containers = []corev1.Container{{Name: "a", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpus)},
		}}}
	}
}

// Nothing is bought for a pod that is larger than the machine type; Compute Engine is asked for its size once.
func TestPodThatIsLargerThanTheMachineType(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.asks("64")
	w.run(10 * time.Minute)
	require.Zero(t, w.inserts())
	require.Equal(t, 1, w.gce.Calls()[gcefake.GetMachineType])
	said := w.condition(v1alpha1.ConditionVMsUsable)
	require.Equal(t, v1alpha1.ReasonPodDoesNotFit, said.Reason)
	require.Contains(t, said.Message, "no VM is bought for the pod of Job resnet-0, since none could run it: its spec: asks for 64 cpu, and VMs of SpotInstanceVM t4-pool (n1-standard-4) have 4")
	w.settled()
	w.pool.Spec.GCP.MachineType, w.pool.Generation = "n1-standard-96", 2
	w.run(time.Minute)
	require.Len(t, w.gce.Instances(), 1)
	w.restart()
	w.run(10 * time.Minute)
	require.Equal(t, 2, w.gce.Calls()[gcefake.GetMachineType], "status remembers it")
}

// What a Node leaves for pods is less than the machine type has. What nobody knows fits.
func TestSizeOfAVM(t *testing.T) {
	for name, c := range map[string]struct {
		machineType string
		node        string // its allocatable CPUs; empty: the Node does not tell
		told        bool
		cpus        string
		source      v1alpha1.MachineSource
		bought      bool
	}{
		"by Compute Engine's word":       {"n1-standard-4", "", false, "5", v1alpha1.MachineSourceType, false},
		"it fits":                        {"n1-standard-4", "", false, "4", v1alpha1.MachineSourceType, true},
		"a machine type without a size":  {"n1-megamem-4", "", false, "64", "", true},
		"Compute Engine does not answer": {"n1-standard-4", "", true, "64", "", true},
		"a Node leaves less":             {"n1-standard-4", "3920m", false, "4", v1alpha1.MachineSourceNode, false},
		"a Node tells where GCE does not": {
			"n1-megamem-4", "3920m", false, "4", v1alpha1.MachineSourceNode, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCP.MachineType = c.machineType })
			if c.told {
				w.gce.When(gcefake.Call{Method: gcefake.GetMachineType}, gcefake.Down())
			}
			if c.node != "" { // a VM for a smaller pod was there
				w.kube.shows = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1"), corev1.ResourceCPU: resource.MustParse(c.node)}
				w.demand(1)
				w.run(time.Minute)
				w.jobs = nil
				w.run(10 * time.Minute)
				require.Empty(t, w.gce.Instances())
			}
			before := w.inserts()
			w.demand(1)
			w.asks(c.cpus)
			w.run(time.Minute)
			require.Equal(t, c.bought, w.inserts() > before)
			var source v1alpha1.MachineSource
			if w.pool.Status.Machine != nil {
				source = w.pool.Status.Machine.Source
			}
			require.Equal(t, c.source, source)
		})
	}
}

// VMs are asked for in the zones that a pod names, and others of the pool go where they like.
func TestZonesThatAPodNames(t *testing.T) {
	w := newWorld(t, inZones(zoneA, zoneB))
	w.demand(1)
	w.jobs[0].Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: zoneB}
	w.run(time.Minute)
	require.Equal(t, zoneB+":1", w.pool.Status.Placement)
	w.gce.SetCapacity(zoneB, 0)
	for _, vm := range w.gce.Instances() {
		require.NoError(t, w.gce.PreemptWithoutNotice(vm.Name))
	}
	w.run(10 * time.Minute)
	require.Empty(t, w.gce.Instances(), "zone a is no use")
	require.Equal(t, v1alpha1.ReasonZonesExhausted, w.condition(v1alpha1.ConditionCapacityAvailable).Reason)
	w.jobs = append(w.jobs, w.jobs[0])
	w.jobs[1].Name, w.jobs[1].UID, w.jobs[1].Labels = "other-0", "other-0", map[string]string{v1alpha1.LabelJobUID: "other", v1alpha1.LabelReplica: "0"}
	w.jobs[1].Spec.Template.Spec.NodeSelector = nil
	w.run(time.Minute)
	require.Equal(t, zoneA+":1", w.pool.Status.Placement)
}

// A label that no Node of the pool has, and one that somebody gives to Nodes.
func TestLabelThatNoNodeHas(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.jobs[0].Spec.Template.Spec.NodeSelector = map[string]string{"team": "vision"}
	w.run(10 * time.Minute)
	require.Zero(t, w.inserts())
	require.Contains(t, w.condition(v1alpha1.ConditionVMsUsable).Message, `add the line team: "vision" to its spec.nodeLabels`)
	w.jobs[0].Spec.Template.Spec.NodeSelector = nil
	w.run(time.Minute)
	require.Equal(t, 1, w.inserts())
	w.kube.nodes[w.vm(0)].Labels["team"] = "vision"
	w.run(time.Minute)
	require.Equal(t, []string{"team"}, w.pool.Status.OtherNodeLabels)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.jobs[0].Spec.Template.Spec.NodeSelector = map[string]string{"team": "vision"}
	w.run(10 * time.Minute)
	require.Equal(t, 2, w.inserts(), "Nodes were seen with it")
	w.settled()
}

// attempt replaces the only Job by the next attempt of its replica, with what is known of the pods before.
func (w *world) attempt(n int, before v1alpha1.Rejections) {
	job := &w.jobs[0]
	job.Name, job.UID = fmt.Sprintf("resnet-0-a%d", n), types.UID(fmt.Sprintf("resnet-0-a%d", n))
	job.Annotations, job.Status = nil, batchv1.JobStatus{Active: 1}
	if text := before.String(); text != "" {
		job.Annotations = map[string]string{v1alpha1.AnnotationRejections: text}
	}
	w.pods = nil
}

// reject lets the kubelet of a VM reject the pod of the only Job.
func (w *world) reject(vm string) {
	w.jobs[0].Status = batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}}
	w.pods = []corev1.Pod{w.podOf(0, func(p *corev1.Pod) {
		p.Spec.NodeName, p.Status.Phase = vm, corev1.PodFailed
		p.Status.Reason, p.Status.Message = "UnexpectedAdmissionError", "Allocate failed"
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: *timestamp(w.clock.Now())}}
	})}
}

// A VM that rejects three pods in a row is replaced; the second one that does so is the last for an hour.
func TestKubeletThatRejectsPods(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.run(time.Minute)
	var so v1alpha1.Rejections
	for n := range v1alpha1.RejectionsPerRest {
		vm := w.vm(n / v1alpha1.RejectionsPerVM)
		w.attempt(n+1, so)
		w.reject(vm)
		w.run(10 * time.Second)
		so = so.And(vm, "UnexpectedAdmissionError: Allocate failed")
		if n%v1alpha1.RejectionsPerVM < v1alpha1.RejectionsPerVM-1 {
			require.Equal(t, []string{vm}, w.vmNames())
			require.Empty(t, w.entry(vm).Reason)
			continue
		}
		require.Equal(t, v1alpha1.VMRejectsPods, w.entry(vm).Reason)
		require.Equal(t, v1alpha1.TaintLeaving, w.kube.nodes[vm].Spec.Taints[0].Key)
		said := w.condition(v1alpha1.ConditionVMsUsable)
		require.Equal(t, v1alpha1.ReasonPodsRejected, said.Reason)
		require.Contains(t, said.Message, "the kubelet of VM "+vm+" rejected 3 pods of one replica in a row, so another VM takes its place: it said: UnexpectedAdmissionError: Allocate failed")
		if n+1 < v1alpha1.RejectionsPerRest {
			w.attempt(n+2, so)
			w.run(2 * time.Minute)
			require.Equal(t, []string{w.vm(1)}, w.vmNames())
		}
	}
	w.run(time.Minute)
	w.pods = nil // with its Node
	w.run(50 * time.Minute)
	require.Empty(t, w.gce.Instances())
	require.Equal(t, 2, w.inserts())
	require.Zero(t, w.pool.Status.Preemptions)
	w.attempt(v1alpha1.RejectionsPerRest+1, so)
	w.run(time.Minute)
	require.Equal(t, 3, w.inserts(), "it is tried again")
}

// A pod that starts after all shows that the VM does not reject all.
func TestVMThatRejectsNoMore(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.run(time.Minute)
	w.attempt(4, v1alpha1.Rejections{VM: w.vm(0), OnVM: 3, InARow: 3})
	w.pods = []corev1.Pod{w.podOf(0, func(p *corev1.Pod) {
		p.Spec.NodeName, p.Status.Phase = w.vm(0), corev1.PodRunning
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	})}
	w.run(10 * time.Minute)
	require.Equal(t, []string{w.vm(0)}, w.vmNames())
	require.Empty(t, w.entry(w.vm(0)).Reason)
}
