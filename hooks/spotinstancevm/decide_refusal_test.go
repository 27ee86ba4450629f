package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// refusedWith is the end of an insert whose operation failed with these words.
func refusedWith(kind gce.Kind, words string) func(*machine) {
	return inserted(gce.Operation{Name: "operation-1", Done: true, Error: &gce.Error{Kind: kind, Message: words}})
}

// The zones are a and b of one region, and w of another. What VM 0 is refused for in a is decided.
func TestWhoseNoARefusalIs(t *testing.T) {
	const zones, spec = "Unsupported", "NotFound"
	goneIn := func(ordinal int, zone, reason string, since time.Duration) machine {
		return vm(ordinal, v1alpha1.InstanceGone, because(reason), lasting(since), func(m *machine) { m.zone = zone })
	}
	refusing := func(indices ...int) func(*observed) {
		return func(o *observed) {
			for _, i := range indices {
				o.zones[i].block = block{until: noon.Add(time.Minute), reason: "Unsupported"}
			}
		}
	}
	for name, test := range map[string]struct {
		others []machine
		world  func(*observed)
		want   string
	}{
		"no other zone has refused":                {want: zones},
		"one other has":                            {world: refusing(1), want: zones},
		"all others have, as status has it":        {world: refusing(1, 2), want: spec},
		"all others have, in the same sync":        {others: []machine{goneIn(1, b, "", 0), goneIn(2, w, "", 0)}, want: spec},
		"another was to blame the spec for lately": {world: refusing(1), others: []machine{goneIn(3, w, "Invalid", 59*time.Minute)}, want: spec},
		"that is long ago":                         {world: refusing(1), others: []machine{goneIn(3, w, "Invalid", 2*time.Hour)}, want: zones},
		"another has no place":                     {world: refusing(1), others: []machine{goneIn(3, w, "Stockout", time.Minute)}, want: zones},
		"another takes VMs":                        {world: refusing(1), others: []machine{vm(3, v1alpha1.InstanceReady, inZone(w, healthy))}, want: zones},
		"another is not read":                      {world: func(o *observed) { refusing(1)(o); o.zones[2].read = false }, want: zones},
		"another is of no interest any more":       {world: func(o *observed) { refusing(1)(o); o.zones[2].wanted = false }, want: spec},
		"the others refused an earlier spec":       {world: func(o *observed) { refusing(1, 2)(o); o.edited = true }, want: zones},
		"the only zone":                            {world: func(o *observed) { o.zones = o.zones[:1] }, want: spec},
	} {
		t.Run(name, func(t *testing.T) {
			machines := []machine{vm(0, v1alpha1.InstanceCreating, failed(gce.NotFound))}
			for _, m := range test.others {
				if m.reason == "" {
					m.state, m.insert = v1alpha1.InstanceCreating, machines[0].insert
				}
				machines = append(machines, m)
			}
			o := inZones([]string{a, b, w}, machines...)
			o.wants = replicas(1)
			if test.world != nil {
				test.world(&o)
			}
			d := decide(o)
			require.Equal(t, test.want, d.machines[0].reason)
			require.Equal(t, test.want == spec, d.refusal != nil, "SpecValid")
			require.Equal(t, test.want == spec, o.now.Before(d.starts.until()), "the pool waits")
			o.machines, o.edited = d.machines, false
			require.Equal(t, test.want, decide(o).machines[0].reason, "it is not decided twice")
		})
	}
}

