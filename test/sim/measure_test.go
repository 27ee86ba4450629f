package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// metered is a world in which nobody trains but by the test's hand.
type metered struct {
	told
	meter *meter
}

func meteredWorld(t *testing.T) metered {
	w := tell(t)
	return metered{w, newMeter(w.World)}
}

// train lets a program be that started now, with so much behind it.
func (w metered) train(uid string, restored time.Duration) {
	w.Machines.programs[types.UID(uid)] = &program{pod: &corev1.Pod{}, started: w.Clock.Now(), restored: restored}
}

func (w metered) lose(uid string) {
	w.Machines.halt(w.Machines.programs[types.UID(uid)])
	w.pass(0)
}

func (w metered) pass(d time.Duration) { pass(w.World, w.Clock.Now().Add(d), w.meter.look) }

// save completes a checkpoint with so much training in it.
func (w metered) save(name string, progress time.Duration) {
	b := &Backup{
		TypeMeta:   metav1.TypeMeta{APIVersion: "migration.dcnlab.com/v1", Kind: "CheckpointBackup"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		Spec: BackupSpec{
			Registry: &BackupRegistry{URL: "docker.io", Repository: "sim/a"}, Containers: []BackupContainer{{Name: "trainer", Image: "sim/a:" + name}},
		},
		Status: BackupStatus{Phase: phaseCompleted, BuiltImages: []BuiltImage{{ImageName: "sim/a:" + name}}},
	}
	w.Images.Push(b.image(b.Spec.Containers[0]), progress, false)
	w.create(b)
}

func (w metered) is(progress, lost time.Duration) {
	w.Helper()
	assert.Equal(w, progress, w.meter.progress, "progress")
	assert.Equal(w, lost, w.meter.lost, "lost")
}

// Minutes, by hand:
//
//	  0  one trains from 0
//	 30  it has 30, and a checkpoint of it completes with 25 in it
//	 40  it is lost at 40: 25 are left, 15 are lost
//	 50  two trains from 25: ten minutes stalled
//	 80  two has 55; three trains from 25
//	 90  two is lost at 65; three has 35: 30 are lost
//	100  three has 45. 100 = 45 progress + 45 lost + 10 stalled
func TestProgressByHand(t *testing.T) {
	w := meteredWorld(t)
	w.train("one", 0)
	w.pass(30 * time.Minute)
	w.is(30*time.Minute, 0)
	w.save("first", 25*time.Minute)
	w.pass(10 * time.Minute)
	w.lose("one")
	w.is(25*time.Minute, 15*time.Minute)
	w.pass(10 * time.Minute)
	w.is(25*time.Minute, 15*time.Minute)
	w.train("two", 25*time.Minute)
	w.pass(30 * time.Minute)
	w.train("three", 25*time.Minute)
	w.pass(10 * time.Minute)
	w.is(65*time.Minute, 15*time.Minute)
	w.lose("two")
	w.pass(10 * time.Minute)
	w.is(45*time.Minute, 45*time.Minute)
	assert.Equal(t, 1, w.meter.saves)
}

// A program that ends between two looks counts up to its end, once, and a checkpoint that is deleted counts no more.
func TestProgressOfWhatIsOver(t *testing.T) {
	w := meteredWorld(t)
	w.train("one", 0)
	w.save("first", 5*time.Minute)
	w.Clock.AfterFunc(7*time.Minute, func() { w.Machines.halt(w.Machines.programs["one"]) })
	for range 3 {
		w.Clock.AfterFunc(7*time.Minute, func() {})
	}
	w.pass(8 * time.Minute)
	w.is(5*time.Minute, 2*time.Minute)
	w.API.Remove(Key{"CheckpointBackup", Namespace, "first"})
	w.pass(time.Minute)
	w.is(0, 7*time.Minute)
}

// VMs are billed from RUNNING, which is 20 s after the insert, to STOPPING.
func TestVMHoursByHand(t *testing.T) {
	w := meteredWorld(t)
	for i, zone := range []string{"us-central1-a", "us-central1-a", "us-central1-b"} {
		_, err := w.GCE.Cloud(Project).Insert(t.Context(), gce.InstanceSpec{
			Name: []string{"vm-0", "vm-1", "vm-2"}[i], Zone: zone, MachineType: "g2-standard-4", Image: "projects/sim/global/images/family/gpu",
			DiskSizeGB: 100, DiskType: "pd-balanced", ProvisioningModel: gce.ModelSpot, PreemptionNotice: 2 * time.Minute, MaxRunDuration: 24 * time.Hour,
		}, []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"}[i])
		require.NoError(t, err)
	}
	w.pass(20*time.Second + time.Hour)
	require.NoError(t, w.GCE.Preempt("vm-0"))
	w.pass(time.Hour)
	assert.Equal(t, map[string]time.Duration{"us-central1-a": time.Hour + 2*time.Minute + 2*time.Hour, "us-central1-b": 2 * time.Hour}, w.meter.bill())
	require.NoError(t, w.GCE.Crash("vm-2"))
	w.pass(time.Hour)
	assert.Equal(t, map[string]time.Duration{"us-central1-a": time.Hour + 2*time.Minute + 3*time.Hour, "us-central1-b": 2 * time.Hour}, w.meter.bill())
}

func TestMarket(t *testing.T) {
	w := tell(t)
	rows := []TraceRow{{0, []int{3}}, {10 * time.Minute, []int{1}}, {11 * time.Minute, []int{1}}, {20 * time.Minute, []int{3}}}
	m := &market{world: w.World, trace: Trace{Zones: []string{"us-central1-a"}, Rows: rows}, chance: rand.New(rand.NewPCG(1, 2))}
	m.open()
	w.do("pool spot zones=a replicas=3")
	w.Advance(9 * time.Minute)
	require.Len(t, w.running(), 3)
	w.Advance(6 * time.Minute)
	assert.Equal(t, 2, m.preemptions, "those that go already make room")
	left := w.running()
	assert.Len(t, left, 1)
	w.Advance(14 * time.Minute)
	assert.Len(t, w.running(), 3, "and as many as fit when there is room again")
	assert.Contains(t, w.running(), left[0])
	w.Advance(16 * time.Minute)
	assert.Equal(t, 4, m.preemptions, "the trace begins anew after 29 minutes")
}

// running are the names of the VMs that run and have had no notice.
func (w told) running() []string {
	var names []string
	for _, vm := range w.GCE.Instances() {
		if vm.Status == "RUNNING" && !vm.Noticed {
			names = append(names, vm.Name)
		}
	}
	slices.Sort(names)
	return names
}
