package jobrules

import (
	"path"
	"reflect"
	"slices"
	"strings"

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
		if kindsOf(v.VolumeSource) > 1 { // none is an emptyDir
			refused = append(refused, field.Forbidden(at, "may not specify more than 1 volume type"))
			continue
		}
		refused = append(refused, source(v.VolumeSource, at)...)
	}
	return refused
}

// kindsOf counts the fields of a source of which only one may be set.
func kindsOf[T corev1.VolumeSource | corev1.VolumeProjection](source T) int {
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
		return csi(*v.CSI, at.Child("csi"))
	case v.GCEPersistentDisk != nil:
		return required(v.GCEPersistentDisk.PDName, at.Child("persistentDisk", "pdName"))
	case v.Ephemeral != nil:
		return ephemeral(v.Ephemeral.VolumeClaimTemplate, at.Child("ephemeral", "volumeClaimTemplate"))
	case v.Image != nil:
		return append(required(v.Image.Reference, at.Child("image", "reference")),
			oneOfOrDefault(v.Image.PullPolicy, at.Child("image", "pullPolicy"), corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
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
			refused = append(refused, resourceField(*item.ResourceFieldRef, at.Child("resourceFieldRef"))...)
		default:
			refused = append(refused, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
		}
	}
	return refused
}

func projected(v corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	refused := invalidPointer(v.DefaultMode, path.Child("defaultMode"), isFileMode)
	paths := unique[string]{}
	for i, s := range v.Sources {
		at := path.Child("sources").Index(i)
		if kindsOf(s) > 1 {
			refused = append(refused, field.Forbidden(at, "may not specify more than 1 volume type per source"))
			continue
		}
		for _, file := range filesOf(s) {
			if file != "" && paths.add(file, at) != nil {
				refused = append(refused, field.Invalid(at, file, "conflicting duplicate paths"))
			}
		}
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

// filesOf are the paths that a source names. Those of tokens are not compared with others.
func filesOf(s corev1.VolumeProjection) []string {
	var paths []string
	if s.Secret != nil {
		for _, item := range s.Secret.Items {
			paths = append(paths, item.Path)
		}
	}
	if s.ConfigMap != nil {
		for _, item := range s.ConfigMap.Items {
			paths = append(paths, item.Path)
		}
	}
	if s.DownwardAPI != nil {
		for _, item := range s.DownwardAPI.Items {
			paths = append(paths, item.Path)
		}
	}
	return paths
}

// csi checks an ephemeral volume of a driver.
func csi(v corev1.CSIVolumeSource, path *field.Path) field.ErrorList {
	const longest = 63
	refused := required(v.Driver, path.Child("driver"), func(name string) []string { return validation.IsDNS1123Subdomain(strings.ToLower(name)) })
	if len(v.Driver) > longest {
		refused = append(refused, field.TooLong(path.Child("driver"), "", longest))
	}
	if v.NodePublishSecretRef != nil {
		refused = append(refused, required(v.NodePublishSecretRef.Name, path.Child("nodePublishSecretRef", "name"), isObjectName)...)
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
	for _, mode := range claim.Spec.AccessModes {
		refused = append(refused, oneOf(mode, path.Child("spec", "accessModes"), corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod)...)
	}
	if len(claim.Spec.AccessModes) > 1 && slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
		refused = append(refused, field.Forbidden(path.Child("spec", "accessModes"), "may not use ReadWriteOncePod with other access modes"))
	}
	refused = append(refused, oneOfPointer(claim.Spec.VolumeMode, path.Child("spec", "volumeMode"), corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	if class := claim.Spec.StorageClassName; class != nil {
		refused = append(refused, invalidIfSet(*class, path.Child("spec", "storageClassName"), isObjectName)...)
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
