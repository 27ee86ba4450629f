package sim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const (
	pollInterval = 10 * time.Second // of the pool hook, while VMs exist
	restInterval = 5 * time.Minute  // of a pool at rest
)

// sleeper stands between Metacontroller and the hooks, and lets a pool at rest rest: one whose VMs are all wanted and ready,
// and whose status the hook just left as it was. The hook wants to look at GCE again after 10 s, and would find the same
// unless GCE did something. So the sleeper makes that 5 minutes, and when GCE does something to a VM it lets the hook look
// when it would have: at the end of the 10 s that are running then. Events of the API lead to a sync at once, as ever.
//
// What is lost: what a pool does because time has passed and nothing else has happened is up to 5 minutes late. For a pool
// at rest that is the end of a VM's run limit, and the look for VMs that nobody knows of.
type sleeper struct {
	world    *World
	hooks    http.Handler
	pool     Key
	sleeping time.Time // since when; zero: it does not
}

// letSleep puts a sleeper before the hooks of a world with this one pool.
func letSleep(w *World, pool Key) {
	s := &sleeper{world: w, hooks: w.Servers.handlers[0], pool: pool}
	w.Servers.handlers[0] = s
	w.GCE.Subscribe(s.wake)
}

// ServeHTTP lets the hooks answer, and puts off the next look.
func (s *sleeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.controller()
	if r.URL.Path != c.paths.sync {
		s.hooks.ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	s.hooks.ServeHTTP(recorder, r)
	body := recorder.Body.Bytes()
	var a answer
	s.sleeping = time.Time{}
	if recorder.Code == http.StatusOK && strictly(body, &a) == nil && a.ResyncAfterSeconds == pollInterval.Seconds() && s.rests(a) {
		s.sleeping = s.world.Clock.Now()
		a.ResyncAfterSeconds = restInterval.Seconds()
		body, _ = json.Marshal(a) // it was decoded just now
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(body) // into memory
}

// rests tells whether an answer is that of a pool at rest.
func (s *sleeper) rests(a answer) bool {
	r := s.world.API.Get(s.pool)
	if r == nil {
		return false
	}
	var status v1alpha1.SpotInstanceVMStatus
	mustDecode(a.Status, &status)
	status.ObservedGeneration = r.Object.GetGeneration()
	if !equality.Semantic.DeepEqual(status, As[*v1alpha1.SpotInstanceVM](r).Status) {
		return false
	}
	for _, entry := range status.ProvisionedInstances {
		if entry.State != v1alpha1.InstanceReady {
			return false
		}
	}
	return int(status.DesiredReplicas) == len(status.ProvisionedInstances)
}

// wake lets the hook look at what GCE did when it would have if it had looked every 10 s.
func (s *sleeper) wake(gcefake.Event) {
	if s.sleeping.IsZero() {
		return
	}
	passed := s.world.Clock.Now().Sub(s.sleeping)
	s.controller().queue.addAfter(s.pool, pollInterval-passed%pollInterval)
	s.sleeping = time.Time{}
}

// controller is that of pools.
func (s *sleeper) controller() *controller {
	for _, c := range s.world.Meta.controllers {
		if c.parentKind == s.pool.Kind {
			return c
		}
	}
	panic("no CompositeController of pools") // the manifests of this module
}
