package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

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

func TestPoolsOfAnotherServerAreForgotten(t *testing.T) {
	m := newMemory()
	require.True(t, m.enter("ended", noon))
	m.leave("ended", false)
	require.True(t, m.enter("busy", noon))
	require.True(t, m.enter("pool", noon.Add(2*time.Hour)))
	assert.NotContains(t, m.pools, types.UID("ended"))
	assert.False(t, m.enter("busy", noon.Add(2*time.Hour)), "its call has not ended")
}

func TestPlanIsRemembered(t *testing.T) {
	o := observed{now: noon.Add(time.Minute), id: identity{namespace: "default", name: "pool", uid: "uid"}}
	plan := v1alpha1.VMInstanceStatus{Name: o.id.vmName(1), Zone: a, State: v1alpha1.InstancePlanned, Since: stamp(noon)}
	creating := v1alpha1.VMInstanceStatus{Name: o.id.vmName(0), Zone: b, State: v1alpha1.InstanceCreating, Since: stamp(noon)}
	m := newMemory()
	m.answered("pool", []v1alpha1.VMInstanceStatus{creating, plan})

	plans := plansOf(o, m.answer("pool"))
	require.Len(t, plans, 1)
	assert.Equal(t, plan.Name, plans[0].name)
	assert.Equal(t, a, plans[0].zone)
	assert.Empty(t, plans[0].written, "a request must show it before it is sent")
	assert.Empty(t, plansOf(o, m.answer("other")), "another pool")

	o.now = noon.Add(2 * time.Minute)
	assert.Empty(t, plansOf(o, m.answer("pool")), "by then a request shows it, or it was never written")
}
