package composite

import (
	"math/rand/v2"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// staleParents plays a cache that lags behind: with the given probability a sync sees the parent as it was
// before its last update. The zero value never does.
type staleParents struct {
	probability float64
	before      sync.Map // types.UID → *unstructured.Unstructured
}

func (s *staleParents) remember(old *unstructured.Unstructured) {
	if s.probability > 0 {
		s.before.Store(old.GetUID(), old)
	}
}

// pick returns the cached parent or, once per update, the one before it.
func (s *staleParents) pick(cached *unstructured.Unstructured) *unstructured.Unstructured {
	if s.probability == 0 || rand.Float64() >= s.probability {
		return cached
	}
	old, ok := s.before.LoadAndDelete(cached.GetUID())
	if !ok {
		return cached
	}
	return old.(*unstructured.Unstructured)
}
