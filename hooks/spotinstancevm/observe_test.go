package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestDemandCountsReplicasNotAttempts(t *testing.T) {
	is := func(condition batchv1.JobConditionType) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: condition, Status: corev1.ConditionTrue})
		}
	}
	final := func(j *batchv1.Job) { j.Annotations = map[string]string{v1alpha1.AnnotationFinalAttempt: "true"} }
	for name, c := range map[string]struct {
		edit []func(*batchv1.Job) // of the first of two jobs
		want int32
	}{
		"running":                          {want: 2},
		"another attempt of one replica":   {edit: []func(*batchv1.Job){func(j *batchv1.Job) { j.Labels[v1alpha1.LabelReplica] = "1" }}, want: 1},
		"the same replica of another job":  {edit: []func(*batchv1.Job){func(j *batchv1.Job) { j.Labels[v1alpha1.LabelReplica], j.Labels[v1alpha1.LabelJobUID] = "1", "bert" }}, want: 2},
		"failed, a successor follows":      {edit: []func(*batchv1.Job){is(batchv1.JobFailed)}, want: 2},
		"failed for the last time":         {edit: []func(*batchv1.Job){is(batchv1.JobFailed), final}, want: 2},
		"the last attempt, not failed yet": {edit: []func(*batchv1.Job){final}, want: 2},
		"complete, and the other goes on":  {edit: []func(*batchv1.Job){is(batchv1.JobComplete)}, want: 2},
		"being deleted":                    {edit: []func(*batchv1.Job){func(j *batchv1.Job) { j.DeletionTimestamp = &metav1.Time{Time: time.Unix(1_700_000_000, 0)} }}, want: 1},
		"of nobody known":                  {edit: []func(*batchv1.Job){func(j *batchv1.Job) { delete(j.Labels, v1alpha1.LabelReplica) }}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.demand(2)
			for _, edit := range c.edit {
				edit(&w.jobs[0])
			}
			w.sync()
			require.Equal(t, c.want, w.pool.Status.DesiredReplicas)
		})
	}
}

func TestGroupThatWasNotObservedIsAnError(t *testing.T) {
	w := newWorld(t)
	code, body := w.post("/sync", map[string]any{"parent": w.pool, "related": map[string]any{"Job.batch/v1": map[string]any{}, "Pod.v1": map[string]any{}}})
	require.Equal(t, 400, code)
	require.Contains(t, string(body), `no group "Node.v1"`)
}

func TestOrderOfListsDoesNotMatter(t *testing.T) {
	w := ready(t, 3)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(1)))
	w.run(15 * time.Second)
	w.clock.Advance(3 * time.Second)
	_, first := w.call(w.handler, "/sync")
	jobs, pods := w.jobs, w.pods
	w.jobs = []batchv1.Job{jobs[2], jobs[0], jobs[1]}
	entries := w.pool.Status.ProvisionedInstances
	entries[0], entries[len(entries)-1] = entries[len(entries)-1], entries[0]
	w.pods = pods
	_, second := w.call(w.handler, "/sync")
	require.Equal(t, string(first), string(second))
}

// Of what this server did, GCE's answer tells; of what another one did, only another list.
func TestListIsKeptOverWhatGCEHasAnswered(t *testing.T) {
	w := newWorld(t, fixed(1))
	lists := func() int { return w.gce.Calls()[gcefake.ListInstances] }
	w.sync() // plans
	before := lists()
	w.sync() // inserts
	w.sync()
	require.Equal(t, before, lists(), "all within two seconds")
	require.Equal(t, v1alpha1.InstanceCreating, w.entry(w.vm(0)).State)
	require.Equal(t, 1, w.gce.Calls()[gcefake.Insert])
	w.syncBy(w.server())
	require.Equal(t, before+1, lists(), "by another server")
}

// What GCE answered is kept for the account that asked. A list of another one may be from before.
func TestListOfAnotherAccountIsNotKeptOverAnAnswer(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.kube.putSecret("default/key", nil, map[string]string{"credentials.json": "of another account"})
	key := &corev1.SecretReference{Name: "key"}
	other := pool(func(p *v1alpha1.SpotInstanceVM) {
		p.Name, p.UID, p.Spec.GCPCredentialsSecretRef = "other", "bbbbbbbb-0000-0000-0000-000000000002", key
	})
	w.sync() // plans
	w.pool, other = other, w.pool
	w.sync() // lists
	w.pool = other
	w.sync() // inserts
	before := w.gce.Calls()[gcefake.ListInstances]
	w.pool.Spec.GCPCredentialsSecretRef = key
	w.sync()
	require.Equal(t, before+1, w.gce.Calls()[gcefake.ListInstances])
}

