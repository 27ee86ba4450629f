package gcetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Server is any server that speaks the API: the fake, another fake, or Google. It may hold VMs of other people.
type Server struct {
	Cloud gce.Cloud
	Spec  gce.InstanceSpec    // of the VMs to buy, as cheap as may be; name, zone and labels are the tests'
	Zones [3]string           // two of one region, and one of another
	Pass  func(time.Duration) // lets time pass
}

// Plain are the tests that ask nothing of a server but the API. They buy some twenty VMs one after the other, and delete them.
func Plain(t *testing.T, s Server) {
	for name, test := range plainTests {
		t.Run(name, func(t *testing.T) { test(newPlain(t, s)) })
	}
}

// plain is one test's view of a Server: of the VMs that carry its label.
type plain struct {
	*testing.T
	Server
	run string
}

func newPlain(t *testing.T, s Server) *plain {
	p := &plain{T: t, Server: s, run: "gcetest-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]}
	t.Cleanup(func() {
		ctx := context.Background() // that of the test has ended
		for _, vm := range p.listed(p.Cloud.AllInstances(ctx, p.label())) {
			_, err := p.Cloud.Delete(ctx, vm.Zone, vm.Name, uuid.NewString())
			require.True(t, err == nil || gce.KindOf(err) == gce.NotFound, "%v", err)
		}
	})
	return p
}

func (p *plain) label() map[string]string { return map[string]string{"run": p.run} }

// name is a name that is nobody else's.
func (p *plain) name(n int) string { return fmt.Sprintf("%s-%d", p.run, n) }

func (p *plain) spec(n int, zone string) gce.InstanceSpec {
	s := p.Spec
	s.Name, s.Zone, s.Labels = p.name(n), zone, map[string]string{"run": p.run, "n": fmt.Sprint(n)}
	return s
}

func (p *plain) insert(n int, zone string) gce.Operation {
	p.Helper()
	op, err := p.Cloud.Insert(p.Context(), p.spec(n, zone), uuid.NewString())
	require.NoError(p, err)
	return op
}

// await lets time pass until something is so.
func (p *plain) await(what string, isSo func() bool) {
	p.Helper()
	for range 120 {
		if isSo() {
			return
		}
		p.Pass(5 * time.Second)
	}
	require.Fail(p, "not within ten minutes", what)
}

// running inserts a VM and waits until it runs.
func (p *plain) running(n int, zone string) (vm gce.Instance) {
	p.Helper()
	p.insert(n, zone)
	p.await("a VM that runs", func() (found bool) {
		vm, found = p.instance(n, zone)
		return found && vm.Status == "RUNNING"
	})
	return vm
}

func (p *plain) delete(n int, zone string) {
	p.Helper()
	_, err := p.Cloud.Delete(p.Context(), zone, p.name(n), uuid.NewString())
	require.NoError(p, err)
	p.await("a VM that is gone", func() bool { _, found := p.instance(n, zone); return !found })
}

// instance is one VM by the list of its zone.
func (p *plain) instance(n int, zone string) (gce.Instance, bool) {
	p.Helper()
	for _, vm := range p.listed(p.Cloud.Instances(p.Context(), zone, p.label())) {
		if vm.Name == p.name(n) {
			return vm, true
		}
	}
	return gce.Instance{}, false
}

func (p *plain) listed(found []gce.Instance, err error) []gce.Instance {
	p.Helper()
	require.NoError(p, err)
	return found
}

func (p *plain) names(found []gce.Instance, err error) []string {
	p.Helper()
	var names []string
	for _, vm := range p.listed(found, err) {
		names = append(names, vm.Name)
	}
	return names
}

// operations are those on the test's VMs, newest first.
func (p *plain) operations(zone string, since time.Time) []gce.Operation {
	p.Helper()
	all, err := p.Cloud.Operations(p.Context(), zone, since)
	require.NoError(p, err)
	var own []gce.Operation
	for _, op := range all {
		if strings.HasPrefix(op.Target, p.run) {
			own = append(own, op)
		}
	}
	return own
}

func (p *plain) requireKind(kind gce.Kind, err error) {
	p.Helper()
	requireKind(p.T, kind, err)
}
