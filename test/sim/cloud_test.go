package sim

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancevm"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcetest"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

var _ spotinstancevm.Connector = &Cloud{}

const zoneA = "us-central1-a"

func connect(t *testing.T, w *World) gce.Cloud {
	t.Helper()
	cloud, err := w.Cloud.Connect(t.Context(), Project, nil)
	require.NoError(t, err)
	return cloud
}

// insert makes a VM past the cloud's faults.
func insert(t *testing.T, w *World, name string) {
	t.Helper()
	_, err := w.GCE.Cloud(Project).Insert(t.Context(), specOf(name), requestID(name))
	require.NoError(t, err)
}

func specOf(name string) gce.InstanceSpec {
	return gce.InstanceSpec{
		Name: name, Zone: zoneA, MachineType: "n1-standard-8", Image: "projects/p-12345/global/images/i", DiskSizeGB: 50,
		DiskType: "pd-ssd", Network: "global/networks/default", ProvisioningModel: "SPOT", MaxRunDuration: 100 * time.Hour,
	}
}

func requestID(name string) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", len(name)*1000+int(name[len(name)-1]))
}

// do is `gce` with these words.
func do(t *testing.T, w *World, line string) {
	t.Helper()
	c := story.Command{Name: "gce", Options: map[string]string{}}
	for word := range strings.FieldsSeq(line) {
		if key, value, is := strings.Cut(word, "="); is {
			c.Options[key] = value
			continue
		}
		c.Args = append(c.Args, word)
	}
	_, err := w.Do(c)
	require.NoError(t, err)
}

func TestCloudWithoutFaultsIsGCE(t *testing.T) {
	connect := func(t *testing.T, fake *gcefake.Fake) gce.Cloud {
		w := New(Config{Timing: RealTiming()})
		w.GCE = fake
		cloud, err := w.Cloud.Connect(t.Context(), gcetest.Project, nil)
		require.NoError(t, err)
		return cloud
	}
	gcetest.Scripted(t, connect)
	gcetest.Plain(t, gcetest.InUse(t, connect))
}

func TestFaults(t *testing.T) {
	for line, want := range map[string]struct {
		kind    gce.Kind
		effects int // of the call
		vms     int // that exist then
		later   int // that exist when the call has taken effect at last
	}{
		"insert lose":                         {gce.Unavailable, 1, 1, 1},
		"insert refuse-unavailable":           {gce.Unavailable, 0, 0, 0},
		"insert rate-limit":                   {gce.RateLimited, 0, 0, 0},
		"insert hang":                         {gce.Unavailable, 0, 0, 0},
		"insert delay":                        {gce.Unavailable, 1, 0, 1},
		"insert duplicate":                    {"", 1, 1, 1},
		"insert fail-operation as=quota":      {"", 1, 1, 0},
		"insert fail-operation as=stockout":   {"", 1, 1, 0},
		"insert fail-operation as=internal":   {"", 1, 1, 0},
		"insert fail-operation as=preempted":  {"", 1, 1, 0},
		"insert stockout-now":                 {gce.Stockout, 0, 0, 0},
		"insert refuse as=no-machine-type":    {gce.Invalid, 0, 0, 0},
		"insert refuse as=backend-error":      {gce.Unavailable, 0, 0, 0},
		"insert refuse as=failed-internally":  {"", 1, 1, 0},
		"insert denied":                       {gce.Forbidden, 0, 0, 0},
		"insert denied zone=us-central1-a":    {gce.Forbidden, 0, 0, 0},
		"insert stockout-now zone=us-west1-b": {"", 1, 1, 1},
	} {
		t.Run(line, func(t *testing.T) {
			w := New(Config{Timing: RealTiming()})
			do(t, w, line)
			w.Cloud.Begin()
			_, err := connect(t, w).Insert(t.Context(), specOf("vm-1"), requestID("vm-1"))
			effects, _ := w.Cloud.End()
			assert.Equal(t, want.kind, gce.KindOf(err), "%v", err)
			assert.Equal(t, want.effects, effects)
			assert.Len(t, w.GCE.Instances(), want.vms)
			w.Advance(40 * time.Second)
			assert.Len(t, w.GCE.Instances(), want.later)
		})
	}
}

func TestFaultsOfLists(t *testing.T) {
	calls := map[string]func(context.Context, gce.Cloud) error{
		"list":     func(ctx context.Context, c gce.Cloud) error { _, err := c.Instances(ctx, zoneA, nil); return err },
		"list-all": func(ctx context.Context, c gce.Cloud) error { _, err := c.AllInstances(ctx, nil); return err },
		"operations": func(ctx context.Context, c gce.Cloud) error {
			_, err := c.Operations(ctx, zoneA, time.Time{})
			return err
		},
	}
	for method, call := range calls {
		for fault, kind := range map[string]gce.Kind{
			"partial": gce.Unavailable, "hang": gce.Unavailable, "refuse-unavailable": gce.Unavailable, "lose": gce.Unavailable,
			"rate-limit": gce.RateLimited, "denied": gce.Forbidden,
		} {
			w := New(Config{Timing: RealTiming()})
			cloud := connect(t, w)
			do(t, w, method+" "+fault+" n=2")
			for range 2 {
				assert.Equal(t, kind, gce.KindOf(call(t.Context(), cloud)), "%s %s", method, fault)
			}
			assert.NoError(t, call(t.Context(), cloud))
			assert.Equal(t, map[string]int{"gce-" + fault: 2}, w.Counts.Faults)
		}
	}
}

