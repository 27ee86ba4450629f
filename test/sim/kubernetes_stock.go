package sim

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// stock is the newest versions of all objects of one kind, by namespace and name. Whoever writes while walking over it
// walks over a copy.
type stock struct {
	kind    string
	records []*Record
}

func newStock(w *World, kind string) *stock {
	s := &stock{kind: kind}
	w.API.Watch(s.see)
	return s
}

func (s *stock) see(change Change) {
	r := change.Record()
	if r.Kind != s.kind {
		return
	}
	at, found := slices.BinarySearchFunc(s.records, r.Key, func(known *Record, k Key) int {
		return cmp.Or(cmp.Compare(known.Namespace, k.Namespace), cmp.Compare(known.Name, k.Name))
	})
	switch {
	case change.New == nil && found:
		s.records = slices.Delete(s.records, at, at+1)
	case change.New != nil && found:
		s.records[at] = r
	case change.New != nil:
		s.records = slices.Insert(s.records, at, r)
	}
}

// podsOn are the pods of a stock that are bound to a Node.
func (s *stock) podsOn(node string) []*corev1.Pod {
	var found []*corev1.Pod
	for _, r := range s.records {
		if pod := As[*corev1.Pod](r); pod.Spec.NodeName == node {
			found = append(found, pod)
		}
	}
	return found
}
