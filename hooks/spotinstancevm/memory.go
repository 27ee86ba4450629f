package spotinstancevm

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// How often all zones of the project are searched for VMs of a pool, besides at its first sync: such a list is one of
// GCE's expensive calls.
const (
	sweepEvery  = 10 * time.Minute
	sweepRetry  = time.Minute
	sweepShared = 5 * time.Minute // how old what another pool has read may be
)

// memory is what a hook server keeps of pools between calls. All of it can be lost.
type memory struct {
	mu    sync.Mutex
	pools map[types.UID]*remembered
}

type remembered struct {
	busy    bool
	working *account
	sweepAt time.Time // the next search
	zones   []string  // where the last sweep found VMs
}

func newMemory() *memory { return &memory{pools: map[types.UID]*remembered{}} }

func (m *memory) pool(uid types.UID) *remembered {
	if m.pools[uid] == nil {
		m.pools[uid] = &remembered{}
	}
	return m.pools[uid]
}

// enter claims a pool for one call. It is false while another call has it.
func (m *memory) enter(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(uid)
	if p.busy {
		return false
	}
	p.busy = true
	return true
}

// leave ends the claim; finished drops all that is kept of the pool.
func (m *memory) leave(uid types.UID, finished bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool(uid).busy = false
	if finished {
		delete(m.pools, uid)
	}
}

// account is the one that last worked.
func (m *memory) account(uid types.UID) (account, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	working := m.pool(uid).working
	if working == nil {
		return account{}, false
	}
	return *working, true
}

func (m *memory) worked(uid types.UID, a account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool(uid).working = &a
}

// sweepDue tells whether all zones should be searched now, and where VMs were found last.
func (m *memory) sweepDue(uid types.UID, now time.Time) (due bool, zones []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(uid)
	return !now.Before(p.sweepAt), slices.Clone(p.zones)
}

func (m *memory) swept(uid types.UID, now time.Time, zones []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(uid)
	p.sweepAt, p.zones = now.Add(sweepEvery), zones
}

func (m *memory) sweepFailed(uid types.UID, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool(uid).sweepAt = now.Add(sweepRetry)
}
