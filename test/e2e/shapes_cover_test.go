package e2e

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// notInShapes are the fields of Jobs and pods that no shape sets, and why.
var notInShapes = map[string]string{
	"JobSpec.backoffLimitPerIndex": "refused", "JobSpec.manualSelector": "refused", "JobSpec.managedBy": "refused",
	"JobSpec.maxFailedIndexes": "refused", "JobSpec.selector": "refused", "JobSpec.successPolicy": "refused", "PodSpec.nodeName": "refused",
	"PodSpec.ephemeralContainers": "no template has any", "PodSpec.priority": "the cluster's", "PodSpec.overhead": "the RuntimeClass's",
	"PodSpec.serviceAccount": "of old", "PodSecurityContext.windowsOptions": "of Windows", "SecurityContext.windowsOptions": "of Windows",
	"PodSpec.hostnameOverride": "behind a feature gate until 1.36", "PodSpec.schedulingGroup": "behind a feature gate",
	"PodSecurityContext.seLinuxChangePolicy": "behind a feature gate until 1.36", "Lifecycle.stopSignal": "behind a feature gate",
	"LifecycleHandler.tcpSocket":     "no kubelet follows it",
	"EnvVarSource.fileKeyRef":        "behind a feature gate until 1.36",
	"PodAffinityTerm.matchLabelKeys": "rare", "PodAffinityTerm.mismatchLabelKeys": "rare", "TopologySpreadConstraint.matchLabelKeys": "rare",
}

// Each field of a Job that a user can set is in some shape, or has a reason why not. A field of a newer Kubernetes has neither.
func TestShapesHaveEveryField(t *testing.T) {
	set := map[string]bool{}
	for _, shape := range readShapes(t) {
		fieldsOf(reflect.ValueOf(shape.template.Spec), set)
	}
	for _, kind := range []any{
		batchv1.JobSpec{},
		corev1.PodSpec{},
		corev1.Container{},
		corev1.PodSecurityContext{},
		corev1.SecurityContext{},
		corev1.Affinity{},
		corev1.PodAffinityTerm{},
		corev1.TopologySpreadConstraint{},
		corev1.Toleration{},
		corev1.Lifecycle{},
		corev1.LifecycleHandler{},
		corev1.Probe{},
		corev1.ProbeHandler{},
		corev1.EnvVarSource{},
		corev1.VolumeMount{},
		corev1.ResourceRequirements{},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(kind)) {
			if name := nameOf(reflect.TypeOf(kind), field); len(field.Index) == 1 && !field.Anonymous && notInShapes[name] == "" {
				assert.True(t, set[name], "no shape has %s", name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(notInShapes)) {
		assert.False(t, set[name], "a shape has %s", name)
	}
}

func nameOf(of reflect.Type, field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return of.Name() + "." + name
}

// fieldsOf notes the fields that are set in a value, by their types.
func fieldsOf(v reflect.Value, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		fieldsOf(v.Elem(), set)
	case reflect.Slice:
		for i := range v.Len() {
			fieldsOf(v.Index(i), set)
		}
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(v.Type()) {
			if value := v.FieldByIndex(field.Index); len(field.Index) == 1 && field.IsExported() && !value.IsZero() {
				set[nameOf(v.Type(), field)] = true
				fieldsOf(value, set)
			}
		}
	}
}
