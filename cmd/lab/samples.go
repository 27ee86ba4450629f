package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// sampleInterval is the checkpoint interval that the lab gives the samples' job.
const sampleInterval = 20 * time.Second

// compressed says which fields of the samples the lab replaces, so that days fit into two minutes. Everything else is
// applied as it stands in manifests/samples.
func compressed(training, interval time.Duration, realNodes bool) map[string]map[string]any {
	replaced := map[string]map[string]any{
		"pool.yaml": {"spec.idleTimeout": "3s"},
		"job.yaml": {
			"spec.checkpointConfig.checkpointInterval":                                              interval.String(),
			"spec.jobTemplate.spec.template.metadata.annotations|" + cluster.AnnotationTrainSeconds: strconv.Itoa(int(training.Seconds())),
		},
	}
	if realNodes { // there the program reads no annotation
		replaced["job.yaml"]["spec.jobTemplate.spec.template.spec.containers.0.env"] = []any{
			map[string]any{"name": "TRAIN_SECONDS", "value": strconv.Itoa(int(training.Seconds()))},
		}
	}
	return replaced
}

// sample reads manifests/samples/<name>, replaces fields of it, and tells what it changed.
func sample(root, name string, replace map[string]any) (document string, changes []string, err error) {
	path := filepath.Join(root, "manifests", "samples", name)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	var object map[string]any
	if err := yaml.UnmarshalStrict(data, &object); err != nil {
		return "", nil, fmt.Errorf("read %s: %w", path, err)
	}
	for field, value := range replace {
		before := set(object, fieldPath(field), value)
		if before == nil {
			before = "unset"
		}
		changes = append(changes, fmt.Sprintf("%s: %v -> %v", strings.Join(fieldPath(field), "."), before, value))
	}
	sort.Strings(changes)
	out, err := yaml.Marshal(object)
	return string(out), changes, err
}

// fieldPath splits at dots; what follows a bar is one key, whatever its dots.
func fieldPath(field string) []string {
	path, key, found := strings.Cut(field, "|")
	parts := strings.Split(path, ".")
	if found {
		parts = append(parts, key)
	}
	return parts
}

// set stores value at path, making maps on the way, and returns what was there. A number is the index of a list.
func set(object map[string]any, path []string, value any) any {
	for i, key := range path[:len(path)-1] {
		if list, ok := object[key].([]any); ok {
			index, err := strconv.Atoi(path[i+1])
			if err != nil || index >= len(list) {
				return nil
			}
			element, _ := list[index].(map[string]any)
			return set(element, path[i+2:], value)
		}
		next, ok := object[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	last := path[len(path)-1]
	before := object[last]
	object[last] = value
	return before
}

var (
	jobs    = v1alpha1.GroupVersion.WithResource("spotinstancejobs")
	pools   = v1alpha1.GroupVersion.WithResource("spotinstancevms")
	backups = schema.GroupVersionResource{Group: "migration.dcnlab.com", Version: "v1", Resource: "checkpointbackups"}
)
