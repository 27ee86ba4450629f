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
		refused = append(refused, resourceField(*ref, path.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		refused = append(refused, keyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		refused = append(refused, keyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if ref := from.FileKeyRef; ref != nil {
		sources++
		refused = append(refused, fileKeyRef(*ref, path.Child("fileKeyRef"))...)
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

// fileKeyRef reads a variable from a file that an init container wrote.
func fileKeyRef(ref corev1.FileKeySelector, path *field.Path) field.ErrorList {
	return slices.Concat(
		required(ref.Key, path.Child("key"), validation.IsRelaxedEnvVarName),
		required(ref.VolumeName, path.Child("volumeName"), validation.IsDNS1123Label),
		required(ref.Path, path.Child("path"), hasNoBacksteps),
	)
}

// filesOfEnv checks that the volumes which variables are read from are emptyDirs of the pod.
func filesOfEnv(c corev1.Container, volumes []corev1.Volume, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, e := range c.Env {
		if e.ValueFrom == nil || e.ValueFrom.FileKeyRef == nil || e.ValueFrom.FileKeyRef.VolumeName == "" {
			continue
		}
		name, at := e.ValueFrom.FileKeyRef.VolumeName, path.Index(i).Child("valueFrom", "fileKeyRef", "volumeName")
		switch of := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == name }); {
		case of < 0:
			refused = append(refused, field.NotFound(at, name))
		case volumes[of].EmptyDir == nil && kindsOf(volumes[of].VolumeSource) > 0:
			refused = append(refused, field.Invalid(at, name, "referenced volume must be of type emptyDir"))
		}
	}
	return refused
}

func resourceField(ref corev1.ResourceFieldSelector, path *field.Path) field.ErrorList {
	refused := required(ref.Resource, path.Child("resource"), isResourceField)
	if refused == nil && !ref.Divisor.IsZero() && !isDivisor(ref) {
		refused = append(refused, field.Invalid(path.Child("divisor"), ref.Divisor.String(), "only 1m and 1 are supported with the cpu resource, and 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei with others"))
	}
	return refused
}

func isDivisor(ref corev1.ResourceFieldSelector) bool {
	unit, is1 := strings.CutPrefix(ref.Divisor.String(), "1")
	if strings.HasSuffix(ref.Resource, ".cpu") {
		return is1 && (unit == "m" || unit == "")
	}
	return is1 && slices.Contains([]string{"", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}, unit)
}

func isResourceField(name string) []string {
	kind, resource, _ := strings.Cut(name, ".")
	known := resource == "cpu" || resource == "memory" || resource == "ephemeral-storage" || strings.HasPrefix(resource, corev1.ResourceHugePagesPrefix)
	if kind != "limits" && kind != "requests" || !known {
		return []string{"must be limits or requests of cpu, memory, ephemeral-storage or hugepages-<size>, such as limits.memory"}
	}
	return nil
}
