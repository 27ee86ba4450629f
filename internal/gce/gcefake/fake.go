package gcefake

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Timings are the latencies of a Fake. A zero latency still passes through the clock: nothing changes within a call.
type Timings struct {
	Provision time.Duration // PROVISIONING to STAGING
	Stage     time.Duration // STAGING to RUNNING, which is when the insert operation is done
	Stockout  time.Duration // from an insert without capacity to its operation's failure
	Delete    time.Duration // from a delete to the VM's absence, which is when its operation is done
	Stop      time.Duration // STOPPING of a preempted, stopped or expired VM
	Notice    time.Duration // from the metadata's "preempted" to STOPPING, of VMs that asked for a notice
}

// RealTimings are of the order that users of GCE report: RUNNING after 20 s, stockouts after 20 s.
func RealTimings() Timings {
	return Timings{
		Provision: 5 * time.Second,
		Stage:     15 * time.Second,
		Stockout:  20 * time.Second,
		Delete:    30 * time.Second,
		Stop:      30 * time.Second,
		Notice:    gce.PreemptionNotice,
	}
}

// Config is what a Fake is made of.
type Config struct {
	Clock    Clock    // nil: RealClock
	Timings  Timings  // as given: zero latencies are zero
	Zones    []string // nil: us-central1-a, -b, -c and us-west1-b
	PageSize int      // most items on one page of a list over HTTP; 0: 500, as GCE
}

// Fake is the state machine. All its methods can be called at any time from any goroutine.
type Fake struct {
	clock    Clock
	timings  Timings
	zones    []string
	pageSize int

	mu         sync.Mutex
	capacity   map[string]int // by zone; absent: unlimited
	quotas     []Quota
	vms        []*vm        // in order of creation
	operations []*operation // in order of insertion
	requests   map[string]*operation
	scripts    []*script
	calls      map[Method]int
	lastID     uint64
	created    int // VMs, ever

	subscribers map[int]func(Event)
	lastSub     int
	pending     []Event
	delivering  bool
}

// New returns a Fake without VMs, whose zones have unlimited capacity.
func New(c Config) *Fake {
	if c.Clock == nil {
		c.Clock = RealClock{}
	}
	if c.Zones == nil {
		c.Zones = []string{"us-central1-a", "us-central1-b", "us-central1-c", "us-west1-b"}
	}
	if c.PageSize == 0 {
		c.PageSize = maxPage
	}
	return &Fake{
		clock: c.Clock, timings: c.Timings, zones: slices.Clone(c.Zones), pageSize: c.PageSize,
		capacity: map[string]int{}, requests: map[string]*operation{}, calls: map[Method]int{},
		subscribers: map[int]func(Event){}, lastID: 5_000_000_000_000_000_000,
	}
}

// SetCapacity limits how many spot VMs fit into a zone from now on. VMs that exist stay. A negative number is unlimited.
func (f *Fake) SetCapacity(zone string, vms int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity[zone] = vms
	if vms < 0 {
		delete(f.capacity, zone)
	}
}

// Calls is how often each method was called, refused and unanswered calls included. Over HTTP each page of a
// list counts.
func (f *Fake) Calls() map[Method]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.calls)
}

// Instances are all VMs of all projects that are not gone, in order of creation.
func (f *Fake) Instances() []VM {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]VM, len(f.vms))
	for i, v := range f.vms {
		all[i] = v.view()
	}
	return all
}

// Instance is the VM of this name, of any project and zone; the last created if there are several.
func (f *Fake) Instance(name string) (VM, bool) {
	all := f.Instances()
	for _, a := range slices.Backward(all) {
		if a.Name == name {
			return a, true
		}
	}
	return VM{}, false
}

// OperationsInFlight are the operations of all projects that are not done, in order of insertion.
func (f *Fake) OperationsInFlight() []gce.Operation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var open []gce.Operation
	for _, op := range f.operations {
		if !op.Done {
			open = append(open, op.view())
		}
	}
	return open
}

// lock runs change under the lock, then tells the subscribers what it changed.
func (f *Fake) lock(change func()) {
	f.mu.Lock()
	change()
	f.mu.Unlock()
	f.deliver()
}

// after runs change under the lock once d has passed, unless v's state has changed by then.
func (f *Fake) after(d time.Duration, v *vm, change func()) {
	v.cancel()
	generation := v.generation
	v.stopTimer = f.clock.AfterFunc(d, func() {
		f.lock(func() {
			if v.generation == generation {
				change()
			}
		})
	})
}

// now is the present in the form and precision of GCE's timestamps.
func (f *Fake) now() time.Time { return f.clock.Now().UTC().Truncate(time.Millisecond) }

func (f *Fake) nextID() uint64 {
	f.lastID += 1_000_003
	return f.lastID
}
