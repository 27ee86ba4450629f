package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestInsertIsSentToOneZone(t *testing.T) {
	m := newMemory()
	assert.Empty(t, m.send("pool", "vm-0", a, noon))
	assert.Empty(t, m.send("pool", "vm-0", a, noon.Add(time.Minute)), "to send it again is safe: its request id is the same")
	assert.Equal(t, a, m.send("pool", "vm-0", b, noon.Add(2*time.Minute)))
	assert.Empty(t, m.send("pool", "vm-1", b, noon), "another VM")
	assert.Empty(t, m.send("other", "vm-0", b, noon), "another pool")
	assert.Empty(t, m.send("pool", "vm-0", b, noon.Add(3*time.Minute)), "by then lists show what became of it")
}

func TestPlanIsRemembered(t *testing.T) {
	m := newMemory()
	plan := machine{name: "vm-1", ordinal: 1, zone: a, state: v1alpha1.InstancePlanned, since: noon, requestID: "id", recorded: true, presence: absent}
	m.plan("pool", []machine{{name: "vm-0", state: v1alpha1.InstanceCreating, since: noon}, plan})
	plan.recorded, plan.presence = false, unknown
	assert.Equal(t, []machine{plan}, m.plans("pool", noon.Add(time.Minute)), "a request must show it before it is sent")
	assert.Empty(t, m.plans("pool", noon.Add(2*time.Minute)), "by then a request shows it, or it was never written")
	assert.Empty(t, m.plans("other", noon), "another pool")
	m.plan("pool", nil)
	assert.Empty(t, m.plans("pool", noon), "it was dropped since")
}
