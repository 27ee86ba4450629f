package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestWhatAnOperationSaysOfItsVM(t *testing.T) {
	failed := &gce.Error{Kind: gce.Unavailable}
	for name, c := range map[string]struct {
		op   gce.Operation
		says func(machine) bool
		want bool
	}{
		"its insert":                         {gce.Operation{Type: "insert", TargetID: "17"}, func(m machine) bool { return m.insert != nil }, true},
		"an insert of another incarnation":   {gce.Operation{Type: "insert", TargetID: "16"}, func(m machine) bool { return m.insert != nil }, false},
		"an insert that has no id yet":       {gce.Operation{Type: "insert"}, func(m machine) bool { return m.insert != nil }, true},
		"a preemption":                       {gce.Operation{Type: "compute.instances.preempted", TargetID: "17"}, func(m machine) bool { return m.preempted }, true},
		"a preemption of another":            {gce.Operation{Type: "compute.instances.preempted", TargetID: "16"}, func(m machine) bool { return m.preempted }, false},
		"a preemption in another zone":       {gce.Operation{Type: "compute.instances.preempted", Zone: b}, func(m machine) bool { return m.preempted }, false},
		"somebody's stop":                    {gce.Operation{Type: "stop", TargetID: "17"}, func(m machine) bool { return m.stopped }, true},
		"somebody's stop, refused":           {gce.Operation{Type: "stop", TargetID: "17", Error: failed}, func(m machine) bool { return m.stopped }, false},
		"the end of its run":                 {gce.Operation{Type: "compute.instances.deferredDelete", TargetID: "17"}, func(m machine) bool { return m.stopped }, true},
		"a delete":                           {gce.Operation{Type: "delete", TargetID: "17"}, func(m machine) bool { return m.removal != nil && m.stopped }, true},
		"a migration is nothing to speak of": {gce.Operation{Type: "compute.instances.migrateOnHostMaintenance", TargetID: "17"}, func(m machine) bool { return m.stopped || m.preempted }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstanceReady, healthy)
			c.op.Target = m.name
			if c.op.Zone == "" {
				c.op.Zone = a
			}
			takeOperation(map[string]*machine{m.name: &m}, c.op, 0)
			require.Equal(t, c.want, c.says(m))
		})
	}
}

// Two servers plan a VM for different zones, and the other one's is sent.
func TestPlanOfTheLastAnswerGivesWayToAnInsert(t *testing.T) {
	for name, c := range map[string]struct {
		edit []func(*machine)
		op   gce.Operation
		zone string
	}{
		"an insert elsewhere":                    {[]func(*machine){unrecorded}, gce.Operation{Type: "insert"}, b},
		"one that is done":                       {[]func(*machine){unrecorded}, gce.Operation{Type: "insert", Done: true}, a},
		"a delete":                               {[]func(*machine){unrecorded}, gce.Operation{Type: "delete"}, a},
		"an insert elsewhere, and status has it": {nil, gce.Operation{Type: "insert"}, a},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstancePlanned, c.edit...)
			c.op.Target, c.op.Zone, c.op.RequestID = m.name, b, poolID.insertID(m.name, b)
			takeOperation(map[string]*machine{m.name: &m}, c.op, 0)
			require.Equal(t, c.zone, m.zone)
			require.Equal(t, c.zone == b, m.insert != nil)
			require.Equal(t, c.zone == b, m.requestID == c.op.RequestID)
		})
	}
}

