package gce

import (
	"regexp"
	"strconv"
	"strings"
)

// series is what has to be known of a family of machine types to render a VM of it.
type series struct {
	prefix      string   // of the machine type; the longest match counts
	accelerator string   // built into the machine type; empty: none
	attaches    bool     // GPUs are attached to the VM by the request
	disks       []string // boot disk types that every machine type of the series takes, the default first
	noSpot      bool
}

var (
	persistentDisks  = []string{"pd-balanced", "pd-ssd", "pd-standard"}
	hyperdisksOnly   = []string{"hyperdisk-balanced"}
	disksOfG2        = []string{"pd-balanced", "pd-ssd"}
	disksOfEarlyA3   = []string{"pd-balanced", "pd-ssd", "hyperdisk-balanced"}
	defaultBootDisks = []string{"pd-balanced"} // of series not known here
)

// machineSeries follows Google's pages on GPU machine types and on the disk types they take (2026). N1 alone takes
// attached GPUs. G2 takes no hyperdisk-balanced, the newest series take nothing else.
var machineSeries = []series{
	{prefix: "n1-", attaches: true, disks: persistentDisks},
	{prefix: "a2-", accelerator: "nvidia-tesla-a100", disks: persistentDisks},
	{prefix: "a2-ultragpu-", accelerator: "nvidia-a100-80gb", disks: persistentDisks},
	{prefix: "g2-", accelerator: "nvidia-l4", disks: disksOfG2},
	{prefix: "g4-", accelerator: "nvidia-rtx-pro-6000", disks: hyperdisksOnly},
	{prefix: "a3-", accelerator: "nvidia-h100-80gb", disks: disksOfEarlyA3},
	{prefix: "a3-megagpu-", accelerator: "nvidia-h100-mega-80gb", disks: disksOfEarlyA3},
	{prefix: "a3-ultragpu-", accelerator: "nvidia-h200-141gb", disks: hyperdisksOnly},
	{prefix: "a4-", accelerator: "nvidia-b200", disks: hyperdisksOnly},
	{prefix: "a4x-", accelerator: "nvidia-gb200", disks: hyperdisksOnly, noSpot: true},
	{prefix: "a4x-maxgpu-", accelerator: "nvidia-gb300", disks: hyperdisksOnly, noSpot: true},
	{prefix: "c4", disks: hyperdisksOnly},
	{prefix: "n4", disks: hyperdisksOnly},
}

// gpusByName is the number of GPUs of the machine types whose name does not end in it.
var gpusByName = map[string]int{
	"g2-standard-4": 1, "g2-standard-8": 1, "g2-standard-12": 1, "g2-standard-16": 1, "g2-standard-32": 1,
	"g2-standard-24": 2, "g2-standard-48": 4, "g2-standard-96": 8,
	"g4-standard-48": 1, "g4-standard-96": 2, "g4-standard-192": 4, "g4-standard-384": 8,
}

var (
	machineTypeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`)
	gpuSuffix       = regexp.MustCompile(`^a[0-9]+x?-[a-z]+gpu-([0-9]+)g$`)
)

// MachineTypeForm refuses what cannot be the name of a machine type. It does not know which exist, or where.
func MachineTypeForm(machineType string) error {
	return form("machine type", machineType, machineTypeForm, "use the bare name of a machine type, such as g2-standard-8 or n1-standard-8")
}

// DefaultDiskType is a boot disk type that a VM of this machine type takes: pd-balanced where persistent disks
// can be used, and hyperdisk-balanced for the series that take nothing else.
func DefaultDiskType(machineType string) string {
	return seriesOf(machineType).disks[0]
}

// AttachesGPUs tells whether GPUs are attached to VMs of this machine type by the request (N1). All other
// machine types have theirs built in, or none, and GCE refuses a request that attaches one.
func AttachesGPUs(machineType string) bool {
	return seriesOf(machineType).attaches
}

// BuiltInAccelerator is the type of the GPUs that this machine type comes with, such as nvidia-l4. It is empty
// for N1, for machine types without GPUs, and for series that are not known here.
func BuiltInAccelerator(machineType string) string {
	return seriesOf(machineType).accelerator
}

// BuiltInGPUs is the number of GPUs that this machine type comes with, if its name tells.
func BuiltInGPUs(machineType string) (count int, known bool) {
	if n, ok := gpusByName[machineType]; ok {
		return n, true
	}
	m := gpuSuffix.FindStringSubmatch(machineType)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil && n > 0
}

// HasSpot tells whether GCE offers this machine type as spot VMs at all. It is true for series not known here.
func HasSpot(machineType string) bool {
	return !seriesOf(machineType).noSpot
}

// seriesOf is what is known of a machine type. A series not known here has no prefix.
func seriesOf(machineType string) series {
	best := series{disks: defaultBootDisks}
	for _, s := range machineSeries {
		if strings.HasPrefix(machineType, s.prefix) && len(s.prefix) > len(best.prefix) {
			best = s
		}
	}
	return best
}