func TestAMutationWithoutAnAnswerHasItsZoneReadAnew(t *testing.T) {
	w := newWorld(t, fixed(1))
	other := pool(func(p *v1alpha1.SpotInstanceVM) { p.Name, p.UID = "other", "bbbbbbbb-0000-0000-0000-000000000002" })
	w.pool, other = other, w.pool
	w.sync()
	w.pool, other = other, w.pool
	lists := func() int { return w.gce.Calls()[gcefake.ListInstances] }
	w.sync()
	w.gce.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.LostAnswer())
	w.sync()
	before := lists()
	w.pool, other = other, w.pool
	w.sync()
	require.Equal(t, before, lists(), "for another pool")
	w.pool = other
	w.sync()
	require.Equal(t, before+1, lists())
}

func TestAStoppingVMDoesNotJoin(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.run(3 * time.Second)
	vm, _ := w.gce.Instance(w.vm(0))
	require.Equal(t, "RUNNING", vm.Status)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.clock.Advance(3 * time.Second)
	w.kube.join(w.pool, vm) // its kubelet was faster than the shutdown
	w.run(5 * time.Second)
	require.Equal(t, v1alpha1.InstanceStopping, w.entry(w.vm(0)).State)
	require.False(t, w.entry(w.vm(0)).JoinedCluster)
}

func TestConditionsMoveWithTheirStatus(t *testing.T) {
	w := newWorld(t, fixed(1))
	start := w.clock.Now()
	w.sync()
	require.True(t, w.condition(v1alpha1.ConditionReady).LastTransitionTime.Time.Equal(start))
	w.run(4 * time.Second)
	require.True(t, w.condition(v1alpha1.ConditionReady).LastTransitionTime.Time.Equal(start), "still False")
	w.run(30 * time.Second)
	ready := w.condition(v1alpha1.ConditionReady)
	require.Equal(t, metav1.ConditionTrue, ready.Status)
	require.True(t, ready.LastTransitionTime.Time.Equal(w.entry(w.vm(0)).Since.Time))
}

func TestNodeWithoutGPUsIsNamed(t *testing.T) {
	w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) { p.Spec.JoinTimeout = &metav1.Duration{Duration: time.Minute} })
	w.gce.Subscribe(func(e gcefake.Event) {
		if n := w.kube.nodes[e.VM.Name]; n != nil {
			n.Status.Allocatable = corev1.ResourceList{}
		}
	})
	w.boot = 0
	w.run(20 * time.Second)
	w.kube.nodes[w.vm(0)].Status.Allocatable = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("0")}
	w.pool.Status.ProvisionedInstances[0].JoinedCluster = false
	w.pool.Status.ProvisionedInstances[0].State = v1alpha1.InstanceJoining
	w.run(45 * time.Second)
	require.Equal(t, v1alpha1.VMJoinTimeout, w.entry(w.vm(0)).Reason)
	require.Equal(t, v1alpha1.ReasonGPUsMissing, w.condition(v1alpha1.ConditionVMsJoining).Reason)
	require.Contains(t, w.condition(v1alpha1.ConditionVMsJoining).Message, "0 of 1 nvidia.com/gpu")
	require.NotContains(t, w.condition(v1alpha1.ConditionVMsJoining).Message, "machineType", "n1 takes GPUs")
	w.pool.Spec.GCP.MachineType = "q1-standard-8"
	w.sync()
	require.Contains(t, w.condition(v1alpha1.ConditionVMsJoining).Message, "use another spec.gcp.machineType, if q1-standard-8 comes without GPUs")
}

func TestEvents(t *testing.T) {
	w := ready(t, 1)
	require.NoError(t, w.gce.PreemptWithoutNotice(w.vm(0)))
	w.run(time.Minute)
	require.Len(t, w.kube.events, 1, "once")
	event := w.kube.events[0]
	require.Equal(t, v1alpha1.EventVMPreempted, event.Reason)
	require.Equal(t, "VM "+w.vm(0)+" in us-central1-a was preempted", event.Message)
	require.Equal(t, w.pool.UID, event.InvolvedObject.UID)
}

