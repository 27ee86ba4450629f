package sim

import (
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Held is how well somebody who wants one VM all the time had one. Nobody trains.
type Held struct {
	Zones   []string
	Lasted  time.Duration
	Ideal   time.Duration // in which at least one of the zones had room for a VM
	Ready   time.Duration // in which a VM was ready
	Losses  int           // VMs that were preempted
	Inserts int           // VMs that were asked for
	Failed  int           // of them: never RUNNING
}

// OfIdeal is the time with a ready VM by the time in which there could have been one, from 0 to 1.
func (h Held) OfIdeal() float64 { return float64(h.Ready) / float64(h.Ideal) }

// Replay are the circumstances in which a trace, without its gaps, is replayed once: from an insert to the Node it takes
// 20.5 s and then 120 s in the mean.
func Replay(trace Trace, seed uint64) Circumstances {
	const boot = 120 * time.Second * 8 / 9 // up to a quarter more, by chance
	trace = trace.Even()
	return Circumstances{Seed: seed, Trace: trace, Lasts: trace.Lasts(), Boot: boot, Notice: gce.PreemptionNotice}
}

// Hold keeps a pool of one replica in the zones, the preferred one first. A VM is ready when the pool's status says so.
func Hold(c Circumstances, zones []string) (Held, error) {
	const pool = "spot"
	h := newHolder(c)
	if !c.Restless {
		letSleep(h.world)
	}
	_, err := h.world.Do(story.Command{Name: "pool", Args: []string{pool}, Options: map[string]string{
		"zones": strings.Join(zones, ","), "notice": c.Notice.String(), "replicas": "1",
	}})
	if err != nil {
		return Held{}, err
	}
	return h.run(c, zones, func() bool {
		r := h.world.API.Get(Key{"SpotInstanceVM", Namespace, pool})
		return As[*v1alpha1.SpotInstanceVM](r).Status.ReadyReplicas > 0
	}), nil
}

// HoldSameZone is the naive policy: whenever it has no VM it asks the same zone again, within 10 s. That is what the first
// operator does, see original. A VM is ready when its Node is.
func HoldSameZone(c Circumstances, zone string) Held {
	h := newHolder(c)
	o := newOriginal(h.world, Policy{Replicas: 1, Zones: []string{zone}, Operator: Nursed})
	o.poll()
	return h.run(c, []string{zone}, func() bool { return o.isReady(o.slots[0].vm) })
}

// holder measures how long a VM is ready.
type holder struct {
	world  *World
	market *market
	ran    map[string]bool // by ID of the VM
	failed int
}

func newHolder(c Circumstances) *holder {
	h := &holder{ran: map[string]bool{}}
	h.world, h.market = worldOf(c)
	h.world.GCE.Subscribe(h.handle)
	return h
}

// handle counts the VMs that go without having run.
func (h *holder) handle(event gcefake.Event) {
	switch {
	case event.Kind == gcefake.Running:
		h.ran[event.VM.ID] = true
	case event.Kind == gcefake.Gone && !h.ran[event.VM.ID]:
		h.failed++
	}
}

// run lets the time of the circumstances pass. Between two steps of the world nothing changes.
func (h *holder) run(c Circumstances, zones []string, isReady func() bool) Held {
	var ready time.Duration
	was, looked := false, h.world.start
	pass(h.world, h.world.start.Add(c.Lasts), func() {
		now := h.world.Clock.Now()
		if was {
			ready += now.Sub(looked)
		}
		was, looked = isReady(), now
	})
	return Held{
		Zones: zones, Lasted: c.Lasts, Ideal: time.Duration(c.Trace.Available(zones, 1, c.Lasts) * float64(c.Lasts)), Ready: ready,
		Losses: h.market.preemptions, Inserts: h.world.GCE.Calls()[gcefake.Insert], Failed: h.failed,
	}
}
