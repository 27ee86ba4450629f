package spotinstancevm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	credentialsKey    = "credentials.json"
	credentialsSecret = "gcp-credentials" // of the pool's namespace, if nobody names one
	keepSecret        = time.Minute
)

// account is a set of Google Cloud credentials.
type account struct {
	json   []byte               // nil: Application Default Credentials
	secret types.NamespacedName // that holds json
	source string               // for the user: "Secret ns/name"
}

func (a account) hash() string { return v1alpha1.Hash(string(a.json)) }

var operatorAccount = account{source: "the operator's own identity (Application Default Credentials)"}

// secretReader gets Secrets and remembers them for a minute, so that a pool that syncs every two seconds costs little.
// A Secret that was not found is asked for again.
type secretReader struct {
	now  func() time.Time
	kube Kube

	mu   sync.Mutex
	kept map[types.NamespacedName]keptSecret
}

type keptSecret struct {
	secret *corev1.Secret
	at     time.Time
}

func newSecretReader(now func() time.Time, kube Kube) *secretReader {
	return &secretReader{now: now, kube: kube, kept: map[types.NamespacedName]keptSecret{}}
}

func (r *secretReader) read(ctx context.Context, name types.NamespacedName) (*corev1.Secret, error) {
	r.mu.Lock()
	kept, found := r.kept[name]
	r.mu.Unlock()
	if found && r.now().Sub(kept.at) < keepSecret {
		return kept.secret, nil
	}
	secret, err := r.kube.Secret(ctx, name.Namespace, name.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.kept, func(other types.NamespacedName, kept keptSecret) bool {
		return other == name || r.now().Sub(kept.at) >= keepSecret
	})
	if err != nil {
		return nil, err
	}
	r.kept[name] = keptSecret{secret: secret, at: r.now()}
	return secret, nil
}

// forget makes the next read go to the API server: what was read is of no use and will be fixed, or may be out of date.
func (r *secretReader) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.kept, name)
}

// claim is one place that may name the credentials, and how the user calls it.
type claim struct {
	secret types.NamespacedName
	field  string
}

// accountOf is the account that may buy for the pool: that of its own reference, else of the jobs that use it if they agree,
// else of the namespace's Secret, else the operator's own if its flag names the namespace.
func (h *Hook) accountOf(ctx context.Context, pool *v1alpha1.SpotInstanceVM, jobs []batchv1.Job) (account, *problem) {
	if named, ok := namedCredentials(pool, jobs); ok {
		return h.accountFrom(ctx, pool.Namespace, named)
	}
	fallback := claim{secret: types.NamespacedName{Namespace: pool.Namespace, Name: credentialsSecret}, field: "credentials of namespace " + pool.Namespace}
	found, trouble := h.accountFrom(ctx, pool.Namespace, fallback)
	if trouble == nil || trouble.reason != v1alpha1.ReasonSecretNotFound {
		return found, trouble
	}
	if slices.Contains(h.trusted, pool.Namespace) {
		return operatorAccount, nil
	}
	return account{}, ownIdentityDenied(pool.Namespace)
}

// ownIdentityDenied says both ways out: a key of the user's own, and the flag of whoever runs the operator.
func ownIdentityDenied(namespace string) *problem {
	return &problem{
		condition: v1alpha1.ConditionCredentialsValid, reason: v1alpha1.ReasonOwnIdentityDenied,
		message: fmt.Sprintf("no credentials: spec.gcpCredentialsSecretRef is unset, the SpotInstanceJobs that use this pool do not name one Secret, and Secret %[1]s/%[2]s does not exist: "+
			"put a service account key into Secret %[2]s of this namespace under the key %[3]s, or name another Secret in spec.gcpCredentialsSecretRef; "+
			"or ask whoever runs the operator to add %[1]s to --own-identity-namespaces, so that it buys VMs with its own Google identity",
			namespace, credentialsSecret, credentialsKey),
	}
}

func namedCredentials(pool *v1alpha1.SpotInstanceVM, jobs []batchv1.Job) (claim, bool) {
	if ref := pool.Spec.GCPCredentialsSecretRef; ref != nil {
		return claim{secret: secretOf(*ref, pool.Namespace), field: "spec.gcpCredentialsSecretRef"}, true
	}
	var agreed string
	for _, job := range jobs {
		named := job.Annotations[v1alpha1.AnnotationCredentials]
		if named == "" || job.DeletionTimestamp != nil {
			continue
		}
		if agreed != "" && agreed != named {
			return claim{}, false
		}
		agreed = named
	}
	namespace, name, ok := strings.Cut(agreed, "/")
	return claim{secret: types.NamespacedName{Namespace: namespace, Name: name}, field: "spec.gcpCredentialsSecretRef of the SpotInstanceJobs that use this pool"}, ok
}

// secretOf is the Secret that a reference of an object in this namespace names.
func secretOf(ref corev1.SecretReference, namespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(ref.Namespace, namespace), Name: ref.Name}
}

func (h *Hook) accountFrom(ctx context.Context, namespace string, named claim) (account, *problem) {
	invalid := func(reason, format string, args ...any) (account, *problem) {
		h.secrets.forget(named.secret)
		return account{}, &problem{condition: v1alpha1.ConditionCredentialsValid, reason: reason, message: named.field + ": " + fmt.Sprintf(format, args...)}
	}
	secret, err := h.secrets.read(ctx, named.secret)
	if apierrors.IsNotFound(err) {
		return invalid(v1alpha1.ReasonSecretNotFound, "Secret %s does not exist: create it with the key %s, a service account key", named.secret, credentialsKey)
	}
	if err != nil {
		return invalid(v1alpha1.ReasonSecretUnreadable, "Secret %s could not be read: %s", named.secret, apiReason(err))
	}
	if !isShared(secret, namespace) {
		return invalid(v1alpha1.ReasonSecretNotShared, "Secret %s does not allow namespace %s: annotate it with %s=%s", named.secret, namespace, v1alpha1.AnnotationAllowNamespaces, namespace)
	}
	if len(secret.Data[credentialsKey]) == 0 {
		return invalid(v1alpha1.ReasonKeyMissing, "Secret %s has no key %s: put a service account key there", named.secret, credentialsKey)
	}
	return account{json: secret.Data[credentialsKey], secret: named.secret, source: "Secret " + named.secret.String()}, nil
}

// isShared tells whether a Secret may be used for a pool of this namespace.
func isShared(secret *corev1.Secret, namespace string) bool {
	if secret.Namespace == namespace {
		return true
	}
	for allowed := range strings.SplitSeq(secret.Annotations[v1alpha1.AnnotationAllowNamespaces], ",") {
		if slices.Contains([]string{"*", namespace}, strings.TrimSpace(allowed)) {
			return true
		}
	}
	return false
}

// apiReason is an error of the API server without its request's details, so that a condition stays as it is.
func apiReason(err error) string {
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "the API server did not answer in time"
	}
	return "the API server did not answer"
}
