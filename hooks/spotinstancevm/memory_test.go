package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
