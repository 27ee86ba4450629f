package gce

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a machine type does not go together with, as Google's pages say (2026). Nothing is refused here that is not known:
// neither series nor disk types that these lines do not name.

// attachable are the GPUs that GCE attaches to N1, and how many of them to one VM. The numbers are those of Google's page on
// GPU machine types, and of SkyPilot's catalog of GCP. How many vCPUs go with them is left to GCE.
var attachable = []struct {
	accelerator string
	counts      []int64
}{
	{"nvidia-tesla-t4", []int64{1, 2, 4}},
	{"nvidia-tesla-p4", []int64{1, 2, 4}},
	{"nvidia-tesla-v100", []int64{1, 2, 4, 8}},
	{"nvidia-tesla-p100", []int64{1, 2, 4}},
}

// workstation ends the accelerator types that are the same GPUs, with NVIDIA's virtual workstation.
const workstation = "-vws"

var (
	// spotOnly are the machine types that GCE has as spot or flex-start VMs only.
	spotOnly = regexp.MustCompile(`^a3-highgpu-[124]g$`)
	// plainSeries have no GPUs and take none.
	plainSeries = regexp.MustCompile(`^(c[234][a-z]?|e2|f1|g1|h[34]d?|m[1-4]|n2d?|n4[ad]?|t2[ad]|x4|z3)-`)
	// judgedDisks are the boot disk types of which is known which series take them.
	judgedDisks = []string{"pd-balanced", "pd-ssd", "pd-standard", "hyperdisk-balanced"}
)

// ValidateBootDisk refuses a boot disk type that no machine type of the series takes.
func ValidateBootDisk(machineType, diskType string) error {
	s := seriesOf(machineType)
	isJudged := slices.Contains(judgedDisks, diskType) || slices.Equal(s.disks, hyperdisksOnly) && strings.HasPrefix(diskType, "pd-")
	if s.prefix == "" || !isJudged || slices.Contains(s.disks, diskType) {
		return nil
	}
	return fmt.Errorf("%s machine types take no %s: use %s, or leave it unset", strings.TrimSuffix(s.prefix, "-"), diskType, oneOf(s.disks))
}

// ValidateAttached refuses GPUs that GCE does not attach to a machine type which takes attached ones (N1).
func ValidateAttached(accelerator string) error {
	var known []string
	for _, a := range attachable {
		if a.accelerator == strings.TrimSuffix(accelerator, workstation) {
			return nil
		}
		known = append(known, a.accelerator)
	}
	return fmt.Errorf("GCE attaches no %s to n1 machine types: use %s, or a machine type that comes with other GPUs, such as g2-standard-8", accelerator, oneOf(known))
}

// ValidateAttachedCount refuses a number of GPUs that GCE does not attach to one VM.
func ValidateAttachedCount(accelerator string, count int64) error {
	for _, a := range attachable {
		if a.accelerator == strings.TrimSuffix(accelerator, workstation) && !slices.Contains(a.counts, count) {
			return fmt.Errorf("GCE does not attach %d %s to one VM: use %s", count, accelerator, oneOf(a.counts))
		}
	}
	return nil
}

// IsBuiltIn tells whether these are the GPUs that a machine type comes with.
func IsBuiltIn(machineType, accelerator string) bool {
	return strings.TrimSuffix(accelerator, workstation) == BuiltInAccelerator(machineType)
}

// TakesNoGPUs tells whether this machine type is known to have no GPUs and to take none.
func TakesNoGPUs(machineType string) bool { return plainSeries.MatchString(machineType) }

// HasOnDemand tells whether GCE offers this machine type on demand. It is true for machine types not known here.
func HasOnDemand(machineType string) bool { return !spotOnly.MatchString(machineType) }

// oneOf is a choice in words: a, b or c.
func oneOf[T any](choices []T) string {
	words := make([]string, 0, len(choices))
	for _, c := range choices {
		words = append(words, fmt.Sprint(c))
	}
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
