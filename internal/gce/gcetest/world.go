// Package gcetest is what package gce promises, as tests that every gce.Cloud has to pass: the fake in process, and the real
// REST client over the fake's HTTP. So hooks tested with the one behave alike with the other.
//
// Plain needs nothing but the API, of whatever server. Scripted is about what a server does not do when it is asked: preemptions,
// stockouts, refusals, answers that are lost. It scripts gcefake, and is no test against Google.
package gcetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// Project is the project that a tested Cloud must be of.
const Project = "conformance-1"

const (
	zoneA = "us-central1-a"
	zoneB = "us-central1-b"
	west  = "us-west1-b"
)

// Connect returns the Cloud under test: the fake's Project, with request time-outs long enough that a call that
// ignores its context hangs the test.
type Connect func(t *testing.T, fake *gcefake.Fake) gce.Cloud

// Scripted are the tests that script a fake. Each test has a Fake of its own, whose clock stands still unless the test advances it
// and whose pages hold two items.
func Scripted(t *testing.T, connect Connect) {
	suites := map[string]map[string]func(*world){
		"lifecycle":  lifecycle,
		"idempotent": idempotency,
		"lists":      lists,
		"operations": operations,
		"failures":   failures,
		"contexts":   contexts,
	}
	for suite, tests := range suites {
		t.Run(suite, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(newWorld(t, connect)) })
			}
		})
	}
}

// world is one test's Cloud and what is behind it.
type world struct {
	*testing.T
	cloud gce.Cloud
	fake  *gcefake.Fake
	clock *gcefake.ManualClock
}

func newWorld(t *testing.T, connect Connect) *world {
	clock := gcefake.NewManualClock(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))
	fake := gcefake.New(gcefake.Config{
		Clock: clock, Timings: gcefake.RealTimings(), PageSize: 2, Zones: []string{zoneA, zoneB, "us-central1-c", west},
	})
	return &world{T: t, cloud: connect(t, fake), fake: fake, clock: clock}
}

// InUse is a fake that all tests share, in which somebody else has VMs.
func InUse(t *testing.T, connect Connect) Server {
	w := newWorld(t, connect)
	for _, name := range []string{"theirs-1", "theirs-2", "theirs-3"} {
		w.running(name)
	}
	return Server{Cloud: w.cloud, Spec: w.spec("", ""), Zones: [3]string{zoneA, zoneB, west}, Pass: w.clock.Advance}
}

// toRunning, toStockout, toStopped and toDeleted are longer than what they wait for, by RealTimings.
const (
	toRunning  = 25 * time.Second
	toStockout = 25 * time.Second
	toStopped  = 35 * time.Second
	toDeleted  = 35 * time.Second
)

func request() string { return uuid.NewString() }

func (w *world) spec(name, zone string) gce.InstanceSpec {
	return gce.InstanceSpec{
		Name: name, Zone: zone,
		Labels:            map[string]string{"pool-uid": "0f3c", "spec": "a1b2"},
		Metadata:          map[string]string{"startup-script": "#!/bin/sh\necho \"$HOME\" <&>\n"},
		MachineType:       "n1-standard-8",
		Image:             "projects/deeplearning-platform-release/global/images/family/common-cu128",
		DiskSizeGB:        100,
		DiskType:          "pd-balanced",
		Accelerator:       "nvidia-tesla-t4",
		AcceleratorCount:  2,
		NetworkTags:       []string{"trainer"},
		ServiceAccount:    "trainer@conformance-1.iam.gserviceaccount.com",
		Network:           "projects/conformance-1/global/networks/train",
		Subnetwork:        "projects/conformance-1/regions/us-central1/subnetworks/train",
		ExternalIP:        true,
		ProvisioningModel: gce.ModelSpot,
		PreemptionNotice:  gce.PreemptionNotice,
		MaxRunDuration:    7 * 24 * time.Hour,
	}
}

func (w *world) insert(name, zone string) gce.Operation {
	w.Helper()
	op, err := w.cloud.Insert(w.Context(), w.spec(name, zone), request())
	require.NoError(w, err)
	return op
}

// running inserts a VM into zoneA and lets time pass until it runs.
func (w *world) running(name string) gce.Instance {
	w.Helper()
	w.insert(name, zoneA)
	w.clock.Advance(toRunning)
	vm, ok := w.instance(name, zoneA)
	require.True(w, ok, "%s is not in the list", name)
	require.Equal(w, "RUNNING", vm.Status)
	return vm
}

func (w *world) instance(name, zone string) (gce.Instance, bool) {
	w.Helper()
	list, err := w.cloud.Instances(w.Context(), zone, nil)
	require.NoError(w, err)
	for _, vm := range list {
		if vm.Name == name {
			return vm, true
		}
	}
	return gce.Instance{}, false
}

func (w *world) operations(zone string) []gce.Operation {
	w.Helper()
	list, err := w.cloud.Operations(w.Context(), zone, time.Time{})
	require.NoError(w, err)
	return list
}

// operation is the one of this type on this VM, in zoneA.
func (w *world) operation(kind, target string) gce.Operation {
	w.Helper()
	for _, op := range w.operations(zoneA) {
		if op.Type == kind && op.Target == target {
			return op
		}
	}
	require.Fail(w, fmt.Sprintf("no operation %s on %s", kind, target))
	return gce.Operation{}
}

// requireKind requires a failure of this kind, with all that a user needs to know.
func (w *world) requireKind(kind gce.Kind, err error) {
	w.Helper()
	requireKind(w.T, kind, err)
}

func requireKind(t *testing.T, kind gce.Kind, err error) {
	t.Helper()
	var e *gce.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
	require.NotEmpty(t, e.Call)
	require.NotEmpty(t, e.Code)
	require.NotEmpty(t, e.Message)
}

// failure is err as requireKind requires it.
func (w *world) failure(kind gce.Kind, err error) *gce.Error {
	w.Helper()
	w.requireKind(kind, err)
	e, _ := errors.AsType[*gce.Error](err)
	return e
}

// everyCall makes each call of the contract once, with arguments that are in order.
func (w *world) everyCall() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Instances":    func(ctx context.Context) error { _, err := w.cloud.Instances(ctx, zoneA, nil); return err },
		"AllInstances": func(ctx context.Context) error { _, err := w.cloud.AllInstances(ctx, nil); return err },
		"Instance":     func(ctx context.Context) error { _, err := w.cloud.Instance(ctx, zoneA, "vm-1"); return err },
		"Operations":   func(ctx context.Context) error { _, err := w.cloud.Operations(ctx, zoneA, time.Time{}); return err },
		"MachineType": func(ctx context.Context) error {
			_, err := w.cloud.MachineType(ctx, zoneA, "n1-standard-8")
			return err
		},
		"Insert": func(ctx context.Context) error {
			_, err := w.cloud.Insert(ctx, w.spec("vm-new", zoneA), request())
			return err
		},
		"Delete": func(ctx context.Context) error {
			_, err := w.cloud.Delete(ctx, zoneA, "vm-1", request())
			return err
		},
	}
}
