package spotinstancevm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// readCloud connects and reads all zones, and says in o how far that went.
func (h *Hook) readCloud(ctx context.Context, r request, o *observed, a *access) (map[string]listing, *problem) {
	due, swept := h.memory.sweepDue(r.pool.UID, o.now)
	o.zones = zonesToRead(*o, r, swept)
	if r.finalizing {
		return h.readLast(ctx, r, o, a)
	}
	found, trouble := h.accountFor(ctx, r)
	if found == nil {
		return nil, trouble
	}
	a.account = *found
	cloud, unusable := h.connect(ctx, o.id.project, a.account)
	if unusable != nil {
		return nil, cmp.Or(trouble, unusable)
	}
	a.cloud = cloud
	var listings map[string]listing
	before := *o
	reads := []func(){func() { listings = h.readZones(ctx, r, o, *a, operationsFrom(before, r.pool.Status, due)) }}
	if due {
		reads = append(reads, func() { _, _ = h.sweep(ctx, r, before, *a, o.now.Add(-sweepShared)) })
	}
	var size *v1alpha1.MachineStatus
	if o.machine == nil {
		reads = append(reads, func() { size = h.readSize(ctx, before, *a) })
	}
	h.together(reads)
	o.takeSize(size)
	if len(listings) > 0 {
		h.memory.worked(r.pool.UID, a.account)
		o.secretRef = a.account.secretRef()
	}
	return listings, cmp.Or(trouble, refusedReads(o.id.project, o.zones, a.account))
}

func (h *Hook) connect(ctx context.Context, project string, a account) (gce.Cloud, *problem) {
	cloud, err := h.cloud.Connect(ctx, project, a.json)
	if err != nil {
		return nil, &problem{
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonCredentialsUnusable,
			message: a.source + " cannot be used: " + err.Error() + ": name a Secret with a service account key in spec.gcpCredentialsSecretRef",
		}
	}
	return h.throttle.over(cloud, project), nil
}

// readZones reads all zones in parallel, with their operations since then, and notes in o.zones which could be read.
func (h *Hook) readZones(ctx context.Context, r request, o *observed, a access, since time.Time) map[string]listing {
	listings := map[string]listing{}
	var mu sync.Mutex
	var reads []func()
	var patience time.Duration
	if since.IsZero() && isQuiet(*o, r) {
		patience = keepQuiet
	}
	working, known := h.memory.account(r.pool.UID)
	own := r.isOwn() && known && working.hash() == a.account.hash() // lists are kept for each account
	for i := range o.zones {
		z := &o.zones[i]
		reads = append(reads, func() {
			at := place{account: a.account.hash(), project: o.id.project, zone: z.name}
			by := reader{pool: r.pool.UID, patience: patience}
			if !own {
				by.news = newsOf(r.pool.Status, z.name)
			}
			found, err := h.zones.read(ctx, a.cloud, at, by, since)
			mu.Lock()
			defer mu.Unlock()
			if z.read, z.failure = err == nil, err; err == nil {
				listings[z.name] = found
			}
		})
	}
	h.together(reads)
	return listings
}

// isQuiet tells, of a pool without anything under way, whether its Nodes and pods give no reason to suspect that GCE has taken a VM.
func isQuiet(o observed, r request) bool {
	heard := map[string]bool{}
	for _, n := range r.nodes {
		if found, ok := nodeOf(o.id, n); ok {
			heard[n.Name] = found.ready && found.agent && !found.noticed && !found.closed && !found.leaving && !found.shutsDown
		}
	}
	for _, entry := range r.pool.Status.ProvisionedInstances {
		if entry.State == v1alpha1.InstanceReady && !heard[entry.NodeName] {
			return false
		}
	}
	for _, p := range r.pods {
		if _, own := heard[p.Spec.NodeName]; own && (hasEnded(p) || p.DeletionTimestamp != nil) {
			return false // a dying VM ends its pods before anything else tells of it
		}
	}
	return true
}

// newsOf is when status last learned something of a zone's VMs.
func newsOf(status v1alpha1.SpotInstanceVMStatus, zone string) (news time.Time) {
	for _, entry := range status.ProvisionedInstances {
		if entry.Zone == zone {
			news = later(news, timeOf(entry.Since))
		}
	}
	return news
}

