package hooks

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// What befalls the pool of the seeds, by the number of the call.
const (
	lifeLosesVM = 8
	lifeShrinks = 20
	lifeEnds    = 40
	lifeIsOver  = 60 // at the latest
)

// lifeSeeds are the requests of one pool's life: it grows, loses a VM, replaces it, shrinks and is deleted. The pool has no
// golden stories to take them from.
func lifeSeeds(f *testing.F) []seed {
	f.Helper()
	w := newPoolWorld(fuzzEpoch, 0)
	nodes := map[string]corev1.Node{}
	w.gce.Subscribe(func(e gcefake.Event) {
		switch e.Kind {
		case gcefake.Running:
			nodes["/"+e.VM.Name] = nodeOfVM(e.VM)
		case gcefake.Gone:
			delete(nodes, "/"+e.VM.Name)
		}
	})
	pool := seedPool()
	var seeds []seed
	for step := range lifeIsOver {
		path := "/spotinstancevm/sync"
		switch {
		case step == lifeLosesVM:
			require.NoError(f, w.gce.PreemptWithoutNotice(vmName(0)))
		case step >= lifeEnds:
			path = "/spotinstancevm/finalize"
			pool.DeletionTimestamp = &metav1.Time{Time: fuzzEpoch.Add(time.Hour)}
		}
		body := marshal(f, object{
			"controller": object{}, "parent": pool, "children": object{}, "finalizing": step >= lifeEnds,
			"related": object{"Job.batch/v1": seedJobs(step), "Pod.v1": seedPods(step), "Node.v1": nodes},
		})
		seeds = append(seeds, seed{body: body, seconds: int64(w.clock.Now().Sub(fuzzEpoch).Seconds())})
		got := w.call(f, path, body)
		var answer struct {
			Status             v1alpha1.SpotInstanceVMStatus `json:"status"`
			ResyncAfterSeconds float64                       `json:"resyncAfterSeconds"`
			Finalized          bool                          `json:"finalized"`
		}
		require.NoError(f, json.Unmarshal(got.body, &answer), string(got.body))
		if answer.Finalized {
			return seeds
		}
		pool.Status = answer.Status
		w.clock.Advance(time.Duration(answer.ResyncAfterSeconds * float64(time.Second)))
	}
	require.Failf(f, "the pool of the seeds is not let go", "%+v", pool.Status)
	return nil
}

func seedPool() v1alpha1.SpotInstanceVM {
	return v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "t4-pool", UID: poolUID, Generation: 1},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage: "projects/acme/global/images/ubuntu-2404-gpu",
			GPU:     &v1alpha1.GPUConfig{Type: "nvidia-tesla-t4", Count: 1},
			GCP: v1alpha1.GCPConfig{
				Project: poolProject, Zone: poolZone, Zones: []string{"us-central1-b"}, MachineType: "n1-standard-4",
				DiskSizeGB: 100, DiskType: "pd-balanced", Region: "us-central1", NetworkTags: []string{"k8s"}, ServiceAccount: "default",
			},
			StartupScript:     "echo hello\n",
			KubeadmJoinConfig: &v1alpha1.KubeadmJoinConfig{TokenSecretRef: "join"},
			MinReplicas:       new(int32), MaxReplicas: new(int32(4)),
			ProvisioningModel: v1alpha1.ProvisioningSpot,
			PreemptionNotice:  &metav1.Duration{Duration: 2 * time.Minute}, MaxRunDuration: &metav1.Duration{Duration: 24 * time.Hour},
			JoinTimeout: &metav1.Duration{Duration: 15 * time.Minute}, IdleTimeout: &metav1.Duration{Duration: 20 * time.Second},
			Taints:     []corev1.Taint{{Key: "nvidia.com/gpu", Value: "present", Effect: corev1.TaintEffectNoSchedule}},
			NodeLabels: map[string]string{"team": "vision"},
		},
	}
}

// seedJobs are two replicas, of which one is left in the end.
func seedJobs(step int) map[string]batchv1.Job {
	jobs := map[string]batchv1.Job{}
	for replica := range 2 {
		if replica == 1 && step >= lifeShrinks {
			continue
		}
		name := fmt.Sprintf("train-r%d-a1", replica)
		jobs["default/"+name] = batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-" + name),
			Labels:          map[string]string{v1alpha1.LabelJobUID: "train", v1alpha1.LabelReplica: fmt.Sprint(replica), v1alpha1.LabelPool: v1alpha1.PoolID("default", "t4-pool")},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceJob", Name: "train", UID: "train", Controller: new(true)}},
		}, Status: batchv1.JobStatus{Active: 1}}
	}
	return jobs
}

// seedPods is one training pod on the VM that stays.
func seedPods(step int) map[string]corev1.Pod {
	if step < lifeLosesVM {
		return map[string]corev1.Pod{}
	}
	isController := true
	started := metav1.Time{Time: fuzzEpoch.Add(time.Minute)}
	return map[string]corev1.Pod{"default/train-r0-a1-x": {
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "train-r0-a1-x", UID: "pod-0",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "train-r0-a1", UID: "uid-train-r0-a1", Controller: &isController}},
		},
		Spec: corev1.PodSpec{NodeName: vmName(1)},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "trainer", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
		}}},
	}}
}

func nodeOfVM(vm gcefake.VM) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: vm.Name, UID: types.UID("node-of-" + vm.ID), Labels: map[string]string{
			v1alpha1.LabelPool: v1alpha1.PoolID("default", "t4-pool"), v1alpha1.LabelPoolUID: vm.Labels["spot-training-pool-uid"],
		}},
		Spec: corev1.NodeSpec{ProviderID: fmt.Sprintf("gce://%s/%s/%s", vm.Project, vm.Zone, vm.Name)},
		Status: corev1.NodeStatus{
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			Allocatable: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")},
		},
	}
}
