package jobrules

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// mounts checks that what a container mounts is there, and that nothing is in two places or two things in one.
func mounts(c corev1.Container, all []corev1.Volume, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	paths := map[string]bool{}
	for i, m := range c.VolumeMounts {
		at := path.Child("volumeMounts").Index(i)
		if m.Name == "" {
			refused = append(refused, field.Required(at.Child("name"), ""))
		} else if volumeOf(m.Name, all) == nil {
			refused = append(refused, field.NotFound(at.Child("name"), m.Name))
		}
		refused = append(refused, required(m.MountPath, at.Child("mountPath"))...)
		if paths[m.MountPath] {
			refused = append(refused, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths[m.MountPath] = true
		refused = append(refused, invalidIfSet(m.SubPath, at.Child("subPath"), isDescending)...)
		refused = append(refused, invalidIfSet(m.SubPathExpr, at.Child("subPathExpr"), isDescending)...)
		if m.SubPath != "" && m.SubPathExpr != "" {
			refused = append(refused, field.Invalid(at.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
		refused = append(refused, propagation(m, c.SecurityContext, at.Child("mountPropagation"))...)
		refused = append(refused, recursiveReadOnly(m, at.Child("recursiveReadOnly"))...)
	}
	return append(refused, devices(c, all, path.Child("volumeDevices"))...)
}

func volumeOf(name string, all []corev1.Volume) *corev1.Volume {
	i := slices.IndexFunc(all, func(v corev1.Volume) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// devices checks volumes that a container uses as block devices: they are claims, and mounted nowhere.
func devices(c corev1.Container, all []corev1.Volume, path *field.Path) field.ErrorList {
	var refused field.ErrorList
	names, paths := map[string]bool{}, map[string]bool{}
	for _, m := range c.VolumeMounts {
		names[m.Name], paths[m.MountPath] = true, true
	}
	for i, d := range c.VolumeDevices {
		at := path.Index(i)
		refused = append(refused, required(d.DevicePath, at.Child("devicePath"), hasNoBacksteps)...)
		switch v := volumeOf(d.Name, all); {
		case v == nil:
			refused = append(refused, field.NotFound(at.Child("name"), d.Name))
		case v.PersistentVolumeClaim == nil && v.Ephemeral == nil:
			refused = append(refused, field.Invalid(at.Child("name"), d.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
		}
		if names[d.Name] {
			refused = append(refused, field.Invalid(at.Child("name"), d.Name, "must be unique, in volumeMounts too"))
		}
		if paths[d.DevicePath] {
			refused = append(refused, field.Invalid(at.Child("devicePath"), d.DevicePath, "must be unique, in volumeMounts too"))
		}
		names[d.Name], paths[d.DevicePath] = true, true
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

func recursiveReadOnly(m corev1.VolumeMount, path *field.Path) field.ErrorList {
	refused := oneOfPointer(m.RecursiveReadOnly, path, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyIfPossible, corev1.RecursiveReadOnlyEnabled)
	if refused != nil || m.RecursiveReadOnly == nil || *m.RecursiveReadOnly == corev1.RecursiveReadOnlyDisabled {
		return refused
	}
	if !m.ReadOnly {
		refused = append(refused, field.Forbidden(path, "may only be specified when readOnly is true"))
	}
	if m.MountPropagation != nil && *m.MountPropagation != corev1.MountPropagationNone {
		refused = append(refused, field.Forbidden(path, "may only be specified when mountPropagation is None or not specified"))
	}
	return refused
}
