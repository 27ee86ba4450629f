package gcefake_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const zone = "us-central1-a"

func spec(name string) gce.InstanceSpec {
	return gce.InstanceSpec{
		Name: name, Zone: zone, MachineType: "g2-standard-8", Image: "projects/p/global/images/i", DiskSizeGB: 100, DiskType: "pd-ssd",
		ProvisioningModel: gce.ModelSpot, PreemptionNotice: gce.PreemptionNotice, MaxRunDuration: time.Hour,
		Metadata: map[string]string{"startup-script": "join"},
	}
}

func newFake() (*gcefake.Fake, *gcefake.ManualClock) {
	clock := gcefake.NewManualClock(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))
	return gcefake.New(gcefake.Config{Clock: clock, Timings: gcefake.RealTimings()}), clock
}

func insert(t *testing.T, f *gcefake.Fake, s gce.InstanceSpec) {
	t.Helper()
	_, err := f.Cloud("p").Insert(t.Context(), s, uuid.NewString())
	require.NoError(t, err)
}

// record collects what a hypervisor hears, as "kind at seconds since the first".
func record(f *gcefake.Fake, clock gcefake.Clock) *[]string {
	start, heard := clock.Now(), &[]string{}
	f.Subscribe(func(e gcefake.Event) {
		*heard = append(*heard, string(e.Kind)+" "+e.Time.Sub(start).String())
	})
	return heard
}

// lateClock is always too late to stop a timer, as a real one may be.
type lateClock struct{ *gcefake.ManualClock }

func (c lateClock) AfterFunc(d time.Duration, f func()) func() {
	c.ManualClock.AfterFunc(d, f)
	return func() {}
}

func newLateFake() (*gcefake.Fake, lateClock) {
	clock := lateClock{gcefake.NewManualClock(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))}
	return gcefake.New(gcefake.Config{Clock: clock, Timings: gcefake.RealTimings()}), clock
}

func TestFates(t *testing.T) {
	noNotice := spec("vm-1")
	noNotice.PreemptionNotice = 0
	tests := map[string]struct {
		spec gce.InstanceSpec
		fate func(*gcefake.Fake) error
		want []string // after CREATED 0s and RUNNING 20s
	}{
		"preempted":                 {spec("vm-1"), func(f *gcefake.Fake) error { return f.Preempt("vm-1") }, []string{"NOTICE 30s", "STOPPING 2m30s", "GONE 3m0s"}},
		"preempted, unread":         {spec("vm-1"), func(f *gcefake.Fake) error { return f.PreemptWithoutNotice("vm-1") }, []string{"STOPPING 30s", "GONE 1m0s"}},
		"preempted, no notice":      {noNotice, func(f *gcefake.Fake) error { return f.Preempt("vm-1") }, []string{"NOTICE 30s", "STOPPING 30s", "GONE 1m0s"}},
		"deleted by somebody":       {spec("vm-1"), func(f *gcefake.Fake) error { return f.Delete("vm-1") }, []string{"STOPPING 30s", "GONE 1m0s"}},
		"stopped by somebody":       {spec("vm-1"), func(f *gcefake.Fake) error { return f.Stop("vm-1") }, []string{"STOPPING 30s", "STOPPED 1m0s"}},
		"crashed":                   {spec("vm-1"), func(f *gcefake.Fake) error { return f.Crash("vm-1") }, []string{"GONE 30s"}},
		"its time is up, early":     {spec("vm-1"), func(f *gcefake.Fake) error { return f.EndRun("vm-1") }, []string{"STOPPING 30s", "GONE 1m0s"}},
		"its time is up":            {spec("vm-1"), func(*gcefake.Fake) error { return nil }, []string{"STOPPING 1h0m20s", "GONE 1h0m50s"}},
		"killed during its notice":  {spec("vm-1"), both((*gcefake.Fake).Preempt, (*gcefake.Fake).PreemptWithoutNotice), []string{"NOTICE 30s", "STOPPING 30s", "GONE 1m0s"}},
		"deleted during its notice": {spec("vm-1"), both((*gcefake.Fake).Preempt, (*gcefake.Fake).Delete), []string{"NOTICE 30s", "STOPPING 30s", "GONE 1m0s"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, clock := newLateFake()
			heard := record(f, clock)
			insert(t, f, tt.spec)
			clock.Advance(30 * time.Second)
			require.NoError(t, tt.fate(f))
			clock.Advance(3 * time.Hour)
			assert.Equal(t, append([]string{"CREATED 0s", "RUNNING 20s"}, tt.want...), *heard)
			assert.Empty(t, f.OperationsInFlight())
		})
	}
}