// Status may be set back to one from before the delete. What the VM was deleted for must not get lost with it.
func TestWhyAVMWasDeletedIsToldFromItsDelete(t *testing.T) {
	o := facts()
	o.settings.joinTimeout = 15 * time.Minute
	mine := o.id.deleteID(o.id.vmName(0), "17", "")
	for name, c := range map[string]struct {
		removal *gce.Operation
		joined  bool
		want    string
	}{
		"nobody deleted it":         {nil, false, ""},
		"somebody else did":         {&gce.Operation{RequestID: "theirs", InsertTime: noon}, false, ""},
		"it had not joined in time": {&gce.Operation{RequestID: mine, InsertTime: noon}, false, v1alpha1.VMJoinTimeout},
		"it had joined":             {&gce.Operation{RequestID: mine, InsertTime: noon}, true, v1alpha1.VMNotNeeded},
		"it had time left to join":  {&gce.Operation{RequestID: mine, InsertTime: ago(2 * time.Minute)}, false, v1alpha1.VMNotNeeded},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstanceJoining, booted(16*time.Minute))
			m.presence, m.removal, m.joined, m.stopped = absent, c.removal, c.joined, c.removal != nil
			require.Equal(t, c.want, dismissalOf(o, m))
		})
	}
}

func TestPodThatRanProvesThatItsVMJoined(t *testing.T) {
	ran := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for name, c := range map[string]struct {
		state corev1.ContainerState
		want  bool
	}{
		"it runs":            {ran, true},
		"it has run":         {corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.NewTime(noon)}}, true},
		"it never got to it": {corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := facts()
			m := vm(0, v1alpha1.InstanceJoining, running)
			pod := corev1.Pod{Spec: corev1.PodSpec{NodeName: m.name}}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: c.state}}
			takePods(&o, map[string]*machine{m.name: &m}, []corev1.Pod{pod})
			require.Equal(t, c.want, m.joined)
		})
	}
}

func TestNames(t *testing.T) {
	id := identity{cluster: "c", namespace: "default", name: "a.very.long.name.of.a.pool.that.goes.on.and.on.and.on", uid: "u"}
	require.Regexp(t, `^a-very-long-name-of-a-pool-that-goes-on--[0-9a-f]{6}-7$`, id.vmName(7))
	id.name = "2026-pool"
	require.NoError(t, gce.ValidateName(id.vmName(0)), "GCE wants a letter first")
	for name, want := range map[string]int{id.vmName(0): 0, id.vmName(41): 41, id.prefix(): -1, id.prefix() + "07": -1, id.prefix() + "-1": -1, "other-0": -1} {
		ordinal, ours := id.ordinal(name)
		require.Equal(t, want >= 0, ours, name)
		if ours {
			require.Equal(t, want, ordinal)
		}
	}
	require.NotEqual(t, id.insertID("v", a), id.insertID("v", b), "a request in another zone is another request")
	require.NoError(t, gce.ValidateRequestID(id.insertID("v", a)))
	require.NoError(t, gce.ValidateLabels(id.ownerLabels()))
	other := id
	other.uid = "u2"
	require.NotEqual(t, id.prefix(), other.prefix(), "a pool created again has VMs of its own")
}

func TestGoneVMThatWasNeverSeenLeavesNoTrace(t *testing.T) {
	o := facts(vm(0, v1alpha1.InstancePlanned), vm(1, v1alpha1.InstancePlanned))
	require.Len(t, decide(o).machines, 1, "but the highest ordinal stays")
}

// The node agent tells pods before it tells the Node: the pool need not wait for that.
func TestPodThatWasToldIsHeard(t *testing.T) {
	pod := func(kind string, status corev1.ConditionStatus) corev1.Pod {
		pod := corev1.Pod{Spec: corev1.PodSpec{NodeName: poolID.vmName(0)}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodConditionType(kind), Status: status}}
		return pod
	}
	for name, c := range map[string]struct {
		pods []corev1.Pod
		want bool
	}{
		"nobody was told":       {[]corev1.Pod{pod("Ready", corev1.ConditionTrue)}, false},
		"one was":               {[]corev1.Pod{pod(v1alpha1.ConditionPodPreempted, corev1.ConditionTrue), pod("Ready", corev1.ConditionTrue)}, true},
		"one was told it stays": {[]corev1.Pod{pod(v1alpha1.ConditionPodPreempted, corev1.ConditionFalse)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o, m := facts(), vm(0, v1alpha1.InstanceReady, healthy)
			takePods(&o, map[string]*machine{m.name: &m}, c.pods)
			require.Equal(t, c.want, m.isNoticed())
		})
	}
}
