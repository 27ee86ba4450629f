package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Object is an API object of any kind, as its own type, with its TypeMeta set. Objects of an API are never changed: each
// write makes a new one.
type Object interface {
	metav1.Object
	runtime.Object
}

// Key names an object. Namespace is empty for a Node.
type Key struct{ Kind, Namespace, Name string }

// String is Kind/namespace/name.
func (k Key) String() string { return k.Kind + "/" + k.Namespace + "/" + k.Name }

func (k Key) less(o Key) bool {
	if k.Kind != o.Kind {
		return k.Kind < o.Kind
	}
	if k.Namespace != o.Namespace {
		return k.Namespace < o.Namespace
	}
	return k.Name < o.Name
}

// sortedKeys are the keys of a map, always in the same order.
func sortedKeys[V any](m map[Key]V) []Key {
	return slices.SortedFunc(maps.Keys(m), func(x, y Key) int {
		if x.less(y) {
			return -1
		}
		return 1
	})
}

func keyOf(o Object) Key {
	return Key{o.GetObjectKind().GroupVersionKind().Kind, o.GetNamespace(), o.GetName()}
}

// Record is one version of an object.
type Record struct {
	Key
	Object  Object
	Version uint64
	encoded []byte
}

// JSON is the object as the API server would send it.
func (r *Record) JSON() []byte {
	if r.encoded == nil {
		data, err := json.Marshal(r.Object)
		if err != nil {
			panic(fmt.Errorf("encode %s: %w", r.Key, err)) // these types always encode
		}
		r.encoded = data
	}
	return r.encoded
}

// As is the object of a record as its own type.
func As[T Object](r *Record) T { return r.Object.(T) }

// owner is the controller of an object, or nil.
func (r *Record) owner() *metav1.OwnerReference { return metav1.GetControllerOf(r.Object) }
