package jobrules

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func env(all []corev1.EnvVar, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, e := range all {
		at := path.Index(i)
		refused = append(refused, required(e.Name, at.Child("name"), validation.IsRelaxedEnvVarName)...)
		if e.ValueFrom != nil {
			refused = append(refused, valueFrom(*e.ValueFrom, at.Child("valueFrom"))...)
			if e.Value != "" {
				refused = append(refused, field.Invalid(at.Child("valueFrom"), "", "may not be specified when `value` is not empty"))
			}
		}
	}
	return refused
}

func valueFrom(from corev1.EnvVarSource, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	sources := 0
	if ref := from.FieldRef; ref != nil {
		sources++
		refused = append(refused, fieldRef(*ref, path.Child("fieldRef"), "metadata.name", "metadata.namespace", "metadata.uid",
			"spec.nodeName", "spec.host", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")...)
	}
	if ref := from.ResourceFieldRef; ref != nil {
		sources++
		refused = append(refused, required(ref.Resource, path.Child("resourceFieldRef", "resource"), isResourceField)...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		refused = append(refused, keyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		refused = append(refused, keyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if from.FileKeyRef != nil {
		sources++
	}
	switch {
	case sources == 0:
		refused = append(refused, field.Invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case sources > 1:
		refused = append(refused, field.Invalid(path, "", "may not have more than one field specified at a time"))
	}
	return refused
}

func keyRef(name, key string, path *field.Path) field.ErrorList {
	return append(invalid(name, path.Child("name"), isObjectName), required(key, path.Child("key"), validation.IsConfigMapKey)...)
}

func isObjectName(name string) []string { return apivalidation.NameIsDNSSubdomain(name, false) }

func envFrom(all []corev1.EnvFromSource, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, from := range all {
		at := path.Index(i)
		refused = append(refused, invalidIfSet(from.Prefix, at.Child("prefix"), validation.IsRelaxedEnvVarName)...)
		switch {
		case from.ConfigMapRef != nil && from.SecretRef != nil:
			refused = append(refused, field.Invalid(at, "", "may not have more than one field specified at a time"))
		case from.ConfigMapRef != nil:
			refused = append(refused, required(from.ConfigMapRef.Name, at.Child("configMapRef", "name"), isObjectName)...)
		case from.SecretRef != nil:
			refused = append(refused, required(from.SecretRef.Name, at.Child("secretRef", "name"), isObjectName)...)
		default:
			refused = append(refused, field.Invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"))
		}
	}
	return refused
}

// subscript is a field path such as metadata.labels['app'].
var subscript = regexp.MustCompile(`^(.+)\['(.*)'\]$`)

// fieldRef checks a field of the pod that a container or a volume gets to see.
func fieldRef(ref corev1.ObjectFieldSelector, path *field.Path, allowed ...string) field.ErrorList {
	if ref.APIVersion != "" && ref.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(path.Child("fieldPath"), ref.FieldPath, "error converting fieldPath: unsupported pod version: "+ref.APIVersion)}
	}
	at := path.Child("fieldPath")
	parts := subscript.FindStringSubmatch(ref.FieldPath)
	switch {
	case ref.FieldPath == "":
		return field.ErrorList{field.Required(at, "")}
	case parts == nil && !slices.Contains(allowed, ref.FieldPath):
		return field.ErrorList{field.NotSupported(at, ref.FieldPath, allowed)}
	case parts == nil:
		return nil
	case parts[1] == "metadata.labels":
		return invalid(parts[2], at, validation.IsQualifiedName)
	case parts[1] == "metadata.annotations":
		return invalid(strings.ToLower(parts[2]), at, validation.IsQualifiedName)
	}
	return field.ErrorList{field.Invalid(at, ref.FieldPath, "does not support subscript")}
}

func isResourceField(name string) []string {
	kind, resource, _ := strings.Cut(name, ".")
	known := resource == "cpu" || resource == "memory" || resource == "ephemeral-storage" || strings.HasPrefix(resource, corev1.ResourceHugePagesPrefix)
	if kind != "limits" && kind != "requests" || !known {
		return []string{"must be limits or requests of cpu, memory, ephemeral-storage or hugepages-<size>, such as limits.memory"}
	}
	return nil
}
