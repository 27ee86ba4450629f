package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// west is a zone of another region than zoneA and zoneB.
const west = "us-west1-b"

// refuse lets a zone refuse all inserts, and returns how to end that.
func (w *world) refuse(zone string, refusal gcefake.Refusal) (relent func()) {
	return w.gce.When(gcefake.Call{Method: gcefake.Insert, Zone: zone}, gcefake.Refuses(refusal))
}

// readyIn is how long it takes until so many VMs are Ready.
func (w *world) readyIn(vms int32) time.Duration {
	w.Helper()
	begun := w.clock.Now()
	for w.pool.Status.ReadyReplicas < vms {
		require.Less(w, w.clock.Now().Sub(begun), 2*time.Hour, "they never come")
		w.run(time.Second)
	}
	return w.clock.Now().Sub(begun)
}

// Whatever a zone says no with, the VMs come from the next. A VM is Ready 7 s after its insert here.
func TestZoneThatRefusesForEver(t *testing.T) {
	for _, refusal := range gcefake.Refusals() {
		t.Run(string(refusal), func(t *testing.T) {
			w := newWorld(t, fixed(2), inZones(zoneA, west))
			w.refuse(zoneA, refusal)
			isOpen := !refusal.IsLate() && refusal.Kind() == gce.Unavailable && refusal != gcefake.NotReady
			switch within := w.readyIn(2); {
			case isOpen:
				require.LessOrEqual(t, within, 2*time.Minute)
			case refusal == gcefake.TooManyCalls:
				require.LessOrEqual(t, within, 30*time.Second)
			default:
				require.LessOrEqual(t, within, 12*time.Second)
				require.Equal(t, 3, w.inserts(), "one in the first zone")
			}
			for _, vm := range w.gce.Instances() {
				require.Equal(t, west, vm.Zone)
			}
			refusing := w.pool.Status.Zones[0]
			require.NotNil(t, refusing.BlockedUntil)
			require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionSpecValid).Status)
			require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionVMsJoining).Status)
			require.Equal(t, v1alpha1.PoolReady, w.pool.Status.Phase)
			if refusal.Kind() != gce.Stockout {
				require.NotEmpty(t, refusing.Message)
			}
			if isOwn(refusal.Kind()) {
				require.Contains(t, w.condition(v1alpha1.ConditionCapacityAvailable).Message, refusing.Message)
			}
			before := w.inserts()
			w.run(10 * time.Minute)
			require.Equal(t, before, w.inserts(), "nobody asks for more")

			require.NoError(t, w.gce.PreemptWithoutNotice(w.vmNames()[0]))
			w.run(time.Second)
			require.LessOrEqual(t, w.readyIn(2), 2*time.Minute, "and a preemption in the second zone costs no hour")
			w.run(10 * time.Minute)
			w.settled()
		})
	}
}

// isOwn tells whether a refusal is told also while other zones have VMs.
func isOwn(kind gce.Kind) bool { return kind != gce.Stockout && kind != gce.Quota }

// A wrong image is refused everywhere: each zone is asked once, then the pool as a whole backs off.
func TestSpecIsToBlameOnceEveryZoneHasRefused(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB, west))
	relent := w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(gce.Error{
		Kind: gce.NotFound, Code: "notFound", HTTPStatus: 404, Message: "The resource 'projects/acme/global/images/ubuntu-2404-gpu' was not found",
	}))
	w.run(50 * time.Second)
	require.Equal(t, 3, w.inserts(), "each zone once")
	spec := w.condition(v1alpha1.ConditionSpecValid)
	require.Equal(t, v1alpha1.ReasonRefusedByGCE, spec.Reason)
	require.Contains(t, spec.Message, "spec.vmImage")
	require.Contains(t, spec.Message, "global/images/ubuntu-2404-gpu' was not found")
	require.Equal(t, v1alpha1.PoolInvalid, w.pool.Status.Phase)
	w.settled()
	w.run(6 * time.Hour)
	require.LessOrEqual(t, w.inserts(), 3+6+11+3*6, "the back-off goes on, and each zone is asked again every hour")
	require.Equal(t, v1alpha1.ReasonRefusedByGCE, w.condition(v1alpha1.ConditionSpecValid).Reason)

	relent()
	w.run(31 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionSpecValid).Status)
}

// An edit may be what the zone waits for.
func TestEditAsksARefusingZoneAgain(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	relent := w.refuse(zoneA, gcefake.AcceleratorNotFound)
	w.run(20 * time.Second)
	require.Equal(t, zoneB, w.gce.Instances()[0].Zone)
	relent()
	w.pool.Generation++
	w.pool.Spec.Replicas = new(int32(2))
	w.run(20 * time.Second)
	require.Equal(t, zoneA, w.gce.Instances()[1].Zone)
}