// sweep searches all zones of the project, so that a VM in a zone that nothing names any more is found. Pools share what was
// read since then.
func (h *Hook) sweep(ctx context.Context, r request, o observed, a access, since time.Time) ([]gce.Instance, error) {
	everything, err := h.zones.readAll(ctx, a.cloud, place{account: a.account.hash(), project: o.id.project}, since)
	if err != nil {
		h.memory.sweepFailed(r.pool.UID, o.now)
		return nil, err
	}
	var found []gce.Instance
	for _, instance := range everything {
		if instance.Labels[labelPoolUID] == o.id.uid {
			found = append(found, instance)
		}
	}
	var zones []string
	for _, instance := range found {
		if !slices.Contains(zones, instance.Zone) {
			zones = append(zones, instance.Zone)
		}
	}
	h.memory.swept(r.pool.UID, o.now, zones)
	return found, nil
}

// zonesToRead are the zones of the spec, then all others that status, a Node or the last sweep names.
func zonesToRead(o observed, r request, swept []string) []zone {
	var zones []zone
	add := func(name string, wanted bool) {
		known := slices.ContainsFunc(zones, func(z zone) bool { return z.name == name })
		if known || name == "" {
			return
		}
		z := zone{name: name, wanted: wanted}
		for _, status := range r.pool.Status.Zones {
			if status.Zone == name {
				z.block = block{until: timeOf(status.BlockedUntil), reason: status.Reason, message: status.Message}
				z.standardUntil, z.lastLoss = timeOf(status.StandardBlockedUntil), timeOf(status.LastLossTime)
			}
		}
		zones = append(zones, z)
	}
	for _, name := range o.settings.zones {
		add(name, true)
	}
	others := slices.Clone(swept)
	for _, status := range r.pool.Status.Zones {
		others = append(others, status.Zone)
	}
	for _, entry := range r.pool.Status.ProvisionedInstances {
		others = append(others, entry.Zone)
	}
	for _, n := range r.nodes {
		if found, ok := nodeOf(o.id, n); ok {
			others = append(others, found.zone)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		add(name, false)
	}
	return zones
}

// How far back operations are read.
const (
	operationsForget = time.Hour       // at most
	operationsBefore = 2 * time.Minute // the news of them; clocks differ, and a Node is slower than GCE
)

// operationsFrom is since when the zones' operations matter; zero if they do not. They do while the pool is not as it should
// be: of a Ready VM they say nothing that its list does not. Lists of operations are long where much happens, so no more of
// them is read than since the oldest change that is under way, but for an hour when a VM is gone and nothing tells why, and
// at each sweep.
func operationsFrom(o observed, status v1alpha1.SpotInstanceVMStatus, swept bool) time.Time {
	forget := o.now.Add(-operationsForget)
	needed, alive := false, 0
	from := o.now.Add(-operationsBefore)
	for _, entry := range status.ProvisionedInstances {
		since := timeOf(entry.Since)
		switch {
		case entry.State == v1alpha1.InstanceReady:
			alive++
		case entry.State == v1alpha1.InstanceGone && since.Before(forget):
		case entry.State == v1alpha1.InstanceGone && entry.Reason == v1alpha1.VMLost:
			needed, swept = true, true
		case entry.State == v1alpha1.InstanceGone:
			needed = true
		default:
			needed, from = true, earlier(from, since.Add(-operationsBefore))
		}
	}
	switch {
	case !needed && !o.edited && status.ObservedGeneration > 0 && alive == wanted(o):
		return time.Time{}
	case swept:
		return forget.Truncate(time.Minute)
	}
	return later(from, forget).Truncate(time.Minute) // so that pools share lists
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// refusedReads is the condition of credentials that may not read, if that is why zones cannot be read.
func refusedReads(project string, zones []zone, a account) *problem {
	for _, z := range zones {
		if gce.KindOf(z.failure) == gce.Forbidden {
			remedy := remedyOf(z.failure.Error(), project, "grant it roles/compute.instanceAdmin.v1 or use another service account")
			return &problem{
				condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE,
				message: a.source + " may not read the project: " + z.failure.Error() + ": " + remedy,
			}
		}
	}
	return nil
}

// zoneProblems are the zones of the spec that GCE does not know, or the project, whatever its zones.
func zoneProblems(o observed) []problem {
	var problems []problem
	for i, z := range o.zones {
		switch {
		case !z.wanted || gce.KindOf(z.failure) != gce.Invalid:
		case strings.Contains(z.failure.Error(), "'projects/"+o.id.project+"' was not found"):
			return []problem{specProblem(v1alpha1.ReasonRefusedByGCE, "spec.gcp.project", "GCE knows no project "+o.id.project+", or the credentials may not see it: use the project's id, such as my-project-123")}
		default:
			problems = append(problems, specProblem(v1alpha1.ReasonZoneUnknown, zoneField(i), "GCE knows no zone "+z.name+": use a zone such as us-central1-a"))
		}
	}
	return problems
}
