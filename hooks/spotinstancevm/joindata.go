package spotinstancevm

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
)

const (
	joinSecret      = "kubeadm-join-token" // of the pool's namespace, if the spec names none
	signaturePrefix = "jws-kubeconfig-"    // of the keys of cluster-info, one per valid token
	keepSignature   = time.Minute
)

// joinData is what a new VM needs to join this cluster, and what is wrong with it.
func (h *Hook) joinData(ctx context.Context, pool *v1alpha1.SpotInstanceVM) (bootstrap.Join, []problem) {
	config := v1alpha1.KubeadmJoinConfig{}
	if pool.Spec.KubeadmJoinConfig != nil {
		config = *pool.Spec.KubeadmJoinConfig
	}
	name := types.NamespacedName{Namespace: pool.Namespace, Name: config.TokenSecretRef}
	if name.Name == "" {
		name.Name = joinSecret
	}
	secret, trouble := h.joinSecret(ctx, name)
	if trouble != nil {
		return bootstrap.Join{}, []problem{*trouble}
	}
	value := func(key, override string) string {
		if override != "" {
			return override
		}
		return strings.TrimSpace(string(secret.Data[key]))
	}
	join := bootstrap.Join{
		Token:      value(bootstrap.KeyToken, ""),
		CACertHash: value(bootstrap.KeyCACertHash, config.CACertHash),
		Endpoint:   value(bootstrap.KeyEndpoint, config.ControlPlaneEndpoint),
	}
	if problems := join.Problems(); len(problems) > 0 {
		h.secrets.forget(name)
		return join, joinProblems(problems, config, name)
	}
	if trouble := h.signatures.check(ctx, join.TokenID(), name); trouble != nil {
		h.secrets.forget(name)
		return join, []problem{*trouble}
	}
	return join, nil
}

func (h *Hook) joinSecret(ctx context.Context, name types.NamespacedName) (*corev1.Secret, *problem) {
	secret, err := h.secrets.read(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil, joinProblem(v1alpha1.ReasonSecretNotFound, "spec.kubeadmJoinConfig.tokenSecretRef: Secret %s does not exist: create it with the keys %s, %s and %s",
			name, bootstrap.KeyToken, bootstrap.KeyCACertHash, bootstrap.KeyEndpoint)
	}
	if err != nil {
		return nil, joinProblem(v1alpha1.ReasonSecretUnreadable, "spec.kubeadmJoinConfig.tokenSecretRef: Secret %s could not be read: %s", name, apiReason(err))
	}
	return secret, nil
}

// joinProblems name the field of the spec, or the key of the Secret, that each bad value came from.
func joinProblems(found []bootstrap.Problem, config v1alpha1.KubeadmJoinConfig, secret types.NamespacedName) []problem {
	var problems []problem
	for _, p := range found {
		source := fmt.Sprintf("key %s of Secret %s (spec.kubeadmJoinConfig.tokenSecretRef)", p.Field, secret)
		if p.Field == bootstrap.KeyCACertHash && config.CACertHash != "" {
			source = "spec.kubeadmJoinConfig.caCertHash"
		}
		if p.Field == bootstrap.KeyEndpoint && config.ControlPlaneEndpoint != "" {
			source = "spec.kubeadmJoinConfig.controlPlaneEndpoint"
		}
		problems = append(problems, *joinProblem(v1alpha1.ReasonJoinValueMalformed, "%s: %s", source, p.Message))
	}
	return problems
}

func joinProblem(reason, format string, args ...any) *problem {
	return &problem{condition: v1alpha1.ConditionJoinDataValid, reason: reason, message: fmt.Sprintf(format, args...)}
}

// signatureReader tells whether cluster-info is signed with a token, which it is while the token is valid. A signature
// that was seen is not looked for again for a minute.
type signatureReader struct {
	now  func() time.Time
	kube Kube

	mu   sync.Mutex
	seen map[string]time.Time // by token id
}

func newSignatureReader(now func() time.Time, kube Kube) *signatureReader {
	return &signatureReader{now: now, kube: kube, seen: map[string]time.Time{}}
}

func (r *signatureReader) check(ctx context.Context, token string, secret types.NamespacedName) *problem {
	r.mu.Lock()
	at, found := r.seen[token]
	r.mu.Unlock()
	if found && r.now().Sub(at) < keepSignature {
		return nil
	}
	info, err := r.kube.ClusterInfo(ctx)
	switch {
	case apierrors.IsNotFound(err):
		return joinProblem(v1alpha1.ReasonClusterInfoMissing, "this cluster has no ConfigMap kube-public/cluster-info, without which kubeadm cannot join: run kubeadm init phase bootstrap-token on a control plane node")
	case err != nil:
		return joinProblem(v1alpha1.ReasonSecretUnreadable, "ConfigMap kube-public/cluster-info, which tells whether the join token is valid, could not be read: %s", apiReason(err))
	case info.Data[signaturePrefix+token] == "":
		return joinProblem(v1alpha1.ReasonJoinTokenExpired, "key %s of Secret %s (spec.kubeadmJoinConfig.tokenSecretRef): the token has expired or was never made: run kubeadm token create --print-join-command and put the new token there", bootstrap.KeyToken, secret)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[token] = r.now()
	return nil
}
