package composite

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// groups holds objects by group, version and kind, and within one by "namespace/name", or by "name" where
// there is no namespace. Two objects of one name collapse into the later one, as in Metacontroller.
type groups map[schema.GroupVersionKind]map[string]*unstructured.Unstructured

// declare makes sure that the group is present, even if it stays empty: hooks rely on it.
func (g groups) declare(gvk schema.GroupVersionKind) {
	if g[gvk] == nil {
		g[gvk] = map[string]*unstructured.Unstructured{}
	}
}

func (g groups) add(obj *unstructured.Unstructured) {
	gvk := obj.GroupVersionKind()
	g.declare(gvk)
	g[gvk][qualifiedName(obj)] = obj
}

// kinds returns the groups in the order in which Metacontroller works them off.
func (g groups) kinds() []schema.GroupVersionKind {
	return slices.SortedFunc(maps.Keys(g), func(a, b schema.GroupVersionKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Kind, b.Kind))
	})
}

// wireGroups is the form of groups inside a hook request: {"Job.batch/v1": {"ns/name": {…}}, "Pod.v1": {}}.
type wireGroups map[string]map[string]*unstructured.Unstructured

// wire encodes the groups for one version of the hook protocol. Version v2 sends everything by qualified
// name. Version v1 names objects relative to the parent, and to a namespaced parent it does not send
// cluster-scoped objects nor those of other namespaces.
func (g groups) wire(version string, parent *unstructured.Unstructured) wireGroups {
	out := wireGroups{}
	for gvk, objects := range g {
		group := map[string]*unstructured.Unstructured{}
		for name, obj := range objects {
			if version == versionV2 {
				group[name] = obj
				continue
			}
			if parent.GetNamespace() != "" && parent.GetNamespace() != obj.GetNamespace() {
				continue
			}
			group[relativeName(parent, obj)] = obj
		}
		out[groupKey(gvk)] = group
	}
	return out
}

func groupKey(gvk schema.GroupVersionKind) string {
	return gvk.Kind + "." + gvk.GroupVersion().String()
}

func qualifiedName(obj *unstructured.Unstructured) string {
	if obj.GetNamespace() == "" {
		return obj.GetName()
	}
	return obj.GetNamespace() + "/" + obj.GetName()
}

func relativeName(parent, obj *unstructured.Unstructured) string {
	if parent.GetNamespace() == "" {
		return qualifiedName(obj)
	}
	return obj.GetName()
}
