package jobrules

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func notNegative[T int32 | int64](value *T, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	return apivalidation.ValidateNonnegativeField(int64(*value), path)
}

// oneOf refuses every value but those allowed, the empty one, too.
func oneOf[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	slices.Sort(allowed)
	if value == "" {
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q", allowed))}
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// oneOfOrDefault is oneOf for a field that has a default.
func oneOfOrDefault[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return nil
	}
	return oneOf(value, path, allowed...)
}

func oneOfPointer[T ~string](value *T, path *field.Path, allowed ...T) field.ErrorList {
	if value == nil {
		return nil
	}
	return oneOf(*value, path, allowed...)
}

// invalid refuses a value for each thing that a rule of apimachinery says of it.
func invalid[T any](value T, path *field.Path, rule func(T) []string) field.ErrorList {
	var refused field.ErrorList
	for _, why := range rule(value) {
		refused = append(refused, field.Invalid(path, value, why))
	}
	return refused
}

func invalidPointer[T any](value *T, path *field.Path, rule func(T) []string) field.ErrorList {
	if value == nil {
		return nil
	}
	return invalid(*value, path, rule)
}

// invalidIfSet is invalid for a field that may be empty.
func invalidIfSet(value string, path *field.Path, rule func(string) []string) field.ErrorList {
	if value == "" {
		return nil
	}
	return invalid(value, path, rule)
}

// required refuses an empty value, and any other that a rule refuses.
func required(value string, path *field.Path, rules ...func(string) []string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var refused field.ErrorList
	for _, rule := range rules {
		refused = append(refused, invalid(value, path, rule)...)
	}
	return refused
}

func isPortNumber(n int32) []string { return validation.IsValidPortNum(int(n)) }

func isFileMode(mode int32) []string {
	if mode < 0 || mode > 0o777 {
		return []string{"must be a number between 0 and 0777 (octal), both inclusive"}
	}
	return nil
}

// hasNoBacksteps is the rule for a path on a Node.
func hasNoBacksteps(p string) []string {
	if slices.Contains(strings.Split(p, "/"), "..") {
		return []string{"must not contain '..'"}
	}
	return nil
}

// isDescending is the rule for a path inside a volume.
func isDescending(p string) []string {
	var wrong []string
	if path.IsAbs(p) {
		wrong = append(wrong, "must be a relative path")
	}
	return append(wrong, hasNoBacksteps(p)...)
}

// isProjectable is the rule for the path of a file that the kubelet writes.
func isProjectable(p string) []string {
	wrong := isDescending(p)
	if strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../") {
		wrong = append(wrong, "must not start with '..'")
	}
	return wrong
}

// unique refuses a value that was there before.
type unique[T cmp.Ordered] map[T]bool

func (u unique[T]) add(value T, path *field.Path) field.ErrorList {
	if u[value] {
		return field.ErrorList{field.Duplicate(path, value)}
	}
	u[value] = true
	return nil
}
