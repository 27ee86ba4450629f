package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// silentFor is a VM that was heard last so long ago.
func silentFor(d time.Duration) func(*machine) {
	return func(m *machine) {
		healthy(m)
		m.node.ready = false
		m.state, m.since = v1alpha1.InstanceNotReady, ago(d)
	}
}

func givenUp(m *machine) {
	silentFor(5 * time.Minute)(m)
	m.reason = v1alpha1.VMNodeNotReady
}

// One case for each line of the limits.
func TestWhoIsGivenUpForSilence(t *testing.T) {
	minute, moment := silentFor(time.Minute), silentFor(25*time.Second)
	calm := fleet{known: 100, silent: 2}
	mass := fleet{known: 100, silent: 33}
	type vms = []func(*machine)
	for name, c := range map[string]struct {
		vms   vms
		fleet fleet
		want  []int
	}{
		"one, for longer than the grace":                 {vms{moment}, calm, []int{0}},
		"one, for less":                                  {vms{silentFor(19 * time.Second)}, calm, nil},
		"silences of 20 s are usual: not yet":            {vms{moment}, fleet{known: 100, silent: 2, usual: 20 * time.Second}, nil},
		"silences of 20 s are usual: after 40 s":         {vms{silentFor(40 * time.Second)}, fleet{known: 100, silent: 2, usual: 20 * time.Second}, []int{0}},
		"silences of an hour are usual: after a minute":  {vms{minute}, fleet{known: 100, silent: 2, usual: time.Hour}, []int{0}},
		"of two in a small pool the one that was first":  {vms{moment, minute}, calm, []int{1}},
		"another one is given up already":                {vms{givenUp, minute}, calm, nil},
		"two of twenty":                                  {append(times20(healthy), minute, minute, minute), calm, []int{20, 21}},
		"GCE says that it stops":                         {vms{func(m *machine) { minute(m); m.status = "STOPPING" }}, calm, nil},
		"GCE has given notice":                           {vms{func(m *machine) { minute(m); m.told = true }}, calm, nil},
		"its zone is not read":                           {vms{func(m *machine) { minute(m); m.presence = unknown }}, calm, nil},
		"it has never joined":                            {vms{func(m *machine) { minute(m); m.joined = false }}, calm, nil},
		"three were given up in the last minute":         {vms{minute}, fleet{known: 100, silent: 2, lately: 3}, nil},
		"two were":                                       {vms{minute}, fleet{known: 100, silent: 2, lately: 2}, []int{0}},
		"the server has just started":                    {vms{minute}, fleet{known: 100, silent: 2, isNew: true}, nil},
		"given up by a call that the request lacks":      {vms{moment}, fleet{known: 100, silent: 2, lately: 3, claimed: map[string]bool{poolID.vmName(0): true}}, []int{0}},
		"the same, and its zone is not read":             {vms{func(m *machine) { moment(m); m.presence = unknown }}, fleet{known: 100, silent: 2, claimed: map[string]bool{poolID.vmName(0): true}}, []int{0}},
		"many are silent: for a minute":                  {vms{minute}, mass, nil},
		"many are silent: for five":                      {vms{silentFor(5 * time.Minute)}, mass, []int{0}},
		"many are silent, and one is given up elsewhere": {vms{silentFor(5 * time.Minute)}, fleet{known: 100, silent: 33, abandoned: 1}, nil},
		"ten of a hundred are not many":                  {vms{minute}, fleet{known: 100, silent: 10}, []int{0}},
		"two of two are not many":                        {vms{minute, minute}, fleet{known: 2, silent: 2}, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			var machines []machine
			for i, edit := range c.vms {
				machines = append(machines, vm(i, v1alpha1.InstanceReady, edit))
			}
			var want []string
			for _, ordinal := range c.want {
				want = append(want, poolID.vmName(ordinal))
			}
			require.Equal(t, want, toAbandon(facts(machines...), c.fleet))
		})
	}
}

func times20(edit func(*machine)) []func(*machine) {
	var edits []func(*machine)
	for range 20 {
		edits = append(edits, edit)
	}
	return edits
}

// A VM that is waited for serves; one that was given up does not, and goes when nothing is lost with it.
func TestSilentVMsServeAndGo(t *testing.T) {
	fresh := func(m *machine) { healthy(m); m.seen.created = ago(time.Minute) }
	old := func(m *machine) { healthy(m); m.seen.created = ago(time.Hour) }
	for name, c := range map[string]struct {
		silent, other func(*machine)
		trains        bool
		goes          bool
	}{
		"it trains, and a new VM is heard":           {givenUp, fresh, true, false},
		"nothing is on it, and a new VM is heard":    {givenUp, fresh, false, true},
		"nothing is on it, and old VMs are heard":    {givenUp, old, false, false},
		"it trains, for joinTimeout, a new is heard": {func(m *machine) { givenUp(m); m.since = ago(16 * time.Minute) }, fresh, true, true},
		"it trains, for joinTimeout, no new one is":  {func(m *machine) { givenUp(m); m.since = ago(16 * time.Minute) }, old, true, false},
		"nothing is on it, for joinTimeout":          {func(m *machine) { givenUp(m); m.since = ago(16 * time.Minute) }, old, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := vm(0, v1alpha1.InstanceNotReady, c.silent)
			if c.trains {
				m.pods = 1
			}
			got := advance(facts(m, vm(1, v1alpha1.InstanceReady, c.other)), m)
			require.Equal(t, c.goes, got.state == v1alpha1.InstanceDeleting, got.state)
		})
	}
	require.True(t, isSupply(facts(), vm(0, v1alpha1.InstanceNotReady, silentFor(time.Hour))))
	require.False(t, isSupply(facts(), vm(0, v1alpha1.InstanceNotReady, givenUp)))
}

// A Node often is Ready for a second or two, not Ready, and Ready again, before the list of its zone says RUNNING.
func TestVMThatBlinksWhileItStartsIsWaitedFor(t *testing.T) {
	for _, status := range []string{"RUNNING", "STAGING", "PROVISIONING"} {
		t.Run(status, func(t *testing.T) {
			o := facts(vm(0, v1alpha1.InstanceReady, func(m *machine) {
				silentFor(time.Second)(m)
				m.status = status
			}))
			d := decide(o)
			require.Equal(t, v1alpha1.InstanceNotReady, d.machines[0].state)
			require.Empty(t, d.machines[0].reason, "it serves")
		})
	}
}