// What failed inserts say against the zones a, b (of the same region) and w, besides what TestZones tells.
func TestWhatFailedInsertsSayAgainstZones(t *testing.T) {
	blocked := func(reason, words string, d time.Duration) block {
		return block{until: noon.Add(d - time.Minute), reason: reason, message: words}
	}
	for name, test := range map[string]struct {
		reason string
		with   gce.Kind
		words  string
		world  func(*observed)
		want   []block
	}{
		"one zone's no":                  {"Unsupported", gce.NotFound, "no such type in zone a", nil, []block{blocked("Unsupported", "no such type in zone a", time.Hour), {}, {}}},
		"no of the region":               {"Unsupported", gce.NotFound, "no regions/us-central1/subnetworks/x", nil, []block{blocked("Unsupported", "no regions/us-central1/subnetworks/x", time.Hour), blocked("Unsupported", "no regions/us-central1/subnetworks/x", time.Hour), {}}},
		"no to the spec":                 {"NotFound", gce.NotFound, "no such image", nil, []block{{}, {}, {}}},
		"an operation that failed":       {"Unavailable", gce.Unavailable, "Internal error", nil, []block{blocked("Unavailable", "Internal error", 3*time.Minute), {}, {}}},
		"an operation at too high rates": {"RateLimited", gce.RateLimited, "too frequent", nil, []block{blocked("RateLimited", "too frequent", 3*time.Minute), {}, {}}},
		"an insert that came to nothing": {"Unavailable", "", "", func(o *observed) { o.zones[0].block = block{reason: "Unavailable", message: "Backend Error"} }, []block{blocked("Unavailable", "Backend Error", 3*time.Minute), {}, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstanceGone, because(test.reason), lasting(time.Minute))
			if test.with != "" {
				refusedWith(test.with, test.words)(&m)
			}
			o := inZones([]string{a, b, w}, m)
			if test.world != nil {
				test.world(&o)
			}
			d := decide(o)
			for i, want := range test.want {
				require.Equal(t, want, d.zones[i].block, d.zones[i].name)
			}
			require.Equal(t, isSpecRefusal(test.reason), len(d.starts.rounds) == 1, "a failed start")
		})
	}
}

// An insert that GCE has not answered is repeated for 30 s, looked for during a minute, and then given up.
func TestUnansweredInserts(t *testing.T) {
	for name, test := range map[string]struct {
		since  time.Duration
		facts  func(*machine)
		world  func(*observed)
		state  v1alpha1.InstanceState
		reason string
		sent   bool
		zone   string // of a new plan
	}{
		"it is repeated":                      {since: 29 * time.Second, state: v1alpha1.InstancePlanned, reason: "Unavailable", sent: true},
		"it is looked for":                    {since: 30 * time.Second, state: v1alpha1.InstancePlanned, reason: "Unavailable"},
		"it is looked for still":              {since: 89 * time.Second, state: v1alpha1.InstancePlanned, reason: "Unavailable"},
		"it came to nothing":                  {since: 90 * time.Second, state: v1alpha1.InstanceGone, reason: "Unavailable", zone: b},
		"its zone is not read":                {since: time.Hour, facts: unreadable, world: func(o *observed) { o.zones[0].read = false }, state: v1alpha1.InstanceUnknown},
		"it is under way":                     {since: 90 * time.Second, facts: inserted(gce.Operation{}), state: v1alpha1.InstanceCreating},
		"there it is":                         {since: 90 * time.Second, facts: status("PROVISIONING"), state: v1alpha1.InstanceCreating},
		"its zone was blocked, and it may be": {since: time.Minute, world: func(o *observed) { o.zones[0].block = block{until: noon.Add(time.Minute), reason: "Stockout"} }, state: v1alpha1.InstancePlanned, reason: "Unavailable"},
		"its pool is deleted":                 {since: time.Hour, world: func(o *observed) { o.finalizing = true }, state: v1alpha1.InstanceDeleting, reason: v1alpha1.VMPoolDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstancePlanned, because("Unavailable"), lasting(test.since))
			if test.facts != nil {
				test.facts(&m)
			}
			o := facts(m)
			o.wants = replicas(1)
			if test.world != nil {
				test.world(&o)
			}
			d := decide(o)
			require.Equal(t, test.state, d.machines[0].state)
			require.Equal(t, test.reason, d.machines[0].reason)
			require.Equal(t, test.sent, len(d.operations) == 1 && d.operations[0].verb == insertVM)
			_, zones := plans(d)
			if test.zone != "" {
				require.Equal(t, []string{test.zone}, zones)
			}
		})
	}
}
