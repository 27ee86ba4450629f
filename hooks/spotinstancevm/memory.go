package spotinstancevm

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
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
	called  time.Time // last
	working *account
	sweepAt time.Time // the next search
	zones   []string  // where the last sweep found VMs
	sent    map[string]sentTo
	answer  []v1alpha1.VMInstanceStatus // the last one
	over    map[types.UID]bool          // Jobs that no attempt follows
}

// sentTo is where the insert of a VM was sent, and when.
type sentTo struct {
	zone string
	at   time.Time
}

// forgetPool is longer than a pool that exists is ever left alone.
const forgetPool = time.Hour

// rememberSent is how long lists may lag behind an insert.
const rememberSent = 2 * time.Minute

func newMemory() *memory { return &memory{pools: map[types.UID]*remembered{}} }

func (m *memory) pool(uid types.UID) *remembered {
	if m.pools[uid] == nil {
		m.pools[uid] = &remembered{}
	}
	return m.pools[uid]
}

// enter claims a pool for one call. It is false while another call has it. Pools that were not called for an hour are forgotten:
// another server has seen the end of them.
func (m *memory) enter(uid types.UID, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.pools, func(_ types.UID, p *remembered) bool { return !p.busy && now.Sub(p.called) > forgetPool })
	p := m.pool(uid)
	if p.busy {
		return false
	}
	p.busy, p.called = true, now
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

// send claims a VM's name for a zone. It tells the zone to which its insert was sent moments ago, if that was another one: of two
// plans for one name, the second was made before Metacontroller had shown the first, and lists may not show the VM yet.
func (m *memory) send(uid types.UID, name, zone string, now time.Time) (elsewhere string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(uid)
	maps.DeleteFunc(p.sent, func(_ string, s sentTo) bool { return now.Sub(s.at) >= rememberSent })
	if before, known := p.sent[name]; known && before.zone != zone {
		return before.zone
	}
	if p.sent == nil {
		p.sent = map[string]sentTo{}
	}
	p.sent[name] = sentTo{zone, now}
	return ""
}

// answered notes what the answer to a call says of the pool's VMs. A request may be older.
func (m *memory) answered(uid types.UID, entries []v1alpha1.VMInstanceStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool(uid).answer = entries
}

// answer is the last one.
func (m *memory) answer(uid types.UID) []v1alpha1.VMInstanceStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pool(uid).answer
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
