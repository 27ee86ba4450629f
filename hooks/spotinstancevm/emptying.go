package spotinstancevm

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Buying and deleting ask for different accounts. What buys is named now: see accountOf. What reads and deletes may have been
// named once, since a VM that nobody may pay for any more must not run on for want of a key.
//
//	credentials                        may
//	named now, and usable              buy VMs, read zones, delete idle VMs, finalize
//	named now, and gone or unusable    finalize, if the server remembers the key
//	none named; status names a Secret  read zones, delete idle VMs and finalize, if that Secret exists
//	none named; VMs in status          read zones, delete idle VMs and finalize, with the operator's own identity
//	none named; no VM in status        finalize, with the operator's own identity

// accountFor is the account to read zones with, nil if there is none, and what keeps it from buying.
func (h *Hook) accountFor(ctx context.Context, r request) (*account, *problem) {
	named, trouble := h.accountOf(ctx, r.pool, r.jobs)
	if trouble == nil {
		return &named, nil
	}
	if trouble.reason != v1alpha1.ReasonOwnIdentityDenied {
		return nil, trouble
	}
	last, found := h.accountOfStatus(ctx, r.pool)
	if !found && !ownIdentityBought(r.pool.Status) {
		return nil, trouble
	}
	if !found {
		last = operatorAccount
	}
	trouble.message += "; until then no VM is bought, and VMs that nobody needs are deleted with " + last.source
	return &last, trouble
}

// accountOfStatus is the account of the Secret whose key has last worked, as long as the Secret exists and is shared.
func (h *Hook) accountOfStatus(ctx context.Context, pool *v1alpha1.SpotInstanceVM) (account, bool) {
	ref := pool.Status.CredentialsSecretRef
	if ref == nil {
		return account{}, false
	}
	last, trouble := h.accountFrom(ctx, pool.Namespace, claim{secret: secretOf(*ref, pool.Namespace), field: "status.credentialsSecretRef"})
	return last, trouble == nil
}

// ownIdentityBought tells whether the pool has VMs that no Secret's key can have bought: the flag named the namespace then.
func ownIdentityBought(status v1alpha1.SpotInstanceVMStatus) bool {
	return status.CredentialsSecretRef == nil && slices.ContainsFunc(status.ProvisionedInstances, func(entry v1alpha1.VMInstanceStatus) bool {
		return entry.State != v1alpha1.InstanceGone && entry.State != v1alpha1.InstancePlanned
	})
}

// secretRef is what status says of an account that works; nil for the operator's own identity.
func (a account) secretRef() *corev1.SecretReference {
	if a.json == nil {
		return nil
	}
	return &corev1.SecretReference{Namespace: a.secret.Namespace, Name: a.secret.Name}
}

// resolve observes and decides, and does so once more by what is there now, if that would change something and
//
//   - the API server has another status than the request (prove.go), or
//   - buy a VM with a key that is not the Secret's any more: Secrets are kept for a minute, and a key that was deleted or replaced must
//     not buy for that long.
func (h *Hook) resolve(ctx context.Context, r *request, prove prover) (observed, access, decision) {
	o, a := h.observe(ctx, *r)
	d := decide(o)
	if !d.changes() {
		return o, a, d
	}
	behind, outdated := false, false
	checks := []func(){func() { behind = isBehind(*r, prove) }}
	if d.buys() {
		checks = append(checks, func() { outdated = h.isOutdated(ctx, *r, a.account) })
	}
	h.together(checks)
	if behind {
		pool, _ := prove() // as isBehind has it
		r.goOnFrom(pool)
		h.secrets.forget(a.account.secret)
	}
	if behind || outdated {
		o, a = h.observe(ctx, *r)
		d = decide(o)
	}
	return o, a, d
}

func (d decision) changes() bool { return len(d.operations) > 0 || d.finalized }

func (d decision) buys() bool {
	return slices.ContainsFunc(d.operations, func(op operation) bool { return op.verb == insertVM })
}

// isOutdated asks for the Secret past what was kept of it. That there is none is never kept.
func (h *Hook) isOutdated(ctx context.Context, r request, used account) bool {
	if used.json == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	h.secrets.forget(used.secret)
	now, trouble := h.accountOf(ctx, r.pool, r.jobs)
	return trouble != nil || now.hash() != used.hash()
}
