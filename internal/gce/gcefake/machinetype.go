package gcefake

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// What this fake knows of machine types: those whose names tell their size, as Google's pages have them (2026). Every zone has them all.
var (
	predefined = regexp.MustCompile(`^([a-z0-9]+)-(standard|highmem|highcpu)-([0-9]+)(-lssd)?$`)
	withGPUs   = regexp.MustCompile(`^(a2-highgpu|a2-ultragpu|a3-highgpu)-([0-9]+)g$`)
	custom     = regexp.MustCompile(`^(?:[a-z0-9]+-)?custom-([0-9]+)-([0-9]+)(?:-ext)?$`)
	isARM      = regexp.MustCompile(`^(t2a|c4a|n4a)-`)
)

// mebibytesPerCPU is the memory of a predefined machine type, of N1 and of all other series.
var mebibytesPerCPU = map[string][2]int64{"standard": {3840, 4096}, "highmem": {6656, 8192}, "highcpu": {922, 1024}}

// sizesWithGPUs are vCPUs, MiB and local SSDs that go with each GPU.
var sizesWithGPUs = map[string][3]int64{"a2-highgpu": {12, 87040, 0}, "a2-ultragpu": {12, 174080, 1}, "a3-highgpu": {26, 239616, 2}}

// sharedCore are the MiB of machine types whose two vCPUs share a core with others.
var sharedCore = map[string]int64{"e2-micro": 1024, "e2-small": 2048, "e2-medium": 4096}

func machineTypeOf(name string) (gce.MachineType, bool) {
	m := gce.MachineType{Name: name, Architecture: "X86_64"}
	number := func(digits string) int64 {
		n, _ := strconv.ParseInt(digits, 10, 32) // of digits, by the forms above
		return n
	}
	if isARM.MatchString(name) {
		m.Architecture = "ARM64"
	}
	if memory := sharedCore[name]; memory > 0 {
		m.CPUs, m.MemoryMiB = 2, memory
		return m, true
	}
	if form := predefined.FindStringSubmatch(name); form != nil {
		perCPU := mebibytesPerCPU[form[2]][1]
		if form[1] == "n1" {
			perCPU = mebibytesPerCPU[form[2]][0]
		}
		m.CPUs, m.MemoryMiB = number(form[3]), perCPU*number(form[3])
		if form[4] != "" {
			m.LocalSSDs = 1
		}
		return m, true
	}
	if form := withGPUs.FindStringSubmatch(name); form != nil {
		per, gpus := sizesWithGPUs[form[1]], number(form[2])
		m.CPUs, m.MemoryMiB, m.LocalSSDs = per[0]*gpus, per[1]*gpus, per[2]*gpus
		return m, true
	}
	if form := custom.FindStringSubmatch(name); form != nil {
		m.CPUs, m.MemoryMiB = number(form[1]), number(form[2])
		return m, true
	}
	return m, false
}

func (f *Fake) machineType(project, zone, name string) (gce.MachineType, *gce.Error) {
	m, known := machineTypeOf(name)
	if known && f.unknownZone(zone) == nil {
		return m, nil
	}
	missing := absent(project, zone, name)
	missing.Message = strings.Replace(missing.Message, "/instances/", "/machineTypes/", 1)
	return m, missing
}

// MachineType is as gce.Cloud says.
func (c cloud) MachineType(ctx context.Context, zone, name string) (gce.MachineType, error) {
	call := "get machine type " + name + " in " + zone
	if err := errors.Join(gce.ValidateZone(zone), gce.MachineTypeForm(name)); err != nil {
		return gce.MachineType{}, gce.Refused(call, err)
	}
	var found gce.MachineType
	err := c.fake.serve(ctx, Call{GetMachineType, zone, name}, func(Behaviour) (err *gce.Error) {
		found, err = c.fake.machineType(c.project, zone, name)
		return err
	})
	return answer(found, call, err)
}

func (f *Fake) serveMachineType(w http.ResponseWriter, r *http.Request) {
	project, zone, name := chi.URLParam(r, "project"), chi.URLParam(r, "zone"), chi.URLParam(r, "name")
	l, err := f.parseListing(r.URL.Query())
	if err != nil {
		writeError(w, badRequest(err))
		return
	}
	f.respond(w, r, Call{GetMachineType, zone, name}, func(Behaviour) (any, *gce.Error) {
		found, missing := f.machineType(project, zone, name)
		if missing != nil {
			return nil, missing
		}
		whole := map[string]any{
			"kind": "compute#machineType", "name": found.Name, "zone": zone, "architecture": found.Architecture,
			"guestCpus": found.CPUs, "memoryMb": found.MemoryMiB,
		}
		if found.LocalSSDs > 0 {
			whole["bundledLocalSsds"] = map[string]any{"defaultInterface": "NVME", "partitionCount": found.LocalSSDs}
		}
		return l.fields.apply(whole), nil
	})
}