// Of a region that lacks a subnetwork one zone is asked, and then the next region. If there is none, the spec is to blame.
func TestRefusalOfARegion(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB, west))
	w.refuse("", gcefake.SubnetworkNotFound)
	relent := w.gce.When(gcefake.Call{Method: gcefake.Insert, Zone: west}, gcefake.Behaviour{})
	w.run(20 * time.Second)
	require.Equal(t, 2, w.inserts())
	require.Equal(t, west, w.gce.Instances()[0].Zone)
	for _, zone := range w.pool.Status.Zones[:2] {
		require.NotNil(t, zone.BlockedUntil, zone.Zone)
		require.Contains(t, zone.Message, "regions/us-central1/subnetworks")
	}
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionSpecValid).Status)
	relent()
	require.NoError(t, w.gce.Crash(w.gce.Instances()[0].Name))
	w.run(20 * time.Second)
	require.Equal(t, 3, w.inserts())
	require.Contains(t, w.condition(v1alpha1.ConditionSpecValid).Message, "spec.gcp.subnetwork: GCE refused to insert "+w.vm(2)+" in "+west)
	w.run(6 * time.Hour)
	require.LessOrEqual(t, w.inserts(), 3+6+11+2*6, "the back-off goes on, and one zone of each region is asked again every hour")
	w.settled()
}

// No zone offers the machine type: the user has to choose another, and is told so.
func TestMachineTypeThatNoZoneOffers(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.FailsInOperation(gce.Error{
		Kind: gce.Unsupported, Code: "MACHINE_TYPE_UNSUPPORTED", HTTPStatus: 400, Message: "Machine type n1-standard-4 is not offered here.",
	}))
	w.run(30 * time.Second)
	require.Equal(t, 2, w.inserts())
	require.Contains(t, w.condition(v1alpha1.ConditionSpecValid).Message, "spec.gcp.machineType: ")
	require.Contains(t, w.condition(v1alpha1.ConditionSpecValid).Message, "is not offered here")
	w.settled()
}

// A quota that all regions share is asked for once, and not in the next region.
func TestQuotaOfAllRegions(t *testing.T) {
	for name, words := range map[string]string{
		"of CPUs":          "Quota 'CPUS_ALL_REGIONS' exceeded.  Limit: 32.0 globally.",
		"of another thing": "Quota 'SNAPSHOTS' exceeded.  Limit: 10.0 globally.",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1), inZones(zoneA, west))
			w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.FailsInOperation(gce.Error{Kind: gce.Quota, Code: "QUOTA_EXCEEDED", HTTPStatus: 403, Message: words}))
			w.run(4 * time.Minute)
			require.Equal(t, 1, w.inserts())
			require.Equal(t, metav1.ConditionFalse, w.condition(v1alpha1.ConditionCapacityAvailable).Status)
		})
	}
}

// No zone that is left can be asked, and one of them is merely full: the spec is not to blame, and Google's words are told.
func TestRefusalBesideAStockout(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.refuse(zoneA, gcefake.LocationForbidden)
	w.gce.SetCapacity(zoneB, 0)
	w.run(time.Minute)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionSpecValid).Status)
	capacity := w.condition(v1alpha1.ConditionCapacityAvailable)
	require.Equal(t, v1alpha1.ReasonZonesExhausted, capacity.Reason)
	require.Contains(t, capacity.Message, "constraints/gcp.resourceLocations")
	require.Equal(t, v1alpha1.PoolDegraded, w.pool.Status.Phase)
	w.gce.SetCapacity(zoneB, -1)
	w.run(4 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}

// What became of an insert is told as unknown, in Google's words, until its zone has shown for long enough that nothing did.
func TestInsertThatIsNeverAnswered(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA))
	relent := w.refuse(zoneA, gcefake.LocationUnavailable)
	w.run(25 * time.Second)
	require.Equal(t, metav1.ConditionTrue, w.condition(v1alpha1.ConditionCapacityAvailable).Status, "it may be a moment's trouble")
	w.run(20 * time.Second)
	capacity := w.condition(v1alpha1.ConditionCapacityAvailable)
	require.Equal(t, v1alpha1.ReasonNoAnswer, capacity.Reason)
	require.Contains(t, capacity.Message, "The service is currently unavailable for location us-central1-a")
	require.Equal(t, v1alpha1.PoolDegraded, w.pool.Status.Phase)
	tries := w.inserts()
	w.run(30 * time.Second)
	require.Equal(t, tries, w.inserts(), "it is looked for, and not sent again")
	require.Equal(t, v1alpha1.InstancePlanned, w.entry(w.vm(0)).State)
	w.run(30 * time.Second)
	require.Equal(t, v1alpha1.InstanceGone, w.entry(w.vm(0)).State)
	require.Equal(t, v1alpha1.ReasonZonesExhausted, w.condition(v1alpha1.ConditionCapacityAvailable).Reason)
	require.Contains(t, w.condition(v1alpha1.ConditionCapacityAvailable).Message, "currently unavailable for location")
	w.run(2 * time.Hour)
	require.LessOrEqual(t, w.inserts(), 220, "seven tries every four and a half minutes")
	relent()
	w.run(5 * time.Minute)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	require.NotContains(t, w.vmNames(), w.vm(0), "its name was asked for, so it is used up")
}

