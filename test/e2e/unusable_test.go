package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// waits checks that replica 0 waits for a reason, and that the condition Ready says so in these words.
func (j jobOf) waits(reason string, parts ...string) func() error {
	return func() error {
		status := j.status()
		if len(status.JobStatuses) == 0 || status.JobStatuses[0].Reason != reason {
			return fmt.Errorf("want replica 0 to wait for %s: %+v; %s", reason, status.JobStatuses, j.describe())
		}
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		return says(status.Conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, ready.Reason, parts)
	}
}

// wants checks how many VMs the pool wants, and that the cloud has no others.
func (p poolOf) wants(vms int) func() error {
	return func() error {
		if int(p.status().DesiredReplicas) != vms || len(p.vms()) != vms {
			return fmt.Errorf("%s", p.describe())
		}
		return nil
	}
}

// A pod that no VM suits, for a label that an agent might have set: another VM is tried, in another zone, then none is bought and both go; the scheduler's words are in the job's
// condition as soon as a VM is there.
func TestPodThatNoVMSuits(t *testing.T) {
	s := begin(t)
	s.takes(12 * time.Minute)
	pool := s.newPool(inZones(s.zones["a"], s.zones["b"]))
	job := s.newJob(withReplicas(1), func(j *v1alpha1.SpotInstanceJob) {
		j.Spec.JobTemplate.Raw = []byte(`{"spec":{"template":{"spec":{"nodeSelector":{"feature.node.kubernetes.io/pci-10de.present":"true"},
			"containers":[{"name":"trainer","image":"docker.io/acme/resnet:v1","resources":{"limits":{"nvidia.com/gpu":1}}}]}}}}`)
	})
	const words = "didn't match Pod's node affinity/selector"
	s.eventually("the job has the scheduler's words", job.waits(v1alpha1.WaitUnschedulable, "waits beside a VM that is Ready and free", words))
	s.eventually("another zone is tried", func() error {
		zones := map[string]bool{}
		for _, vm := range pool.vms() {
			zones[vm.Zone] = true
		}
		if len(zones) != 2 {
			return fmt.Errorf("VMs are in %v; %s", zones, pool.describe())
		}
		return nil
	})
	s.eventually("no VM is wanted or left", pool.wants(0))
	s.eventually("the job says until when", job.waits(v1alpha1.WaitUnschedulable, "none is bought for it before", words))
	require.NoError(t, pool.says(v1alpha1.ConditionVMsUsable, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable, words)())
	require.Len(t, s.requested(), 2)
	s.end()
}

// Somebody else suspends the child Job, as Kueue does: no VM is bought for it, and no attempt follows.
func TestChildJobThatSomebodySuspends(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(withReplicas(1))
	s.eventually("it trains", job.trains(1))
	child := job.replica(0).Name
	s.patch(childJobs, child, `{"spec":{"suspend":true}}`)
	s.eventually("the job says so", job.waits(v1alpha1.WaitSuspendedByOthers, "somebody else suspended its Job", "kubectl describe job "+child))
	s.eventually("its VM goes", pool.wants(0))
	require.EqualValues(t, 0, job.status().Preemptions)
	s.patch(childJobs, child, `{"spec":{"suspend":false}}`)
	s.eventually("it trains again", job.trains(1))
	require.Equal(t, child, job.replica(0).Name)
	s.end()
}

// A quota allows no pod: the job says so, and no VM is kept for it.
func TestPodThatAQuotaRefuses(t *testing.T) {
	s := begin(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}}
	_, err := lab.Client().CoreV1().ResourceQuotas(s.namespace).Create(t.Context(), quota, metav1.CreateOptions{})
	require.NoError(t, err)
	pool := s.newPool()
	job := s.newJob(withReplicas(1))
	s.eventually("the job says so", job.waits(v1alpha1.WaitNoPod, "replica 0 has no pod, so it asks for no VM", "kubectl describe job"))
	s.eventually("no VM is kept", pool.wants(0))
	require.NoError(t, lab.Client().CoreV1().ResourceQuotas(s.namespace).Delete(t.Context(), "none", metav1.DeleteOptions{}))
	s.eventually("it trains", job.trains(1))
	s.end()
}

// A quota allows no Job: the job says that its Job is refused.
func TestJobThatAQuotaRefuses(t *testing.T) {
	s := begin(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}}}
	_, err := lab.Client().CoreV1().ResourceQuotas(s.namespace).Create(t.Context(), quota, metav1.CreateOptions{})
	require.NoError(t, err)
	s.newPool()
	job := s.newJob(withReplicas(1))
	s.eventually("the job says so", job.waits(v1alpha1.WaitChildRefused, "replica 0 waits for its Job, which was asked for and is not there", "kubectl describe spotinstancejob resnet"))
	require.Empty(t, s.requested())
	s.end()
}

// kubectl drain of the only VM: its replica moves to a new one, and the cordoned one goes.
func TestNodeThatSomebodyCordons(t *testing.T) {
	s := begin(t)
	pool := s.newPool()
	job := s.newJob(withReplicas(1))
	s.eventually("it trains", job.trains(1))
	before := job.replica(0)
	_, err := lab.Client().CoreV1().Nodes().Patch(t.Context(), before.NodeName, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.NoError(t, lab.Client().CoreV1().Pods(s.namespace).Delete(t.Context(), job.pod(before.Name).Name, metav1.DeleteOptions{}))
	s.eventually("it trains elsewhere", func() error {
		if err := job.trains(1)(); err != nil {
			return err
		}
		if now := job.replica(0); now.NodeName == before.NodeName {
			return fmt.Errorf("it trains on %s still", now.NodeName)
		}
		return nil
	})
	s.eventually("the cordoned VM is gone", func() error {
		if slices.ContainsFunc(pool.vms(), func(vm gcefake.VM) bool { return vm.Name == before.NodeName }) {
			return fmt.Errorf("%s", pool.describe())
		}
		return nil
	})
	s.end()
}