func TestFatesWhileBeingCreated(t *testing.T) {
	tests := map[string]struct {
		fate func(*gcefake.Fake, string) error
		want []string // after CREATED 0s
	}{
		"deleted":   {(*gcefake.Fake).Delete, []string{"STOPPING 1s", "GONE 31s"}},
		"preempted": {(*gcefake.Fake).Preempt, []string{"STOPPING 1s", "GONE 31s"}},
		"crashed":   {(*gcefake.Fake).Crash, []string{"GONE 1s"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, clock := newLateFake()
			heard := record(f, clock)
			insert(t, f, spec("vm-1"))
			clock.Advance(time.Second)
			require.NoError(t, tt.fate(f, "vm-1"))
			clock.Advance(3 * time.Hour)
			assert.Equal(t, append([]string{"CREATED 0s"}, tt.want...), *heard)
			assert.Empty(t, f.OperationsInFlight())
		})
	}
}

func both(first, second func(*gcefake.Fake, string) error) func(*gcefake.Fake) error {
	return func(f *gcefake.Fake) error {
		if err := first(f, "vm-1"); err != nil {
			return err
		}
		return second(f, "vm-1")
	}
}

func TestFatesThatDoNotApply(t *testing.T) {
	f, clock := newFake()
	for _, fate := range []func(string) error{f.Preempt, f.PreemptWithoutNotice, f.Crash, f.EndRun, f.Stop, f.Delete} {
		assert.ErrorContains(t, fate("vm-1"), "no instance vm-1")
	}
	insert(t, f, spec("vm-1"))
	assert.ErrorContains(t, f.Stop("vm-1"), "it is PROVISIONING")
	assert.ErrorContains(t, f.EndRun("vm-1"), "it is PROVISIONING")
	clock.Advance(30 * time.Second)
	require.NoError(t, f.Preempt("vm-1"))
	assert.ErrorContains(t, f.Preempt("vm-1"), "has its notice already")
	require.NoError(t, f.PreemptWithoutNotice("vm-1"))
	assert.ErrorContains(t, f.Preempt("vm-1"), "it is STOPPING already")
}

func TestNoticeIsSeenInsideOnly(t *testing.T) {
	f, clock := newFake()
	insert(t, f, spec("vm-1"))
	clock.Advance(30 * time.Second)
	require.NoError(t, f.Preempt("vm-1"))
	vm, ok := f.Instance("vm-1")
	require.True(t, ok)
	assert.True(t, vm.Noticed)
	assert.Equal(t, "RUNNING", vm.Status)
	assert.Equal(t, "join", vm.Spec.Metadata["startup-script"])
	ops, err := f.Cloud("p").Operations(t.Context(), zone, time.Time{})
	require.NoError(t, err)
	assert.Len(t, ops, 1, "GCE writes its operation when the VM stops")
}

func TestNoOperationOutlivesItsVM(t *testing.T) {
	for name, end := range map[string]func(*gcefake.Fake, string) error{"deleted": (*gcefake.Fake).Delete, "crashed": (*gcefake.Fake).Crash} {
		t.Run(name+" while it is being stopped", func(t *testing.T) {
			f, clock := newFake()
			insert(t, f, spec("vm-1"))
			clock.Advance(20 * time.Second)
			require.NoError(t, f.Stop("vm-1"))
			require.NoError(t, end(f, "vm-1"))
			clock.Advance(time.Minute)
			assert.Empty(t, f.Instances())
			assert.Empty(t, f.OperationsInFlight())
		})
	}
}

func TestAgedVMsEndAsLateAsOthers(t *testing.T) {
	f, clock := newFake()
	insert(t, f, spec("vm-1")) // runs for an hour
	clock.Advance(20 * time.Second)
	require.NoError(t, f.Age("vm-1", 2*time.Hour))
	vm, _ := f.Instance("vm-1")
	assert.Equal(t, clock.Now().Add(-2*time.Hour-20*time.Second), vm.CreationTime)
	clock.Advance(59 * time.Minute)
	vm, _ = f.Instance("vm-1")
	assert.Equal(t, "RUNNING", vm.Status)
}