func TestCustomizeAsksByOneLabel(t *testing.T) {
	w := newWorld(t)
	code, body := w.post("/customize", map[string]any{"parent": w.pool})
	require.Equal(t, 200, code)
	selector := `"labelSelector":{"matchLabels":{"training.dcnlab.com/pool":"` + v1alpha1.PoolID("default", "t4-pool") + `"}}`
	require.JSONEq(t, `{"relatedResources":[
		{"apiVersion":"batch/v1","resource":"jobs","namespace":"default",`+selector+`},
		{"apiVersion":"v1","resource":"pods","namespace":"default",`+selector+`},
		{"apiVersion":"v1","resource":"nodes",`+selector+`}]}`, string(body))
}

func TestWhatIsBought(t *testing.T) {
	w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
		p.Spec.StartupScript = "echo hello\n"
		p.Spec.NodeLabels = map[string]string{"team": "vision"}
		p.Spec.KubeadmJoinConfig.CRISocket = "/var/run/crio/crio.sock"
		p.Spec.GCP.NetworkTags = []string{"k8s-worker"}
		p.Spec.GCP.ServiceAccount = "trainer@acme.iam.gserviceaccount.com"
	})
	w.run(time.Second)
	spec := w.gce.Instances()[0].Spec
	require.Equal(t, "nvidia-tesla-t4", spec.Accelerator)
	require.EqualValues(t, 1, spec.AcceleratorCount)
	require.Equal(t, "pd-balanced", spec.DiskType)
	require.EqualValues(t, 100, spec.DiskSizeGB)
	require.True(t, spec.ExternalIP)
	require.Equal(t, "SPOT", spec.ProvisioningModel)
	require.Equal(t, 120*time.Second, spec.PreemptionNotice)
	require.Equal(t, 168*time.Hour, spec.MaxRunDuration)
	require.Equal(t, []string{"k8s-worker"}, spec.NetworkTags)
	require.Equal(t, "11111111-2222-3333-4444-555555555555", spec.Labels["spot-training-cluster"])
	require.Equal(t, string(w.pool.UID), spec.Labels["spot-training-pool-uid"])
	require.Equal(t, "1", spec.Labels["spot-training-gpus"])
	script := spec.Metadata["startup-script"]
	require.Contains(t, script, "gce://acme/us-central1-a/"+w.vm(0))
	require.Contains(t, script, "criSocket: unix:///var/run/crio/crio.sock\n")
	require.Contains(t, script, "team=vision,topology.kubernetes.io/region=us-central1,topology.kubernetes.io/zone=us-central1-a,training.dcnlab.com/pool="+v1alpha1.PoolID("default", "t4-pool"))
	require.Contains(t, script, "training.dcnlab.com/pool-uid="+string(w.pool.UID))
}

func TestStandardPool(t *testing.T) {
	w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
		p.Spec.ProvisioningModel, p.Spec.PreemptionNotice = v1alpha1.ProvisioningStandard, &metav1.Duration{Duration: 2 * time.Minute}
	})
	w.run(20 * time.Second)
	vm := w.gce.Instances()[0]
	require.Equal(t, "STANDARD", vm.ProvisioningModel)
	require.Zero(t, vm.PreemptionNotice, "only spot VMs are preempted")
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}

// Metacontroller's resync asks about a pool every 20 s. One at rest need not be read anew each time, unless something in the request
// lets suspect that GCE has taken a VM.
func TestResyncsOfAPoolAtRestShareAList(t *testing.T) {
	for name, test := range map[string]struct {
		watched bool
		change  func(*world)
		lists   int // in a minute of three resyncs
	}{
		"a node agent would tell":    {true, func(*world) {}, 1},
		"no node agent":              {false, func(*world) {}, 3},
		"a Node is not Ready":        {true, func(w *world) { w.kube.setReady(w.vm(0), false) }, 3},
		"a pod on a VM has ended":    {true, func(w *world) { w.pods[0].Status.Phase = corev1.PodFailed }, 3},
		"a pod on a VM is deleted":   {true, func(w *world) { w.pods[0].DeletionTimestamp = &metav1.Time{Time: w.clock.Now()} }, 3},
		"another number is wanted":   {true, func(w *world) { w.pool.Spec.Replicas = new(int32(2)) }, 3},
		"an ended pod was elsewhere": {true, func(w *world) { w.pods[0].Status.Phase, w.pods[0].Spec.NodeName = corev1.PodFailed, "gone" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1))
			w.kube.watched = test.watched
			w.run(30 * time.Second)
			w.train(w.vm(0))
			require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
			w.clock.Advance(time.Minute)
			w.sync()
			before := w.gce.Calls()[gcefake.ListInstances]
			test.change(w)
			for range 3 {
				w.clock.Advance(20 * time.Second)
				w.sync()
			}
			require.Equal(t, test.lists, w.gce.Calls()[gcefake.ListInstances]-before)
		})
	}
}