func TestFaultsOfOneVM(t *testing.T) {
	for fault, kind := range map[string]gce.Kind{
		"hang": gce.Unavailable, "refuse-unavailable": gce.Unavailable, "lose": gce.Unavailable, "rate-limit": gce.RateLimited, "denied": gce.Forbidden,
	} {
		w := New(Config{Timing: RealTiming()})
		cloud := connect(t, w)
		do(t, w, "get "+fault)
		for _, want := range []gce.Kind{kind, gce.NotFound} {
			_, err := cloud.Instance(t.Context(), zoneA, "vm-1")
			assert.Equal(t, want, gce.KindOf(err), fault)
		}
	}
}

func TestLateListLacksWhatIsBeingMade(t *testing.T) {
	w := New(Config{Timing: RealTiming()})
	cloud := connect(t, w)
	insert(t, w, "vm-1")
	for _, want := range []int{0, 1} { // while it is made, and then
		do(t, w, "list late")
		do(t, w, "list-all late")
		listed, err := cloud.Instances(t.Context(), zoneA, nil)
		require.NoError(t, err)
		all, err := cloud.AllInstances(t.Context(), nil)
		require.NoError(t, err)
		assert.Len(t, listed, want)
		assert.Len(t, all, want)
		w.Advance(time.Minute)
	}
}

func TestFaultThatLastsForATime(t *testing.T) {
	w := New(Config{Timing: RealTiming()})
	cloud := connect(t, w)
	do(t, w, "list hang for=1m zone=a")
	w.Cloud.Begin()
	for range 3 {
		_, err := cloud.Instances(t.Context(), zoneA, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	}
	_, took := w.Cloud.End()
	assert.Equal(t, 3*time.Second, took, "lists go side by side")
	_, err := cloud.Instances(t.Context(), "us-central1-b", nil)
	assert.NoError(t, err)
	w.Advance(time.Minute)
	_, err = cloud.Instances(t.Context(), zoneA, nil)
	assert.NoError(t, err)
}

func TestLateFailuresAreReadAsTheClientReadsThem(t *testing.T) {
	for as, kind := range map[string]gce.Kind{
		"stockout": gce.Stockout, "quota": gce.Quota, "internal": gce.Unavailable, "preempted": gce.Preempted,
	} {
		w := New(Config{Timing: RealTiming()})
		do(t, w, "insert fail-operation as="+as)
		cloud := connect(t, w)
		_, err := cloud.Insert(t.Context(), specOf("vm-1"), requestID("vm-1"))
		require.NoError(t, err)
		w.Advance(time.Minute)
		ops, err := cloud.Operations(t.Context(), zoneA, time.Time{})
		require.NoError(t, err)
		require.Len(t, ops, 1)
		require.NotNil(t, ops[0].Error, as)
		assert.Equal(t, kind, ops[0].Error.Kind)
	}
}

func TestDeadServer(t *testing.T) {
	w := New(Config{Timing: RealTiming()})
	cloud, port := connect(t, w), newPort(w)
	w.Cloud.CrashAfter(2)
	w.Cloud.Begin()
	for i, name := range []string{"vm-1", "vm-2", "vm-3"} {
		_, err := cloud.Insert(t.Context(), specOf(name), requestID(name))
		assert.Equal(t, i == 2, err != nil)
	}
	_, err := cloud.Instances(t.Context(), zoneA, nil)
	assert.ErrorIs(t, err, errDead)
	_, err = port.Secret(t.Context(), Namespace, "token")
	assert.ErrorIs(t, err, errDead)
	effects, _ := w.Cloud.End()
	assert.Equal(t, 2, effects)
	assert.Len(t, w.GCE.Instances(), 2)
	w.Cloud.Begin()
	_, err = cloud.Instances(t.Context(), zoneA, nil)
	assert.NoError(t, err, "the next call is another server's")
}

func TestInsertThatIsRefusedDoesNotFailLate(t *testing.T) {
	w := New(Config{Timing: RealTiming()})
	insert(t, w, "vm-1")
	do(t, w, "insert fail-operation")
	_, err := connect(t, w).Insert(t.Context(), specOf("vm-1"), requestID("vm-2"))
	assert.Equal(t, gce.AlreadyExists, gce.KindOf(err))
	assert.Empty(t, w.Counts.Faults)
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{{}, {"insert"}, {"insert", "partial"}, {"list", "stockout-now"}, {"stop", "hang"}} {
		_, err := New(Config{Timing: RealTiming()}).Do(story.Command{Name: "gce", Args: args})
		assert.Error(t, err, "%v", args)
	}
	for option, value := range map[string]string{"n": "0", "for": "soon", "as": "magic"} {
		c := story.Command{Name: "gce", Args: []string{"insert", "fail-operation"}, Options: map[string]string{option: value}}
		_, err := New(Config{Timing: RealTiming()}).Do(c)
		assert.Error(t, err, option)
	}
}