func TestStoppedVMsGiveTheirCapacityBack(t *testing.T) {
	f, clock := newFake()
	f.SetCapacity(zone, 1)
	insert(t, f, spec("vm-1"))
	clock.Advance(time.Minute)
	require.NoError(t, f.Stop("vm-1"))
	clock.Advance(time.Minute)
	insert(t, f, spec("vm-2"))
	clock.Advance(time.Minute)
	vm, ok := f.Instance("vm-2")
	assert.True(t, ok)
	assert.Equal(t, "RUNNING", vm.Status)
	f.SetCapacity(zone, -1)
	insert(t, f, spec("vm-3"))
	clock.Advance(time.Minute)
	assert.Len(t, f.Instances(), 3)
}

func TestSubscribersMayCallTheFake(t *testing.T) {
	f, clock := newFake()
	var heard, second []gcefake.EventKind
	cancel := f.Subscribe(func(e gcefake.Event) {
		heard = append(heard, e.Kind)
		if e.Kind == gcefake.Running {
			assert.NoError(t, f.PreemptWithoutNotice(e.VM.Name))
			assert.Equal(t, "RUNNING", e.VM.Status, "an event shows its own moment")
		}
	})
	f.Subscribe(func(e gcefake.Event) { second = append(second, e.Kind) })
	insert(t, f, spec("vm-1"))
	clock.Advance(time.Minute)
	assert.Equal(t, []gcefake.EventKind{gcefake.Created, gcefake.Running, gcefake.Stopping, gcefake.Gone}, heard)
	assert.Equal(t, heard, second, "the same order for all")
	cancel()
	insert(t, f, spec("vm-2"))
	assert.Len(t, heard, 4)
}

// One that is cancelled while another one is told hears no more.
func TestSubscribersMayCancelEachOther(t *testing.T) {
	f, _ := newFake()
	cancel := func() {}
	f.Subscribe(func(gcefake.Event) { cancel() })
	heard := 0
	cancel = f.Subscribe(func(gcefake.Event) { heard++ })
	insert(t, f, spec("vm-1"))
	assert.Zero(t, heard)
}

func TestViewsAreCopies(t *testing.T) {
	f, _ := newFake()
	s := spec("vm-1")
	s.Labels = map[string]string{"a": "b"}
	insert(t, f, s)
	s.Labels["a"] = "changed by the caller"
	s.Metadata["startup-script"] = "changed by the caller"
	f.Instances()[0].Labels["a"] = "changed by the reader"
	f.Instances()[0].Spec.Metadata["startup-script"] = "changed by the reader"
	vm, _ := f.Instance("vm-1")
	assert.Equal(t, map[string]string{"a": "b"}, vm.Labels)
	assert.Equal(t, "join", vm.Spec.Metadata["startup-script"])
}

func TestScripts(t *testing.T) {
	f, _ := newFake()
	cloud := f.Cloud("p")
	list := func(zone string) gce.Kind {
		_, err := cloud.Instances(t.Context(), zone, nil)
		return gce.KindOf(err)
	}
	stop := f.When(gcefake.Call{Method: gcefake.ListInstances, Zone: zone}, gcefake.Down())
	f.Once(gcefake.Call{Method: gcefake.ListInstances}, gcefake.Denied("compute.instances.list"))
	f.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.Down())
	assert.Equal(t, gce.Forbidden, list(zone), "the script set last wins, once")
	assert.Equal(t, gce.Unavailable, list(zone))
	assert.Empty(t, list("us-central1-b"))
	stop()
	assert.Empty(t, list(zone))
	_, err := cloud.Insert(t.Context(), spec("vm-1"), uuid.NewString())
	assert.Equal(t, gce.Unavailable, gce.KindOf(err))
	insert(t, f, spec("vm-1"))
	assert.Equal(t, map[gcefake.Method]int{gcefake.ListInstances: 4, gcefake.Insert: 2}, f.Calls())
}

func TestRealClockInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := gcefake.New(gcefake.Config{Timings: gcefake.RealTimings()})
		heard := record(f, gcefake.RealClock{})
		insert(t, f, spec("vm-1"))
		time.Sleep(time.Minute) // of the bubble
		synctest.Wait()
		require.NoError(t, f.Preempt("vm-1"))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"CREATED 0s", "RUNNING 20s", "NOTICE 1m0s", "STOPPING 3m0s", "GONE 3m30s"}, *heard)

		f.When(gcefake.Call{}, gcefake.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := f.Cloud("p").Instances(ctx, zone, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
