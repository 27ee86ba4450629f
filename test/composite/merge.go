package composite

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// lastAppliedAnnotation holds, on every child, the child as the hook last described it.
const lastAppliedAnnotation = "metacontroller.k8s.io/last-applied-configuration"

// mergedChild returns the observed child with the desired changes: fields that the hook described before
// and no longer does are removed, described ones are set, all others stay. System metadata and status are
// never changed. So a child described by name only loses everything that was described before.
func mergedChild(observed, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	var last map[string]any
	if text := observed.GetAnnotations()[lastAppliedAnnotation]; text != "" {
		if err := kjson.Unmarshal([]byte(text), &last); err != nil {
			return nil, fmt.Errorf("annotation %s is not JSON: %w", lastAppliedAnnotation, err)
		}
	}
	unstructured.RemoveNestedField(desired.Object, "metadata", "annotations", lastAppliedAnnotation)

	child := &unstructured.Unstructured{Object: mergeObject(observed.DeepCopy().Object, last, runtime.DeepCopyJSON(desired.Object))}
	if err := restoreSystemFields(child, observed); err != nil {
		return nil, err
	}
	return child, setLastApplied(child, desired)
}

func setLastApplied(child, described *unstructured.Unstructured) error {
	text, err := json.Marshal(described.Object)
	if err != nil {
		return fmt.Errorf("can't encode last applied configuration: %w", err)
	}
	annotations := child.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[lastAppliedAnnotation] = string(text)
	child.SetAnnotations(annotations)
	return nil
}

// restoreSystemFields takes what only the API server or another controller may write from the observed child.
func restoreSystemFields(child, observed *unstructured.Unstructured) error {
	paths := [][]string{{"status"}}
	for _, field := range []string{
		"selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
		"deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
	} {
		paths = append(paths, []string{"metadata", field})
	}
	for _, path := range paths {
		value, found, err := unstructured.NestedFieldCopy(observed.Object, path...)
		if err != nil {
			return fmt.Errorf("can't read %v of the observed child: %w", path, err)
		}
		if !found {
			unstructured.RemoveNestedField(child.Object, path...)
			continue
		}
		if err := unstructured.SetNestedField(child.Object, value, path...); err != nil {
			return fmt.Errorf("can't keep %v of the observed child: %w", path, err)
		}
	}
	return nil
}

// merge applies the difference between last and desired to destination, which it may change and returns.
// Objects are merged by key, lists by their merge key if they have one; all other values are replaced.
// A value of another shape than the observed one counts as absent, as in Metacontroller.
func merge(destination, last, desired any) any {
	switch observed := destination.(type) {
	case map[string]any:
		lastMap, _ := last.(map[string]any)
		wanted, _ := desired.(map[string]any)
		return mergeObject(observed, lastMap, wanted)
	case []any:
		lastList, _ := last.([]any)
		wanted, _ := desired.([]any)
		return mergeList(observed, lastList, wanted)
	}
	return desired
}

func mergeObject(destination, last, desired map[string]any) map[string]any {
	for key := range last {
		if _, wanted := desired[key]; !wanted {
			delete(destination, key)
		}
	}
	for key, value := range desired {
		destination[key] = merge(destination[key], last[key], value)
	}
	return destination
}

func mergeList(destination, last, desired []any) []any {
	key := mergeKey(destination, last, desired)
	if key == "" {
		return desired
	}
	items := mergeObject(byKey(key, destination), byKey(key, last), byKey(key, desired))
	list := make([]any, 0, len(items))
	for _, item := range slices.Concat(destination, desired) {
		name := keyOf(key, item)
		if merged, ok := items[name]; ok {
			list = append(list, merged)
			delete(items, name)
		}
	}
	return list
}

// mergeKey guesses the field by which list items are told apart: the first of these names that every item
// of every list has. Empty means that the list is replaced as a whole.
func mergeKey(lists ...[]any) string {
	for _, key := range []string{"containerPort", "port", "mountPath", "name", "uid", "ip", "path"} {
		if everyItemHas(key, lists) {
			return key
		}
	}
	return ""
}

func everyItemHas(key string, lists [][]any) bool {
	seen := false
	for _, list := range lists {
		for _, item := range list {
			object, isObject := item.(map[string]any)
			if _, has := object[key]; !isObject || !has {
				return false
			}
			seen = true
		}
	}
	return seen
}

func byKey(key string, list []any) map[string]any {
	items := make(map[string]any, len(list))
	for _, item := range list {
		items[keyOf(key, item)] = item
	}
	return items
}

func keyOf(key string, item any) string { return fmt.Sprint(item.(map[string]any)[key]) }
