package gce_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestMachineTypes(t *testing.T) {
	tests := map[string]struct {
		disk        string
		attaches    bool
		accelerator string
		gpus        int // 0: the name does not tell
		noSpot      bool
	}{
		"n1-standard-8":       {disk: "pd-balanced", attaches: true},
		"n1-custom-8-32768":   {disk: "pd-balanced", attaches: true},
		"a2-highgpu-1g":       {disk: "pd-balanced", accelerator: "nvidia-tesla-a100", gpus: 1},
		"a2-megagpu-16g":      {disk: "pd-balanced", accelerator: "nvidia-tesla-a100", gpus: 16},
		"a2-ultragpu-4g":      {disk: "pd-balanced", accelerator: "nvidia-a100-80gb", gpus: 4},
		"g2-standard-4":       {disk: "pd-balanced", accelerator: "nvidia-l4", gpus: 1},
		"g2-standard-24":      {disk: "pd-balanced", accelerator: "nvidia-l4", gpus: 2},
		"g2-standard-96":      {disk: "pd-balanced", accelerator: "nvidia-l4", gpus: 8},
		"g2-custom-8-32768":   {disk: "pd-balanced", accelerator: "nvidia-l4"},
		"g4-standard-48":      {disk: "hyperdisk-balanced", accelerator: "nvidia-rtx-pro-6000", gpus: 1},
		"a3-highgpu-2g":       {disk: "pd-balanced", accelerator: "nvidia-h100-80gb", gpus: 2},
		"a3-edgegpu-8g":       {disk: "pd-balanced", accelerator: "nvidia-h100-80gb", gpus: 8},
		"a3-megagpu-8g":       {disk: "pd-balanced", accelerator: "nvidia-h100-mega-80gb", gpus: 8},
		"a3-ultragpu-8g":      {disk: "hyperdisk-balanced", accelerator: "nvidia-h200-141gb", gpus: 8},
		"a4-highgpu-8g":       {disk: "hyperdisk-balanced", accelerator: "nvidia-b200", gpus: 8},
		"a4x-highgpu-4g":      {disk: "hyperdisk-balanced", accelerator: "nvidia-gb200", gpus: 4, noSpot: true},
		"a4x-maxgpu-4g":       {disk: "hyperdisk-balanced", accelerator: "nvidia-gb300", gpus: 4, noSpot: true},
		"e2-standard-4":       {disk: "pd-balanced"},
		"c4-standard-8":       {disk: "hyperdisk-balanced"},
		"z9-imaginary-custom": {disk: "pd-balanced"},
	}
	for machineType, want := range tests {
		t.Run(machineType, func(t *testing.T) {
			assert.NoError(t, gce.MachineTypeForm(machineType))
			assert.Equal(t, want.disk, gce.DefaultDiskType(machineType))
			assert.NoError(t, gce.ValidateBootDisk(machineType, want.disk))
			assert.Equal(t, want.attaches, gce.AttachesGPUs(machineType))
			assert.Equal(t, want.accelerator, gce.BuiltInAccelerator(machineType))
			assert.Equal(t, !want.noSpot, gce.HasSpot(machineType))
			gpus, known := gce.BuiltInGPUs(machineType)
			assert.Equal(t, want.gpus, gpus)
			assert.Equal(t, want.gpus > 0, known)
		})
	}
}

func TestMachineTypeForm(t *testing.T) {
	for _, bad := range []string{"", "n1", "N1-standard-4", "zones/z/machineTypes/n1-standard-4", "n1-standard-4\n", "n1_standard_4", "n1-standard-", "../n1-standard-4"} {
		assert.ErrorContains(t, gce.MachineTypeForm(bad), "use the bare name of a machine type", bad)
	}
}