// GCE takes an insert that was given up long after its last try: there is one VM too many, which goes.
func TestInsertThatTakesEffectAfterItWasGivenUp(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.sync()
	planned := w.pool
	relent := w.refuse(zoneA, gcefake.BackendError)
	w.readyIn(1)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
	relent()
	now := w.pool
	w.pool = planned
	w.pool.Spec.Replicas = new(int32(2))
	w.restart()
	w.sync() // GCE takes it
	require.Len(t, w.gce.Instances(), 2)
	w.pool = now
	w.restart()
	w.run(time.Minute)
	require.Equal(t, []string{w.vm(1)}, w.vmNames())
	w.settled()
}

// A zone whose API takes no more calls holds up no VM that another zone would take. Where there is no other it is asked again soon, and
// not all the time.
func TestInsertsThatAreTooMany(t *testing.T) {
	tooMany := gcefake.Refused(gce.Error{Kind: gce.RateLimited, Code: "rateLimitExceeded", HTTPStatus: 403, Message: "Rate Limit Exceeded"})
	t.Run("another zone takes them", func(t *testing.T) {
		w := newWorld(t, fixed(2), inZones(zoneA, zoneB))
		w.gce.When(gcefake.Call{Method: gcefake.Insert, Zone: zoneA}, tooMany)
		require.LessOrEqual(t, w.readyIn(2), 30*time.Second)
		for _, vm := range w.gce.Instances() {
			require.Equal(t, zoneB, vm.Zone)
		}
		w.run(5 * time.Minute)
		w.settled()
	})
	t.Run("there is no other", func(t *testing.T) {
		w := newWorld(t, fixed(1), inZones(zoneA))
		relent := w.gce.When(gcefake.Call{Method: gcefake.Insert}, tooMany)
		w.run(5 * time.Second)
		require.Contains(t, w.condition(v1alpha1.ConditionCapacityAvailable).Message, "us-central1-a (RateLimited: Rate Limit Exceeded)")
		w.run(time.Hour)
		require.LessOrEqual(t, w.inserts(), 4*60+1)
		relent()
		require.LessOrEqual(t, w.readyIn(1), 30*time.Second)
		w.settled()
	})
}

// The operations of an insert tell what status has forgotten.
func TestFailedInsertThatStatusForgot(t *testing.T) {
	w := newWorld(t, fixed(1), inZones(zoneA, zoneB))
	w.refuse(zoneA, gcefake.FailedInternally)
	w.sync()
	w.sync()
	w.clock.Advance(2 * time.Second)
	w.pool.Status = v1alpha1.SpotInstanceVMStatus{}
	w.restart()
	w.run(20 * time.Second)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
	require.Equal(t, 2, w.inserts())
}

// GCE may call a VM not ready to be deleted, such as one that is being created: it is asked again, and not all the time.
func TestDeleteOfAVMThatIsNotReady(t *testing.T) {
	w := ready(t, 1)
	relent := w.gce.When(gcefake.Call{Method: gcefake.Delete}, gcefake.RefusesDelete())
	w.demand(0)
	w.run(6 * time.Minute)
	require.Len(t, w.gce.Instances(), 1)
	require.Equal(t, v1alpha1.InstanceDeleting, w.entry(w.vm(0)).State)
	before := w.gce.Calls()[gcefake.Delete]
	require.Positive(t, before)
	w.run(time.Minute)
	require.LessOrEqual(t, w.gce.Calls()[gcefake.Delete]-before, 13)
	relent()
	w.run(20 * time.Second)
	require.Empty(t, w.gce.Instances())
	require.Equal(t, v1alpha1.VMNotNeeded, w.entry(w.vm(0)).Reason)
}

// What would be refused in the same way with each new name is not asked 2.5 times a second.
func TestRefusalsThatGoOnHaveABrake(t *testing.T) {
	for name, test := range map[string]struct {
		refusal   gce.Error
		condition string
		says      string
	}{
		"each name is taken": {
			gce.Error{Kind: gce.AlreadyExists, Code: "alreadyExists", HTTPStatus: 409, Message: "The resource already exists"},
			v1alpha1.ConditionVMsJoining, "delete the VMs of these names in project acme",
		},
		"the notice, though there is none": {
			gce.Error{Kind: gce.NoticeRefused, Code: "invalid", HTTPStatus: 400, Message: "Invalid value for field 'resource.scheduling.preemptionNoticeDuration'"},
			v1alpha1.ConditionSpecValid, "spec.preemptionNotice",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed(1))
			relent := w.gce.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refused(test.refusal))
			w.run(30 * time.Second)
			require.LessOrEqual(t, w.inserts(), 3)
			require.Equal(t, metav1.ConditionFalse, w.condition(test.condition).Status)
			require.Contains(t, w.condition(test.condition).Message, test.says)
			w.run(3 * time.Hour)
			require.LessOrEqual(t, w.inserts(), 40)
			relent()
			w.run(35 * time.Minute)
			require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
			w.settled()
		})
	}
}
