package spotinstancevm

import (
	"context"
	"slices"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// readLast reads for a pool that is being deleted: all zones of the project, with the first credentials that may. The
// pool's own may be deleted by now, since a namespace goes in no order.
func (h *Hook) readLast(ctx context.Context, r request, o *observed, a *access) (map[string]listing, *problem) {
	candidates, first := h.lastAccounts(ctx, r)
	for _, candidate := range candidates {
		cloud, trouble := h.connect(ctx, o.id.project, candidate)
		if trouble == nil {
			found, err := h.sweep(ctx, r, *o, access{cloud: cloud, account: candidate}, h.now())
			if err == nil {
				a.account, a.cloud = candidate, cloud
				return h.readEverywhere(ctx, r, o, *a, found), nil
			}
			if trouble = refusedSweep(err, candidate); trouble == nil {
				// One zone that does not answer makes the list over all of them fail. The others can be emptied.
				a.account, a.cloud = candidate, cloud
				return h.readZones(ctx, r, o, *a, o.now.Add(-operationsForget)), nil
			}
		}
		if first == nil {
			first = trouble
		}
	}
	// A Secret that the API server did not give this time may be there the next.
	o.hopeless = first == nil || first.reason != v1alpha1.ReasonSecretUnreadable
	return nil, first
}

// lastAccounts are the credentials to try in turn, and what is wrong with the pool's own. The operator's own identity is one of
// them in every namespace: it bought while its flag named this one, and to delete is not to buy. Whatever the account, only VMs
// with the labels of this cluster and of this pool's UID are deleted.
func (h *Hook) lastAccounts(ctx context.Context, r request) ([]account, *problem) {
	var candidates []account
	own, trouble := h.accountOf(ctx, r.pool, r.jobs)
	if trouble == nil {
		candidates = withAccount(candidates, own)
	}
	if last, ok := h.memory.account(r.pool.UID); ok {
		candidates = withAccount(candidates, last)
	}
	if last, ok := h.accountOfStatus(ctx, r.pool); ok {
		candidates = withAccount(candidates, last)
	}
	return withAccount(candidates, operatorAccount), trouble
}

// withAccount adds an account that is not among the candidates yet.
func withAccount(candidates []account, a account) []account {
	if slices.ContainsFunc(candidates, func(c account) bool { return c.hash() == a.hash() }) {
		return candidates
	}
	return append(candidates, a)
}

// refusedSweep is the condition of an account that will not get an answer either next time.
func refusedSweep(err error, a account) *problem {
	switch gce.KindOf(err) {
	case gce.Forbidden, gce.NotFound, gce.Invalid:
		return &problem{
			condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonRefusedByGCE,
			message: a.source + " may not read the project: " + err.Error(),
		}
	default:
		return nil
	}
}

// readEverywhere reads the zones known so far and those of the VMs found, and makes up for what one of the two lists
// showed and the other did not. A zone that GCE does not know holds nothing.
func (h *Hook) readEverywhere(ctx context.Context, r request, o *observed, a access, found []gce.Instance) map[string]listing {
	for _, instance := range found {
		if !slices.ContainsFunc(o.zones, func(z zone) bool { return z.name == instance.Zone }) {
			o.zones = append(o.zones, zone{name: instance.Zone})
		}
	}
	listings := h.readZones(ctx, r, o, a, o.now.Add(-operationsForget))
	for i := range o.zones {
		z := &o.zones[i]
		if gce.KindOf(z.failure) == gce.Invalid {
			z.read, z.failure = true, nil
			listings[z.name] = listing{}
		}
	}
	for _, instance := range found {
		l, read := listings[instance.Zone]
		if read && !slices.ContainsFunc(l.instances, func(i gce.Instance) bool { return i.Name == instance.Name }) {
			l.instances = append(slices.Clone(l.instances), instance)
			listings[instance.Zone] = l
		}
	}
	o.everywhere = true
	return listings
}
