package jobrules

import (
	"path"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func volumes(all []corev1.Volume, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	names := unique[string]{}
	for i, v := range all {
		at := path.Index(i)
		refused = append(refused, required(v.Name, at.Child("name"), validation.IsDNS1123Label)...)
		refused = append(refused, names.add(v.Name, at.Child("name"))...)
		if sourcesOf(v.VolumeSource) > 1 { // none is an emptyDir
			refused = append(refused, field.Forbidden(at, "may not specify more than 1 volume type"))
			continue
		}
		refused = append(refused, source(v.VolumeSource, at)...)
	}
	return refused
}

func sourcesOf(source corev1.VolumeSource) int {
	n := 0
	for _, kind := range reflect.ValueOf(source).Fields() {
		if !kind.IsNil() {
			n++
		}
	}
	return n
}

// source checks the kinds of volumes that jobs use.
func source(v corev1.VolumeSource, at *field.Path) field.ErrorList {
	switch {
	case v.EmptyDir != nil:
		if limit := v.EmptyDir.SizeLimit; limit != nil && limit.Sign() < 0 {
			return field.ErrorList{field.Forbidden(at.Child("emptyDir", "sizeLimit"), "SizeLimit field must be a valid resource quantity")}
		}
	case v.HostPath != nil:
		refused := required(v.HostPath.Path, at.Child("hostPath", "path"), hasNoBacksteps)
		if kind := v.HostPath.Type; kind != nil {
			refused = append(refused, oneOfOrDefault(*kind, at.Child("hostPath", "type"), corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory, corev1.HostPathFileOrCreate,
				corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
		}
		return refused
	case v.PersistentVolumeClaim != nil:
		return required(v.PersistentVolumeClaim.ClaimName, at.Child("persistentVolumeClaim", "claimName"))
	case v.ConfigMap != nil:
		at = at.Child("configMap")
		return append(required(v.ConfigMap.Name, at.Child("name")), files(v.ConfigMap.Items, v.ConfigMap.DefaultMode, at)...)
	case v.Secret != nil:
		at = at.Child("secret")
		return append(required(v.Secret.SecretName, at.Child("secretName")), files(v.Secret.Items, v.Secret.DefaultMode, at)...)
	case v.DownwardAPI != nil:
		at = at.Child("downwardAPI")
		return append(podFields(v.DownwardAPI.Items, at.Child("items")), invalidPointer(v.DownwardAPI.DefaultMode, at.Child("defaultMode"), isFileMode)...)
	case v.Projected != nil:
		return projected(*v.Projected, at.Child("projected"))
	case v.NFS != nil:
		at = at.Child("nfs")
		return append(required(v.NFS.Server, at.Child("server")), required(v.NFS.Path, at.Child("path"), isAbsolute)...)
	case v.CSI != nil:
		return required(v.CSI.Driver, at.Child("csi", "driver"))
	case v.Ephemeral != nil:
		return ephemeral(v.Ephemeral.VolumeClaimTemplate, at.Child("ephemeral", "volumeClaimTemplate"))
	case v.Image != nil:
		return required(v.Image.Reference, at.Child("image", "reference"))
	}
	return nil
}

func isAbsolute(p string) []string {
	if !path.IsAbs(p) {
		return []string{"must be an absolute path"}
	}
	return nil
}

func files(items []corev1.KeyToPath, mode *int32, path *field.Path) field.ErrorList {
	refused := invalidPointer(mode, path.Child("defaultMode"), isFileMode)
	for i, item := range items {
		at := path.Child("items").Index(i)
		refused = append(refused, required(item.Key, at.Child("key"))...)
		refused = append(refused, required(item.Path, at.Child("path"), isProjectable)...)
		refused = append(refused, invalidPointer(item.Mode, at.Child("mode"), isFileMode)...)
	}
	return refused
}

func podFields(items []corev1.DownwardAPIVolumeFile, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	for i, item := range items {
		at := path.Index(i)
		refused = append(refused, required(item.Path, at.Child("path"), isProjectable)...)
		refused = append(refused, invalidPointer(item.Mode, at.Child("mode"), isFileMode)...)
		switch {
		case item.FieldRef != nil && item.ResourceFieldRef != nil:
			refused = append(refused, field.Invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		case item.FieldRef != nil:
			refused = append(refused, fieldRef(*item.FieldRef, at.Child("fieldRef"), "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid")...)
		case item.ResourceFieldRef != nil:
			refused = append(refused, required(item.ResourceFieldRef.ContainerName, at.Child("resourceFieldRef", "containerName"))...)
			refused = append(refused, required(item.ResourceFieldRef.Resource, at.Child("resourceFieldRef", "resource"), isResourceField)...)
		default:
			refused = append(refused, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
		}
	}
	return refused
}

func projected(v corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	refused := invalidPointer(v.DefaultMode, path.Child("defaultMode"), isFileMode)
	for i, s := range v.Sources {
		at := path.Child("sources").Index(i)
		if s.ConfigMap != nil {
			refused = append(refused, required(s.ConfigMap.Name, at.Child("configMap", "name"))...)
			refused = append(refused, files(s.ConfigMap.Items, nil, at.Child("configMap"))...)
		}
		if s.Secret != nil {
			refused = append(refused, required(s.Secret.Name, at.Child("secret", "name"))...)
			refused = append(refused, files(s.Secret.Items, nil, at.Child("secret"))...)
		}
		if s.DownwardAPI != nil {
			refused = append(refused, podFields(s.DownwardAPI.Items, at.Child("downwardAPI", "items"))...)
		}
		if token := s.ServiceAccountToken; token != nil {
			refused = append(refused, required(token.Path, at.Child("serviceAccountToken", "path"), isProjectable)...)
			if seconds := token.ExpirationSeconds; seconds != nil && *seconds < 600 {
				refused = append(refused, field.Invalid(at.Child("serviceAccountToken", "expirationSeconds"), *seconds, "may not specify a duration less than 10 minutes"))
			}
		}
	}
	return refused
}

func ephemeral(claim *corev1.PersistentVolumeClaimTemplate, path *field.Path) field.ErrorList {
	if claim == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var refused field.ErrorList
	if len(claim.Spec.AccessModes) == 0 {
		refused = append(refused, field.Required(path.Child("spec", "accessModes"), "at least 1 access mode is required"))
	}
	at := path.Child("spec", "resources", "requests").Key(string(corev1.ResourceStorage))
	switch storage, has := claim.Spec.Resources.Requests[corev1.ResourceStorage]; {
	case !has:
		refused = append(refused, field.Required(at, ""))
	case storage.Sign() <= 0:
		refused = append(refused, field.Invalid(at, storage.String(), "must be greater than zero"))
	}
	return refused
}

// mounts checks that what a container mounts is there.
func mounts(c corev1.Container, all []corev1.Volume, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	has := func(name string) bool {
		return slices.ContainsFunc(all, func(v corev1.Volume) bool { return v.Name == name })
	}
	at := func(i int) *field.Path { return path.Child("volumeMounts").Index(i) }
	paths := map[string]bool{}
	for i, m := range c.VolumeMounts {
		if m.Name == "" {
			refused = append(refused, field.Required(at(i).Child("name"), ""))
		} else if !has(m.Name) {
			refused = append(refused, field.NotFound(at(i).Child("name"), m.Name))
		}
		refused = append(refused, required(m.MountPath, at(i).Child("mountPath"))...)
		if paths[m.MountPath] {
			refused = append(refused, field.Invalid(at(i).Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths[m.MountPath] = true
		refused = append(refused, invalidIfSet(m.SubPath, at(i).Child("subPath"), isDescending)...)
		refused = append(refused, invalidIfSet(m.SubPathExpr, at(i).Child("subPathExpr"), isDescending)...)
		if m.SubPath != "" && m.SubPathExpr != "" {
			refused = append(refused, field.Invalid(at(i).Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
		refused = append(refused, propagation(m, c.SecurityContext, at(i).Child("mountPropagation"))...)
	}
	for i, d := range c.VolumeDevices {
		device := path.Child("volumeDevices").Index(i)
		refused = append(refused, required(d.DevicePath, device.Child("devicePath"), hasNoBacksteps)...)
		if !has(d.Name) {
			refused = append(refused, field.NotFound(device.Child("name"), d.Name))
		}
	}
	return refused
}

func propagation(m corev1.VolumeMount, context *corev1.SecurityContext, path *field.Path) field.ErrorList {
	refused := oneOfPointer(m.MountPropagation, path, corev1.MountPropagationBidirectional, corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)
	privileged := context != nil && context.Privileged != nil && *context.Privileged
	if m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional && !privileged {
		refused = append(refused, field.Forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
	}
	return refused
}
